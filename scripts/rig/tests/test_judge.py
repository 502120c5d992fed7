# SPDX-License-Identifier: GPL-2.0
"""Unit tests of rig.judge: how reports are read and judged."""

import unittest
from pathlib import Path

from rig.judge import gate, ktap, kunit, symbols
from rig.judge.outcome import Outcome, State
from rig.judge.verdict import FAIL, OK, SKIP, XFAIL, Verdict, judge, refuse_skip

PASSED = "KTAP version 1\n1..1\nok 1 a.b\n"
WARN = """\
[    1.0] ------------[ cut here ]------------
[    1.0] mnck: counter 3 was left open
[    1.0] WARNING: src/check/pairing.rs:7 at report+0x10/0x20 [mnck], CPU#0: munmap/52
[    1.0] Modules linked in: mnck(O)
[    1.0] Call Trace:
[    1.0]  trylock_start+0x1/0x2
[    1.0] ---[ end trace 0000000000000000 ]---
"""
BUG = """\
[    1.0] BUG: scheduling in a non-blocking section: munmap/52/1
[    1.0] CPU: 0 UID: 0 PID: 52 Comm: munmap
[    1.0] Call Trace:
[    1.0]  <TASK>
[    1.0]  dump_stack_lvl+0x1/0x2
[    1.0]  </TASK>
"""
OOPS = """\
[    1.0] BUG: kernel NULL pointer dereference, address: 0000000000000000
[    1.0] Oops: Oops: 0000 [#1] SMP PTI
[    1.0] CPU: 0 UID: 0 PID: 52 Comm: munmap
[    1.0] Call Trace:
[    1.0]  oops+0x1/0x2 [mnck]
[    1.0] ---[ end trace 0000000000000000 ]---
[    1.0] RIP: 0010:oops+0x1/0x2 [mnck]
"""
CIRCLE = """\
[    1.0] ======================================================
[    1.0] WARNING: possible circular locking dependency detected
[    1.0] 7.3 Tainted: G           O
[    1.0] ------------------------------------------------------
[    1.0] munmap/52 is trying to acquire lock:
[    1.0] ffff (&mm->mmap_lock){++++}-{4:4}, at: release+0x1/0x2 [mnck]
[    1.0]
[    1.0] the existing dependency chain (in reverse order) is:
[    1.0]
[    1.0] -> #2 (lock){+.+.}-{4:4}:
[    1.0]        lock_acquire+0x1/0x2
[    1.0]
[    1.0] -> #1 (mnck_end){+.+.}-{0:0}:
[    1.0]        lock_acquire+0x1/0x2
[    1.0]
[    1.0] -> #0 (&mm->mmap_lock){++++}-{4:4}:
[    1.0]        lock_acquire+0x1/0x2
[    1.0]
[    1.0]  *** DEADLOCK ***
[    1.0]
[    1.0]  #0: ffff (mnck_release){+.+.}-{0:0}, at: enter+0x1/0x2 [mnck]
[    1.0]
[    1.0] stack backtrace:
[    1.0] CPU: 0 UID: 0 PID: 52 Comm: munmap
[    1.0] Call Trace:
[    1.0]  <TASK>
[    1.0]  dump_stack_lvl+0x1/0x2
[    1.0]  </TASK>
"""
OOM = """\
[    2.0] eater invoked oom-killer: gfp_mask=0xcc0, order=0, oom_score_adj=0
[    2.0] Call Trace:
[    2.0]  dump_header+0x1/0x2
[    2.0] oom-kill:constraint=CONSTRAINT_MEMCG,task=eater,pid=60,uid=0
[    2.0] Memory cgroup out of memory: Killed process 60 (eater)
"""
REAPER = """\
[    2.0] oom_reaper: unable to reap pid:60 (eater)
[    2.0] Call Trace:
[    2.0]  ptrace_stop+0x1/0x2
[    2.0]
[    2.0] Showing all locks held in the system:
[    2.0]
[    2.0] =============================================
"""
SUITES = """\
[    3.0] mnck: loaded
[    3.1] KTAP version 1
[    3.1] 1..2
[    3.1]     KTAP version 1
[    3.1]     # Subtest: range
[    3.1]     # module: mnck
[    3.1]     1..3
[    3.1]     # holds: BUG is a word
[    3.1]     ok 1 holds
<3>[    3.2]     # overlaps: EXPECTATION FAILED at src/range.rs:9
[    3.2]     Expected a == b, but
[    3.2] mnck: something else
[    3.2]     not ok 2 overlaps
[    3.2]     ok 3 huge # SKIP no THP
[    3.2] # range: pass:1 fail:1 skip:1 total:3
[    3.2] # Totals: pass:1 fail:1 skip:1 total:3
[    3.2] not ok 1 range
[    3.3]     KTAP version 1
[    3.3]     # Subtest: ticket
[    3.3]     1..1
[    3.3]         KTAP version 1
[    3.3]         # Subtest: each
[    3.3]         1..1
[    3.3]         not ok 1 zero
[    3.3]     # each: pass:0 fail:1 skip:0 total:1
[    3.3]     ok 1 each
[    3.3] ok 2 ticket
"""


def verdict(output=PASSED, log="", status=0, warns=0, before_lockdep=1, **after):
    """Returns the status and the reason for a test that leaves such a state and log."""
    state = State(**{"warns": warns, "taint": 1 << 9 if warns else 0, **after})
    outcome = Outcome(State(lockdep=before_lockdep), output, status, state, tuple(log.splitlines()))
    found = judge("here", "a.b", outcome, Path("console"), "a.b")
    return found.status, found.reason


def suites(log):
    """Returns name, status and reason of each KUnit verdict, and the other lines of the log."""
    run, others = kunit.parse(log.splitlines())
    return [(v.name, v.status, v.reason) for v in kunit.verdicts("here", run)], others


class Gate(unittest.TestCase):
    """The kernel's counters and its log."""

    def test_silence(self):
        self.assertEqual(verdict(), (OK, ""))

    def test_module_taint_is_harmless(self):
        self.assertEqual(verdict(taint=1 << 12 | 1 << 13 | 1 << 18), (OK, ""))

    def test_other_taint(self):
        self.assertEqual(verdict(taint=1 << 5), (FAIL, "the kernel is tainted: B"))

    def test_warn(self):
        self.assertEqual(
            verdict(log=WARN, warns=1), (FAIL, "unexpected WARN: mnck: counter 3 was left open")
        )

    def test_expected_warn(self):
        expect = "# mnck-expect: WARN counter 3\n"
        self.assertEqual(verdict(expect + PASSED, WARN, warns=1), (OK, ""))

    def test_name_in_the_call_trace_proves_nothing(self):
        status, reason = verdict("# mnck-expect: WARN trylock\n" + PASSED, WARN, warns=1)
        self.assertEqual(status, FAIL)
        self.assertIn("expected was 'trylock'", reason)

    def test_expected_warn_hides_no_other_alarm(self):
        log = WARN + "[ 3.0] BUG: sleeping function called from invalid context at mm.c:1\n"
        status, reason = verdict("# mnck-expect: WARN counter 3\n" + PASSED, log, warns=1)
        self.assertEqual((status, reason[:22]), (FAIL, "BUG: sleeping function"))

    def test_expected_warns(self):
        expect = "# mnck-expect: WARNS mm/mmu_notifier.c\n"
        of_core = WARN.replace("src/check/pairing.rs", "mm/mmu_notifier.c")
        self.assertEqual(verdict(expect + PASSED, of_core + of_core, warns=2), (OK, ""))
        reason = "no expected WARN came of mm/mmu_notifier.c"
        self.assertEqual(verdict(expect + PASSED), (FAIL, reason))
        self.assertEqual(verdict(expect + PASSED, WARN, warns=1)[0], FAIL)
        self.assertEqual(verdict(expect + PASSED, of_core + WARN, warns=2)[0], FAIL)
        self.assertEqual(verdict(expect + PASSED, of_core, warns=2)[0], FAIL)
        self.assertEqual(verdict(PASSED, of_core, warns=1)[0], FAIL)

    def test_expected_warns_with_warn(self):
        expect = "# mnck-expect: WARNS mm/mmu_notifier.c\n# mnck-expect: WARN counter 3\n"
        of_core = WARN.replace("src/check/pairing.rs", "mm/mmu_notifier.c")
        self.assertEqual(verdict(expect + PASSED, of_core + WARN, warns=2), (OK, ""))
        self.assertEqual(verdict(expect + PASSED, of_core, warns=1)[0], FAIL)
        self.assertEqual(verdict(expect + PASSED, of_core + WARN + WARN, warns=3)[0], FAIL)

    def test_expected_warns_at_once(self):
        expect = "# mnck-expect: WARNS mm/mmu_notifier.c\n# mnck-expect: WARN counter 3\n"
        of_core = WARN.replace("src/check/pairing.rs", "mm/mmu_notifier.c")
        core = [line for line in of_core.splitlines(keepends=True) if "counter" not in line]
        own = WARN.splitlines(keepends=True)
        for at in range(1, len(core)):
            for until in range(1, len(own)):
                lines = core[:at] + own[:until] + core[at:] + own[until:]
                log = "".join(lines)
                self.assertEqual(verdict(expect + PASSED, log, warns=2), (OK, ""), log)
                self.assertEqual(verdict(expect + PASSED, log + WARN, warns=3)[0], FAIL)
                log = log.replace("counter 3", "counter 4")
                self.assertEqual(verdict(expect + PASSED, log, warns=2)[0], FAIL)
        two = "".join(core[:3] + core + core[3:])
        self.assertEqual(verdict(expect + PASSED, two + WARN, warns=3), (OK, ""))
        self.assertEqual(verdict(expect + PASSED, two, warns=2)[0], FAIL)

    def test_expected_bug(self):
        expect = "# mnck-expect: BUG scheduling in a non-blocking section\n"
        for log in (BUG, BUG + BUG, BUG + "[    1.1] mnck: loaded\n"):
            self.assertEqual(verdict(expect + PASSED, log, taint=1 << 9), (OK, ""))
        reason = "the expected BUG did not come: scheduling in a non-blocking section"
        self.assertEqual(verdict(expect + PASSED), (FAIL, reason))
        self.assertEqual(verdict(expect + PASSED, BUG.replace("sched", "sh"))[0], FAIL)
        other = "# mnck-expect: BUG sleeping\n"
        self.assertEqual(verdict(expect + other + PASSED, BUG, taint=1 << 9), (OK, ""))
        self.assertEqual(verdict(expect + other + PASSED), (FAIL, f"{reason}, nor sleeping"))
        self.assertEqual(verdict(PASSED, BUG)[0], FAIL)

    def test_expected_bug_with_warn(self):
        expect = "# mnck-expect: BUG scheduling\n# mnck-expect: WARN counter 3\n"
        for log in (BUG + WARN, WARN + BUG):
            self.assertEqual(verdict(expect + PASSED, log, warns=1), (OK, ""))

    def test_expected_bug_and_warn_at_once(self):
        expect = "# mnck-expect: BUG scheduling\n# mnck-expect: WARN counter 3\n"
        bug, warn = BUG.splitlines(keepends=True), WARN.splitlines(keepends=True)
        for at in range(len(bug)):
            for until in range(1, len(warn)):
                for first, second in ((bug, warn), (warn, bug)):
                    log = "".join(first[:at] + second[:until] + first[at:] + second[until:])
                    self.assertEqual(verdict(expect + PASSED, log, warns=1), (OK, ""), log)
                    other = log.replace("counter 3", "counter 4")
                    self.assertEqual(verdict(expect + PASSED, other, warns=1)[0], FAIL)
                    other = log.replace("scheduling", "sleeping")
                    self.assertEqual(verdict(expect + PASSED, other, warns=1)[0], FAIL)

    def test_expected_bug_hides_no_other_alarm(self):
        expect = "# mnck-expect: BUG scheduling\n"
        other = "[    1.0] BUG: sleeping function called from invalid context at mm.c:1\n"
        first, *lines = BUG.splitlines(keepends=True)
        for log in (BUG + other, other + BUG, first + other + "".join(lines), first + WARN):
            self.assertEqual(verdict(expect + PASSED, log)[0], FAIL)
        self.assertEqual(verdict(expect + PASSED, first)[0], FAIL)
        self.assertEqual(verdict(expect + PASSED, BUG + "[ 1.0] Call Trace:\n")[0], FAIL)

    def test_counter_without_log(self):
        reason = "warn_count rose by 1, the log has 0 reports"
        self.assertEqual(verdict(warns=1), (FAIL, reason))

    def test_expected_oops(self):
        expect = "# mnck-expect: OOPS NULL pointer\n"
        died = {"oopses": 1, "taint": 1 << 7}
        self.assertEqual(verdict(expect + PASSED, OOPS, **died), (OK, ""))
        self.assertEqual(verdict(PASSED, OOPS, **died)[0], FAIL)
        self.assertEqual(
            verdict(expect + PASSED), (FAIL, "one oops was expected, 0 came: NULL pointer")
        )
        twice = "one oops was expected, 2 came: NULL pointer"
        self.assertEqual(
            verdict(expect + PASSED, OOPS + OOPS, oopses=2, taint=1 << 7), (FAIL, twice)
        )
        for log in (OOPS.replace("NULL", "bad"), OOPS + BUG, OOPS.replace("end trace", "trace")):
            self.assertEqual(verdict(expect + PASSED, log, **died)[0], FAIL)

    def test_expected_oops_with_warn(self):
        expect = "# mnck-expect: OOPS NULL pointer\n# mnck-expect: WARN counter 3\n"
        for log in (OOPS + WARN, WARN + OOPS):
            found = verdict(expect + PASSED, log, warns=1, oopses=1, taint=1 << 7)
            self.assertEqual(found, (OK, ""))

    def test_stall(self):
        self.assertEqual(verdict(log="rcu: INFO: rcu_preempt self-detected stall on CPU")[0], FAIL)

    def test_kunit_failure(self):
        self.assertEqual(verdict(log="[ 1.0]     not ok 2 pairing")[0], FAIL)

    def test_lockdep(self):
        self.assertEqual(verdict(lockdep=0), (FAIL, "lockdep has turned itself off"))
        self.assertEqual(verdict(lockdep=None), (FAIL, "lockdep has turned itself off"))
        never = Outcome(State(lockdep=None), PASSED, 0, State(lockdep=None))
        self.assertEqual(gate.gate(never), ([], []))

    def test_expected_circle(self):
        expect = "# mnck-expect: LOCKDEP mnck_end -> lock\n"
        for log in (CIRCLE, CIRCLE + "[    1.1] mnck: loaded\n"):
            self.assertEqual(verdict(expect + PASSED, log, lockdep=0), (OK, ""))
        reason = "the expected lockdep report did not come: mnck_end -> lock"
        self.assertEqual(verdict(expect + PASSED), (FAIL, reason))
        status, reason = verdict(expect + PASSED, CIRCLE.replace("_end", "_start"), lockdep=0)
        self.assertEqual(status, FAIL)
        self.assertIn("'&mm->mmap_lock -> mnck_start -> lock', expected was", reason)
        # The locks that the task holds at the time are not part of the circle.
        other = expect.replace("end -> lock", "release")
        self.assertEqual(verdict(other + PASSED, CIRCLE, lockdep=0)[0], FAIL)
        self.assertEqual(verdict(PASSED, CIRCLE, lockdep=0)[0], FAIL)

    def test_expected_circle_hides_no_other_alarm(self):
        expect = "# mnck-expect: LOCKDEP mnck_end -> lock\n"
        first, second, *lines = CIRCLE.splitlines(keepends=True)
        cut_off = first + second + "".join(lines[:15])
        for log in (CIRCLE + BUG, BUG + CIRCLE, first + second + BUG + "".join(lines), cut_off):
            self.assertEqual(verdict(expect + PASSED, log, lockdep=0)[0], FAIL)
        self.assertEqual(verdict(expect + PASSED, CIRCLE + CIRCLE, lockdep=0)[0], FAIL)
        self.assertEqual(verdict(expect + PASSED, CIRCLE + WARN, warns=1, lockdep=0)[0], FAIL)

    def test_oom_report_is_no_alarm(self):
        for report in (OOM, REAPER):
            self.assertEqual(verdict(log=report), (OK, ""))
            self.assertEqual(verdict(log=report + "[ 3.0] Call Trace:")[0], FAIL)
        # Without lockdep the reaper's report is over after the call trace.
        trace = "".join(REAPER.splitlines(keepends=True)[:3])
        self.assertEqual(verdict(log=trace)[0], FAIL)
        none = {"before_lockdep": None, "lockdep": None}
        self.assertEqual(verdict(log=trace, **none), (OK, ""))
        for alarm in ("Call Trace:", "BUG: x"):
            self.assertEqual(verdict(log=f"{trace}[ 3.0] {alarm}", **none)[0], FAIL)
            cut = f"{trace.splitlines()[0]}\n[ 3.0] page allocation failure\n[ 3.0] {alarm}"
            self.assertEqual(verdict(log=cut, **none)[0], FAIL)

    def test_post_mortem(self):
        bug, panic = "BUG: kernel NULL pointer dereference", "Kernel panic - not syncing: x"
        console = [*WARN.splitlines(), "[ 1.1] rig: munmap -r munmap.whole", bug, f"[ 1.2] {panic}"]
        self.assertEqual(gate.post_mortem(console), (f"{bug}; {panic}", [bug, panic]))
        self.assertEqual(gate.post_mortem(console[:-2]), (None, []))


class Symbols(unittest.TestCase):
    """The names of functions that compilers have changed."""

    def test_suffixes(self):
        for suffix in (".isra.0", ".constprop.12", ".part.0", ".cold", ".cold.3", ".llvm.123"):
            self.assertEqual(symbols.without_suffixes(f"zap{suffix}"), "zap")
        self.assertEqual(symbols.without_suffixes("zap.part.0.isra.0.cold+0x1/0x2"), "zap+0x1/0x2")
        text = "CLEAR in zap.isra.0, munmap[7]"
        self.assertEqual(symbols.without_suffixes(text), "CLEAR in zap, munmap[7]")

    def test_other_dots_stay(self):
        for text in ("mm/cold.c", "zap.particular", "src/a.rs:9", "zap.isra_0", "took 1.5 s.cold1"):
            self.assertEqual(symbols.without_suffixes(text), text)

    def test_offsets(self):
        self.assertEqual(symbols.plain("zap.cold+0x1f/0x20 [mnck]"), "zap [mnck]")
        self.assertEqual(symbols.plain("at zap+0x1"), "at zap")
        self.assertEqual(symbols.plain("0x1000-0x2000"), "0x1000-0x2000")

    def test_expected_warn(self):
        log = WARN.replace("left open", "left open in zap.isra.0, munmap[52]")
        for expected in ("open in zap, munmap", "open in zap.isra.0, munmap"):
            output = f"# mnck-expect: WARN {expected}\n{PASSED}"
            self.assertEqual(verdict(output, log, warns=1), (OK, ""))
        output = f"# mnck-expect: WARN open in zap.isra.0, kthread\n{PASSED}"
        self.assertEqual(verdict(output, log, warns=1)[0], FAIL)

    def test_expected_circle(self):
        log = CIRCLE.replace("(lock)", "(lock.llvm.99)")
        output = f"# mnck-expect: LOCKDEP mnck_end -> lock\n{PASSED}"
        self.assertEqual(verdict(output, log, lockdep=0), (OK, ""))


class Skips(unittest.TestCase):
    """Which skips are failures."""

    @staticmethod
    def refused(reason, status=SKIP):
        found = Verdict("here", "a.b", status, reason=reason)
        return refuse_skip(found, {"KSM", "SWAP"}.__contains__)

    def test_a_skip_names_an_option_that_the_kernel_lacks(self):
        for reason in ("needs CONFIG_NUMA", "without CONFIG_KSM and CONFIG_NUMA"):
            self.assertEqual(self.refused(reason).status, SKIP)

    def test_any_other_skip_is_a_failure(self):
        for reason in ("needs CONFIG_KSM", "no mnck.ko to insert again", "needs NUMA"):
            found = self.refused(reason)
            expected = f"skipped, but names no CONFIG_ option that this kernel lacks: {reason}"
            self.assertEqual((found.status, found.reason), (FAIL, expected))

    def test_other_verdicts_stay(self):
        for status in (OK, FAIL, XFAIL):
            self.assertEqual(self.refused("a bug", status).status, status)


class Ktap(unittest.TestCase):
    """The results that tests print."""

    def test_plan(self):
        for output, reason in (
            ("", "no plan"),
            ("1..2\nok 1 a.b\n", "plan not met: 2 results announced, 1 came"),
            ("1..1\nok 2 a.b\n", "plan not met: 1 results announced, 1 came"),
            ("1..0\n", "nothing was tested"),
        ):
            self.assertEqual(verdict(output), (FAIL, reason))

    def test_directives(self):
        self.assertEqual(verdict("1..1\nok 1 a.b # SKIP no KSM\n", status=4), (SKIP, "no KSM"))
        self.assertEqual(verdict("1..1\nok 1 a.b # XFAIL known\n", status=2), (XFAIL, "known"))
        self.assertEqual(verdict("1..1\nok 1 a.b # XFAIL known\n", WARN, warns=1)[0], FAIL)
        self.assertEqual(verdict("1..1\nnot ok 1 a.b # TODO later\n"), (OK, ""))
        self.assertEqual(verdict("1..1\nok 1 a.b # SKIP\n", status=4)[0], FAIL)
        self.assertEqual(verdict("1..1\nok 1 a.b # XPASS known\n")[0], FAIL)

    def test_status(self):
        self.assertEqual(verdict(status=3), (FAIL, "exit status 3"))
        self.assertEqual(verdict(status=4), (FAIL, "exit status 4"))
        self.assertEqual(verdict(status=139), (FAIL, "killed by signal 11"))

    def test_names(self):
        result = ktap.parse("ok 1 - munmap.whole # SKIP none\n")[1][0]
        self.assertEqual((result.name, result.directive), ("munmap.whole", "SKIP"))

    def test_another_case(self):
        reason = "asked for a.b, it has run a.c"
        self.assertEqual(verdict("1..1\nok 1 a.c\n"), (FAIL, reason))

    def test_subtest_is_printable(self):
        self.assertNotIn("\x1b", ktap.subtest("s", 1, [(False, "a", "", ["\x1b[31m"])]))


class Kunit(unittest.TestCase):
    """The results of KUnit suites in the kernel's log."""

    def test_suites(self):
        found, others = suites(SUITES)
        self.assertEqual(
            found,
            [
                ("kunit.range.holds", OK, ""),
                ("kunit.range.overlaps", FAIL, "EXPECTATION FAILED at src/range.rs:9"),
                ("kunit.range.huge", SKIP, "no THP"),
                ("kunit.ticket.each", OK, ""),
            ],
        )
        self.assertEqual(others, ("[    3.0] mnck: loaded", "[    3.2] mnck: something else"))

    def test_none(self):
        none = [("kunit.none", FAIL, "the module has run no KUnit suite")]
        self.assertEqual(suites("[ 3.0] mnck: loaded")[0], none)
        self.assertEqual(suites("")[0], none)

    def test_cut_off(self):
        lines = SUITES.splitlines(keepends=True)
        for end in range(len(lines)):
            self.assertIn(FAIL, {status for _, status, _ in suites("".join(lines[:end]))[0]})

    def test_cases_missing(self):
        log = SUITES.replace("[    3.3]     ok 1 each\n", "")
        wrong = ("kunit.ticket", FAIL, "plan not met: 1 results announced, 0 came")
        self.assertIn(wrong, suites(log)[0])

    def test_suite_missing(self):
        log = SUITES[: SUITES.index("[    3.3]")]
        self.assertIn(("kunit.plan", FAIL, "2 suites announced, 1 came"), suites(log)[0])

    def test_suite_that_does_not_begin(self):
        log = "KTAP version 1\n1..1\n    # failed to initialize (-12)\nnot ok 1 range\n"
        self.assertEqual(suites(log)[0][0][:2], ("kunit.range", FAIL))
        self.assertEqual(suites(log.replace("not ok 1 range", "ok 1 range # SKIP old"))[0], [])

    def test_alarm_within(self):
        self.assertEqual(suites(SUITES.replace("mnck: something else", "BUG"))[1][1][-3:], "BUG")
