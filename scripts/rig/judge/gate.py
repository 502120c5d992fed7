# SPDX-License-Identifier: GPL-2.0
"""The WARN gate: what the kernel reported while a program ran, from its counters and its log.

Both are needed.  warn_count counts WARN() and "scheduling while atomic", but no lockdep report,
no RCU stall and no "sleeping function called"; and the log lacks what its ring has overwritten.
"""

import re
from collections.abc import Iterable, Iterator

from rig.judge.outcome import Outcome
from rig.judge.symbols import plain

# Taint that is no alarm: O, an out-of-tree module; E, an unsigned one; N, KUnit has run.
TAINT_HARMLESS = 1 << 12 | 1 << 13 | 1 << 18
TAINT_LETTERS = "PFSRMBUDAWCIOELKXTNJ"

ALARM = re.compile(
    r"WARNING:|\bBUG\b|Oops|Internal error:|Kernel panic|Unable to handle"
    r"|general protection fault|Call [Tt]race:|cut here"
    r"|INFO: task .* blocked for more than|soft lockup"
    r"|detected (expedited )?stalls|self-detected stall"
    r"|sleeping function called|scheduling (while|in a non-blocking section)"
    r"|refcount_t:|bad p[gu4m]d|list_(add|del) corruption|page allocation failure|UBSAN:"
    r"|^ *not ok "  # a KUnit suite failed that kunit.py does not read
)

# How a test announces on its standard output what it expects: one WARN, which comes exactly once;
# WARNs of a file of the kernel's source, of which at least one comes, each as often as it likes; BUGs after which the kernel goes on, of which at least one comes, each as often as it likes;
# lockdep's report of a circle of locks, which comes once and turns lockdep off; and one oops, in
# which a task dies and the kernel goes on.
EXPECT = re.compile(r"^# *mnck-expect: WARN (.+)$", re.MULTILINE)
EXPECT_WARNS = re.compile(r"^# *mnck-expect: WARNS (.+)$", re.MULTILINE)
EXPECT_BUG = re.compile(r"^# *mnck-expect: BUG (.+)$", re.MULTILINE)
EXPECT_LOCKDEP = re.compile(r"^# *mnck-expect: LOCKDEP (.+)$", re.MULTILINE)
EXPECT_OOPS = re.compile(r"^# *mnck-expect: OOPS (.+)$", re.MULTILINE)

CIRCLE = "WARNING: possible circular locking dependency detected"
CIRCLE_LINK = re.compile(r"-> #\d+ \((.+)\)\{")

# The lines of the OOM reaper's report after its first one, on a kernel without lockdep.
REAPER_TRACE = re.compile(r"task:| |Call [Tt]race:")

CALL_TRACE = re.compile(r"Call [Tt]race:")

# The lines of a report that an excerpt leaves out: they help only beside the whole log.
NOISE = re.compile(
    r" *(R(?!IP)[A-Z0-9]{2}|RIP: 0033|EFLAGS|[CDEFG]S|[CD]R\d|PKRU|sp|lr|x\d+|pstate|Code)( ?:|=)"
    r"|  (ESR|EC|SET|EA|FSC|ISV|CM|GCS)\b|user pgtable|(Mem|Data) abort info:"
    r"|SMP: stopping|Kernel Offset:|CPU features:|Memory Limit:"
    r"|Modules linked in:|Tainted:|Hardware name:|CPU: |PANIC:"
    r"|irq event stamp|(hard|soft)irqs last| \? | *</?(TASK|IRQ)>|-+\[ (cut here|end trace)"
)
EXCERPT = 24


def gate(outcome: Outcome) -> tuple[list[str], list[str]]:
    """Returns what is wrong, most important first, and the lines of the log that show it.

    Both are empty if the kernel raised no alarm but those that the test announced: one WARN, WARNs
    of a source file, BUGs, a circle of locks, and an oops.
    """
    before, after = outcome.before, outcome.after
    assert after
    log = map(strip_time, outcome.log)
    announced = EXPECT_WARNS.findall(outcome.output)
    bugs = EXPECT_BUG.findall(outcome.output)
    log = without_oom_reports(log, before.lockdep is not None)
    warns, rest = split_warns(untangle(log, announced, bugs) if announced or bugs else log)
    of_files = [warn for warn in warns if _is_of(announced, place(warn))]
    warns = [warn for warn in warns if not _is_of(announced, place(warn))]
    wrong, lines = _judge_warns(warns, EXPECT.findall(outcome.output))
    if announced and not of_files:
        wrong.append(f"no expected WARN came of {', nor '.join(announced)}")
    came, rest = split_bugs(rest, bugs)
    if bugs and not came:
        wrong.append(f"the expected BUG did not come: {', nor '.join(bugs)}")
    if came and warns:
        # The end of a BUG's report whose beginning is in that of a WARN, or the reverse.
        rest = [line for line in rest if not CALL_TRACE.match(line)]
    announced = EXPECT_OOPS.findall(outcome.output)
    oopses, rest = split_oopses(rest, announced)
    if announced and len(oopses) != 1:
        wrong.append(f"one oops was expected, {len(oopses)} came: {', '.join(announced)}")
    named = bool(warns or of_files or came or oopses) and not wrong
    circle, rest, complaint = _judge_circle(rest, EXPECT_LOCKDEP.findall(outcome.output))
    wrong += complaint

    if alarms := [i for i, line in enumerate(rest) if ALARM.search(line)]:
        wrong.append(rest[alarms[0]].strip())
        lines += excerpt(rest[alarms[0] :])
    if before.lockdep is None:
        pass  # the kernel has none
    elif not before.lockdep:
        wrong.append("lockdep did not watch: an earlier report has turned it off")
    elif not after.lockdep and not circle:
        wrong.append("lockdep has turned itself off")
    if after.oopses - before.oopses != len(oopses):
        wrong.append(f"oops_count rose by {after.oopses - before.oopses}")
    reports = len(warns) + len(of_files)
    if after.warns - before.warns != reports and not alarms:
        wrong.append(
            f"warn_count rose by {after.warns - before.warns}, the log has {reports} reports"
        )
    taint = after.taint & ~before.taint & ~TAINT_HARMLESS
    if taint and not wrong and not named:
        wrong.append(f"the kernel is tainted: {taint_letters(taint)}")
    return wrong, lines


def _judge_warns(warns: list[list[str]], expected: list[str]) -> tuple[list[str], list[str]]:
    """Compares the reports of all WARNs with what the test announced."""
    lines = excerpt(warns[0]) if warns else []
    if not expected and len(warns) > 1:
        return [f"{len(warns)} unexpected WARNs, the first: {subject(warns[0])}"], lines
    if not expected:
        return [f"unexpected WARN: {subject(warn)}" for warn in warns], lines
    if len(expected) > 1:
        return [f"{len(expected)} WARNs announced, a test may announce one"], lines
    if not warns:
        return [f"the expected WARN did not come: {expected[0]}"], []
    if len(warns) > 1:
        return [f"{len(warns)} WARNs came, one was expected: {expected[0]}"], lines
    if plain(expected[0]) not in plain(subject(warns[0])):
        return [f"the WARN names {subject(warns[0])!r}, expected was {expected[0]!r}"], lines
    return [], []


def _judge_circle(lines: list[str], expected: list[str]) -> tuple[str, list[str], list[str]]:
    """Returns the announced circle of locks if it came, all other lines, and what is wrong."""
    if not expected:
        return "", lines, []
    circle, rest = split_circle(lines)
    if not circle:
        return "", lines, [f"the expected lockdep report did not come: {expected[0]}"]
    if any(plain(text) not in plain(circle) for text in expected):
        return "", rest, [f"lockdep reports {circle!r}, expected was {' and '.join(expected)!r}"]
    return circle, rest, []


def _is_of(files: list[str], line: str) -> bool:
    """Returns whether a line has the place of a WARN in one of the source files."""
    return line.startswith("WARNING:") and any(f" {file}:" in line for file in files)


def untangle(lines: Iterable[str], files: list[str], bugs: list[str]) -> Iterator[str]:
    """Yields all lines, but one after the other the reports that CPUs have logged at once: first
    those of `bugs` and of WARNs in `files`, in short, and then one that has all other lines.
    """
    held: list[str] = []  # the report of a BUG, up to its call trace
    tangle: list[str] = []  # from the first "cut here" to the last "end trace"
    depth = 0
    for line in lines:
        is_bug = line.startswith("BUG: ") and any(text in line for text in bugs)
        begins = "[ cut here ]" in line
        if begins and held:
            yield from (held[0], "Call Trace:")
            tangle += held[1:]
            held = []
        depth += begins
        if depth and is_bug:
            yield from (line, "Call Trace:")
        elif depth:
            tangle.append(line)
        elif is_bug or held:
            yield from held if is_bug else ()
            held = [line] if is_bug else [*held, line]
        else:
            yield line
        if held and CALL_TRACE.match(line):
            yield from held
            held = []
        if "---[ end trace" in line and depth:
            depth -= 1
            if not depth:
                yield from _untangled(tangle, files)
                tangle = []
    yield from tangle + held


def _untangled(tangle: list[str], files: list[str]) -> Iterator[str]:
    """Yields a report for each WARN in `files`, if there are several, and one with all else."""
    marks = [line for line in tangle if "[ cut here ]" in line or "---[ end trace" in line]
    places = [line for line in tangle if _is_of(files, line)] if len(marks) > 2 else []
    for at in places:
        yield from (marks[0], at, marks[-1])
    others = [line for line in tangle if line not in (*marks, *places)]
    if not places or any(line.startswith("WARNING:") for line in others):
        # Its message comes first, as in a report that is not tangled.
        others.sort(key=lambda line: not line.startswith(("mnck: ", "WARNING:")))
        yield from (marks[0], *others, marks[-1])


def split_warns(lines: Iterable[str]) -> tuple[list[list[str]], list[str]]:
    """Returns the reports of WARNs, each from "cut here" to "end trace", and all other lines."""
    warns: list[list[str]] = []
    rest: list[str] = []
    report: list[str] | None = None
    for line in lines:
        if "[ cut here ]" in line:
            rest += report or []
            report = []
        if report is None:
            rest.append(line)
            continue
        report.append(line)
        if "---[ end trace" in line:
            is_warn = any(line.startswith("WARNING:") for line in report)
            (warns.append if is_warn else rest.extend)(report)
            report = None
    return warns, rest + (report or [])


def split_bugs(lines: Iterable[str], announced: list[str]) -> tuple[set[str], list[str]]:
    """Returns which of the `announced` BUGs came, and all lines that are not of their reports.

    A report is a line "BUG: " with the announced text, and all up to the end of its call trace.
    """
    came: set[str] = set()
    rest: list[str] = []
    report: list[str] = []
    text = ""
    in_trace = False
    for line in lines:
        if in_trace and line.startswith(" "):
            continue
        in_trace = False
        if report and CALL_TRACE.match(line):
            came.add(text)
            report = []
            in_trace = True
        elif report and not ALARM.search(line):
            report.append(line)
        else:
            # Another alarm came before the call trace: a report without its end excuses nothing.
            rest += report
            text = next((t for t in announced if line.startswith("BUG: ") and t in line), "")
            report = [line] if text else []
            rest += [] if text else [line]
    return came, rest + report


def split_oopses(lines: list[str], announced: list[str]) -> tuple[list[str], list[str]]:
    """Returns the first line of each oops that has an `announced` text there, and all lines that
    are not of their reports.

    A report goes on to "end trace".  One in which another begins excuses nothing.
    """
    found: list[str] = []
    rest: list[str] = []
    report: list[str] = []
    for line in lines:
        first = any(text in line for text in announced)
        if first or "[ cut here ]" in line:
            rest += report
            report = []
        if not first and not report:
            rest.append(line)
            continue
        report.append(line)
        if "---[ end trace" in line:
            found.append(report[0])
            report = []
    return found, rest + report


def split_circle(lines: list[str]) -> tuple[str, list[str]]:
    """Returns the locks of lockdep's report of a circle, and all lines that are not of the report.

    Each lock is taken under the one before it, and the first under the last.  A report without its
    call trace, or with another alarm before it, does not count.
    """
    begin = next((i for i, line in enumerate(lines) if line.startswith(CIRCLE)), len(lines))
    rest = lines[begin + 1 :]
    trace = next((i for i, line in enumerate(rest) if ALARM.search(line)), len(rest))
    if trace == len(rest) or not CALL_TRACE.match(rest[trace]):
        return "", lines
    links = [match[1] for line in rest[:trace] if (match := CIRCLE_LINK.match(line))]
    after = rest[trace + 1 :]
    end = next((i for i, line in enumerate(after) if not line.startswith(" ")), len(after))
    return " -> ".join(reversed(links)), lines[:begin] + after[end:]


def place(warn: list[str]) -> str:
    """Returns the line of a WARN's report that has its place in the source."""
    return next(line for line in warn if line.startswith("WARNING:"))


def subject(warn: list[str]) -> str:
    """Returns the message of a WARN's report, or its place in the source if it has no message.

    The call trace is left out: a name that stands only there proves nothing.
    """
    head = warn[1 : next((i for i, line in enumerate(warn) if _ends_head(line)), len(warn))]
    message = " ".join(line.strip() for line in head if line != place(warn))
    return message or place(warn)


def _ends_head(line: str) -> bool:
    return line.startswith(("Modules linked in:", "CPU:"))


def without_oom_reports(lines: Iterable[str], has_lockdep: bool) -> Iterator[str]:
    """Yields all lines but the reports of the OOM killer and of its reaper.

    Tests provoke them, and they show call traces and locks of tasks that did nothing wrong.  The
    reaper's report ends with lockdep's list of locks if there is lockdep, else with the call trace.
    """
    end = ""
    held: list[str] = []
    in_last_trace = False
    for line in lines:
        if in_last_trace and not line.startswith(" "):
            in_last_trace = False
            end = ""
            held = []
        elif end == "=====" and not has_lockdep and not REAPER_TRACE.match(line):
            yield from held
            end = ""
            held = []
        if " invoked oom-killer: " in line:
            end = "oom-kill:"
        elif line.startswith("oom_reaper: unable to reap"):
            end = "====="
        if not end:
            yield line
            continue
        held.append(line)
        if end == "=====" and not has_lockdep and CALL_TRACE.match(line):
            in_last_trace = True
        if line.startswith(end):
            end = ""
            held = []
    # A report without its end excuses nothing.
    if not in_last_trace:
        yield from held


def post_mortem(console: Iterable[str]) -> tuple[str | None, list[str]]:
    """Returns why a guest died, None if the console does not say, and the lines that show it."""
    lines = console_of_last_program(console)
    alarms = [i for i, line in enumerate(lines) if ALARM.search(line)]
    if not alarms:
        return None, lines[-5:]
    reason = lines[alarms[0]].strip()
    if "cut here" in reason and len(alarms) > 1:
        reason = lines[alarms[1]].strip()
    panic = next((line.strip() for line in lines if "Kernel panic" in line), reason)
    return reason if panic == reason else f"{reason}; {panic}", excerpt(lines[alarms[0] :])


def console_of_last_program(console: Iterable[str]) -> list[str]:
    """Returns the lines of the console since the last program was started."""
    lines = [strip_time(line) for line in console]
    started = max((i for i, line in enumerate(lines) if line.startswith("rig: ")), default=-1)
    return lines[started + 1 :]


def excerpt(lines: Iterable[str]) -> list[str]:
    """Returns the first lines of a report, without the noise."""
    return [line for line in lines if line.strip() and not NOISE.match(line)][:EXCERPT]


def strip_time(line: str) -> str:
    """Returns a line of the log without its level and its time stamp."""
    return re.sub(r"^(<\d+>)?\[ *\d+\.\d+\] ?", "", line.rstrip())


def taint_letters(taint: int) -> str:
    """Returns the letters of Documentation/admin-guide/tainted-kernels.rst for `taint`."""
    return "".join(letter for bit, letter in enumerate(TAINT_LETTERS) if taint >> bit & 1)
