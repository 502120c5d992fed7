# SPDX-License-Identifier: GPL-2.0
"""The results of `make bench`: what exceeds a limit, tables, and Documentation/cost.md."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rig.build.kernel import Kernel
from rig.common.paths import CHECKOUT
from rig.judge.verdict import FAIL, OK
from rig.report import observed, plot
from rig.report.document import fill
from rig.report.results import paint

# How many times the instructions of C a munmap with a subscriber in Rust may take.  One with two
# passes allocates memory, for which Rust calls krealloc() and C calls kmalloc().
LIMIT = 1.005
LIMIT_OF = {"two_pass": 1.02}
# The same where Rust calls the functions of rust/helpers/, of a munmap, and of a callback in C that
# calls them too.
LIMIT_WITH_CALLS = 1.02

DOCUMENT = CHECKOUT / "Documentation/cost.md"
PICTURE = CHECKOUT / "Documentation/cost.svg"

# How the page calls a subscriber of each kind: its type, and what its callbacks use.
TITLES = {
    "paired": "`StartEnd`, spin lock",
    "fallible": "`StartOnly`, mutex",
    "secondary_tlb": "`TlbOnly`, atomics",
    "aging": "`Bare`, `clear_young`",
    "shared": "`Domain` of `StartEnd`",
    "mutex": "`OnePass`, mutex",
    "spin": "`OnePass`, spin lock",
    "two_pass": "`TwoPasses`, mutex",
}


# How the page calls the subscribers of mnck.
CHECKED = {
    "counter": "counter, `StartEnd`",
    "trylock": "trylock, `StartOnly`",
    "mirror": "mirror, `OnePass`",
    "chain": "counter in a chain",
}

# The ways to attach and to detach a subscriber, by what grows.
WAYS = {
    ("interval", "in"): "insert",
    ("interval", "out"): "remove",
    ("shared", "in"): "get",
    ("shared", "out"): "put",
}


@dataclass(frozen=True)
class Costs:
    """The instructions for the same work in C, in Rust, and in both with Rust's function calls."""

    c: float
    rust: float
    c_calls: float
    rust_calls: float


@dataclass(frozen=True)
class Flavour:
    """What subscribers of one kind cost."""

    name: str
    without: float  # the event without a subscriber
    event: Costs  # the event with one subscriber
    callback: Costs  # what each further subscriber adds

    @property
    def limit(self) -> float:
        """What event_ratio must not exceed."""
        return LIMIT_OF.get(self.name, LIMIT)

    @property
    def event_ratio(self) -> float:
        """Rust to C, of the whole event."""
        return self.event.rust / self.event.c

    @property
    def callback_ratio(self) -> float:
        """Rust to C, of a callback."""
        return self.callback.rust / self.callback.c

    @property
    def event_ratio_with_calls(self) -> float:
        """Rust with calls to plain C, of the whole event; must not exceed LIMIT_WITH_CALLS."""
        return self.event.rust_calls / self.event.c

    @property
    def callback_ratio_with_calls(self) -> float:
        """Rust to C that makes the same calls, of a callback; must not exceed LIMIT_WITH_CALLS."""
        return self.callback.rust_calls / self.callback.c_calls


@dataclass(frozen=True)
class Added:
    """The instructions that subscribers add to a munmap, if they were measured."""

    first: float | None = None
    further: float | None = None  # each


@dataclass(frozen=True)
class Run:
    """All measurements on one architecture."""

    kernel: Kernel
    flavours: list[Flavour]
    growth: dict[str, tuple[dict[int, float], dict[int, float]]]
    # What subscribers add without checks and with them.
    checks: dict[str, tuple[Added, Added]]
    # What observers of all drivers cost, on Debian's kernel.
    observed: dict[str, observed.Observed]


def exceeded(run: Run) -> Iterator[str]:
    """Yields a line for each ratio that exceeds its limit."""
    for flavour in run.flavours:
        for what, ratio, limit in (
            ("with a subscriber", flavour.event_ratio, flavour.limit),
            ("with calls, with a subscriber", flavour.event_ratio_with_calls, LIMIT_WITH_CALLS),
            ("with calls, a callback", flavour.callback_ratio_with_calls, LIMIT_WITH_CALLS),
        ):
            if ratio > limit:
                where = f"{run.kernel.arch} {flavour.name}, {what}"
                yield paint(f"{where}: {ratio:.4f} times C, the limit is {limit}", FAIL)
    for line in observed.exceeded(run.kernel.arch, run.observed):
        yield paint(line, FAIL)


def show(run: Run) -> None:
    """Prints the tables."""
    print(f"\n{run.kernel.arch}, instructions")
    print(f"{'':14}{'event with one subscriber':>34}   {'one more callback':>25}")
    print(f"{'':14}{'none':>8}{'C':>8}{'Rust':>9}{'ratio':>9}   {'C':>8}{'Rust':>8}{'ratio':>9}")
    for flavour in run.flavours:
        event, callback = flavour.event, flavour.callback
        print(
            f"{flavour.name:14}{flavour.without:8.0f}{event.c:8.0f}{event.rust:9.0f}"
            f"{_ratio(flavour.event_ratio, flavour.limit)}   {callback.c:8.1f}{callback.rust:8.1f}"
            f"{flavour.callback_ratio:9.3f}"
        )
    print("with calls of rust/helpers/")
    for flavour in run.flavours:
        event, callback = flavour.event, flavour.callback
        print(
            f"{flavour.name:14}{flavour.without:8.0f}{event.c:8.0f}{event.rust_calls:9.0f}"
            f"{_ratio(flavour.event_ratio_with_calls, LIMIT_WITH_CALLS)}   {callback.c_calls:8.1f}"
            f"{callback.rust_calls:8.1f}"
            f"{_ratio(flavour.callback_ratio_with_calls, LIMIT_WITH_CALLS)}"
        )
    print(f"\n{'':26}{'first subscriber':>22}   {'each further one':>22}")
    print(f"{'':26}{'unchecked':>11}{'checked':>11}   {'unchecked':>11}{'checked':>11}")
    for name, costs in run.checks.items():
        first, further = ("".join(f"{cell:>11}" for cell in cells) for cells in _cells(costs))
        print(f"{CHECKED[name].replace('`', ''):26}{first}   {further}")
    observed.show(run.observed)


def _cells(costs: tuple[Added, Added]) -> tuple[list[str], list[str]]:
    """Returns what the first subscriber adds without checks and with them, and each further one."""
    return [_cell(added.first) for added in costs], [_cell(added.further) for added in costs]


def _cell(cost: float | None) -> str:
    return "-" if cost is None else f"{cost:.0f}"


def _ratio(ratio: float, limit: float) -> str:
    return paint(f"{ratio:9.3f}", OK if ratio <= limit else FAIL)


def document(runs: list[Run]) -> list[Path]:
    """Writes the page and its picture, of all architectures; returns their paths."""
    DOCUMENT.write_text(text(runs, _tools(runs[0].kernel)))
    PICTURE.write_text(plot.svg([_panels(run) for run in runs], wide="C", thin="Rust"))
    return [path.relative_to(CHECKOUT) for path in (DOCUMENT, PICTURE)]


def text(runs: list[Run], tools: str) -> str:
    """Returns the text of the page; `tools` are the compilers."""
    flavours = [flavour for run in runs for flavour in run.flavours]
    others = [flavour for flavour in flavours if flavour.name not in LIMIT_OF]
    return fill(
        "cost.md.in",
        {
            "limit": f"{LIMIT}",
            "two_pass_limit": f"{LIMIT_OF['two_pass']}",
            "calls_limit": f"{LIMIT_WITH_CALLS}",
            "event": _most(f.event_ratio for f in others),
            "two_pass": _most(f.event_ratio for f in flavours if f.name in LIMIT_OF),
            "calls_event": _most(f.event_ratio_with_calls for f in flavours),
            "calls_callback": _most(f.callback_ratio_with_calls for f in flavours),
            "plain": f"{max(f.callback.rust_calls / f.callback.c for f in flavours):.2f}",
            "tables": _of_each(_table, runs),
            "calls_tables": _of_each(_table_with_calls, runs),
            "registration": _of_each(_registration, runs),
            "checks": _of_each(_checks, runs),
            "observed": _of_each(lambda run: observed.table(run.kernel.arch, run.observed), runs),
            "observed_limit": f"{observed.LIMIT}",
            "observed_times": ", ".join(
                f"{observed.ratio(run.observed):.3f} on {run.kernel.arch}" for run in runs
            ),
            "observed_range": _most_above(runs, 0),
            "observed_callback": _most_above(runs, 1),
            "tools": tools,
        },
    )


def _most(ratios: Iterable[float]) -> str:
    return f"{max(ratios):.3f}"


def _most_above(runs: list[Run], part: int) -> str:
    return f"{max(observed.above(run.observed)[part] for run in runs):.0f}"


def _of_each(table: Callable[[Run], Iterator[str]], runs: list[Run]) -> str:
    return "\n\n".join("\n".join(table(run)) for run in runs)


def _tools(kernel: Kernel) -> str:
    """Returns the names of the compilers, from the kernel's configuration."""
    config = (kernel.objdir / ".config").read_text()
    found = re.findall(r'^CONFIG_(?:CC|RUSTC)_VERSION_TEXT="(.*?)"', config, re.MULTILINE)
    return ", ".join(re.sub(r" *\(.*", "", text) for text in found)


def _table(run: Run) -> Iterator[str]:
    yield (
        f"| {run.kernel.arch} | none | one: C | one: Rust | ratio"
        " | callback: C | callback: Rust | ratio |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for flavour in run.flavours:
        event, callback = flavour.event, flavour.callback
        yield (
            f"| {TITLES[flavour.name]} | {flavour.without:.0f} | {event.c:.0f} | {event.rust:.0f}"
            f" | **{flavour.event_ratio:.3f}** | {callback.c:.1f} | {callback.rust:.1f}"
            f" | {flavour.callback_ratio:.3f} |"
        )


def _table_with_calls(run: Run) -> Iterator[str]:
    yield (
        f"| {run.kernel.arch} | one: C | one: Rust, calls | ratio"
        " | callback: C | callback: C, calls | callback: Rust, calls | ratio |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for flavour in run.flavours:
        event, callback = flavour.event, flavour.callback
        yield (
            f"| {TITLES[flavour.name]} | {event.c:.0f} | {event.rust_calls:.0f}"
            f" | **{flavour.event_ratio_with_calls:.3f}** | {callback.c:.1f}"
            f" | {callback.c_calls:.1f} | {callback.rust_calls:.1f}"
            f" | **{flavour.callback_ratio_with_calls:.3f}** |"
        )


def _registration(run: Run) -> Iterator[str]:
    """Yields the table of what it costs to attach and to detach one of many, by their number."""
    yield f"| {run.kernel.arch} | {' | '.join(f'{way}: C | Rust' for way in WAYS.values())} |"
    yield "|--:" * (1 + 2 * len(WAYS)) + "|"
    for count in run.growth["interval.in"][0]:
        cells = [
            f"{language[count]:.0f}"
            for flavour, way in WAYS
            for language in run.growth[f"{flavour}.{way}"]
        ]
        yield f"| {count:,} | {' | '.join(cells)} |"


def _checks(run: Run) -> Iterator[str]:
    yield (
        f"| {run.kernel.arch} | first: unchecked | first: checked"
        " | further: unchecked | further: checked |"
    )
    yield "|---|--:|--:|--:|--:|"
    for name, costs in run.checks.items():
        first, further = _cells(costs)
        yield f"| {CHECKED[name]} | {' | '.join(first + further)} |"


def _panels(run: Run) -> list[plot.Panel]:
    """Returns the plots of one architecture: costs that grow with the number of subscribers."""
    lines = {}
    for name, (c, rust) in run.growth.items():
        what, _, label = name.partition(".")
        label = WAYS.get((what, label), label)
        lines.setdefault(what, []).append(plot.Line(label, c, rust))
    return [
        plot.Panel(
            f"{run.kernel.arch}: subscribers of an address space",
            "subscribers (StartEnd)",
            "instructions",
            lines["paired"],
        ),
        plot.Panel(
            f"{run.kernel.arch}: intervals, of which a munmap hits one",
            "intervals (OnePass)",
            "instructions, of one",
            lines["interval"],
        ),
    ]
