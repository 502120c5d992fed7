# SPDX-License-Identifier: GPL-2.0
"""The part of `make bench` about observing all drivers: limits, and tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# The observers, and how the page calls them.
OBSERVERS = {
    "mnck": "mnck",
    "empty": "the same probes, with empty handlers",
    "kprobe": "BPF, by kprobe and kretprobe",
    "fentry": "BPF, by fentry and fexit",
}

# How many times the instructions mnck may take that BPF programs take which only count, by kprobe.
LIMIT = 1.25

# How many instructions a munmap of a process without a subscriber may differ by.
NOISE = 5.0

PARTS = ("range", "callback", "interval")


@dataclass(frozen=True)
class Observed:
    """How many instructions an observer adds."""

    without: float  # to a munmap of a process without a subscriber
    range: float  # to the two functions of the core that start and end a range
    callback: float  # to a start or an end
    interval: float  # to an invalidate of an interval


def exceeded(arch: str, costs: Mapping[str, Observed]) -> Iterator[str]:
    """Yields a line for each limit that mnck exceeds."""
    without = costs["mnck"].without
    if abs(without) > NOISE:
        yield f"{arch}: a process without a subscriber pays {without:.0f} for the observation"
    for part in PARTS:
        if (times := _ratio(costs, part)) > LIMIT:
            yield f"{arch}: observing a {part}: {times:.3f} times kprobes, the limit is {LIMIT}"


def ratio(costs: Mapping[str, Observed]) -> float:
    """Returns how many times the instructions of counting by kprobe mnck takes at most."""
    return max(_ratio(costs, part) for part in PARTS)


def _ratio(costs: Mapping[str, Observed], part: str) -> float:
    return getattr(costs["mnck"], part) / getattr(costs["kprobe"], part)


def show(costs: Mapping[str, Observed]) -> None:
    """Prints the table."""
    print(f"\n{'observing adds':40}{'none':>8}{'range':>8}{'callback':>10}{'invalidate':>12}")
    for name, cost in costs.items():
        print(
            f"{OBSERVERS[name]:40}{cost.without:8.0f}{cost.range:8.0f}{cost.callback:10.0f}"
            f"{cost.interval:12.0f}"
        )


def table(arch: str, costs: Mapping[str, Observed]) -> Iterator[str]:
    """Yields the lines of the page's table."""
    yield f"| {arch} | no subscriber | range | start or end | invalidate |"
    yield "|---|--:|--:|--:|--:|"
    for name, cost in costs.items():
        cells = (cost.without, cost.range, cost.callback, cost.interval)
        yield f"| {OBSERVERS[name]} | {' | '.join(f'{cell:.0f}' for cell in cells)} |"


def above(costs: Mapping[str, Observed]) -> tuple[float, float]:
    """Returns what mnck adds to a range and to a callback beyond probes with empty handlers."""
    mnck, empty = costs["mnck"], costs["empty"]
    return mnck.range - empty.range, mnck.callback - empty.callback
