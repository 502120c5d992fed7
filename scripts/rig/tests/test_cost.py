# SPDX-License-Identifier: GPL-2.0
"""Unit tests of `make bench`: how measurements are read, judged and drawn."""

import unittest
from pathlib import Path

from rig.build.kernel import Kernel
from rig.commands import bench
from rig.common.error import RigError
from rig.report import cost, plot
from rig.report.observed import OBSERVERS, Observed

KERNEL = Kernel("x86_64", "bench", Path("source"), Path("kernel"))
OBSERVED = {name: Observed(0, 1000, 500, 500) for name in OBSERVERS}
OBSERVED["mnck"] = Observed(0, 900, 400, 400)


def measured(one: int, many: int, calls: int = 1) -> bench.Measured:
    return {("spin", 0): (100, 0), ("spin", 1): (one, calls), ("spin", 33): (many, 33 * calls)}


def two_pass(costs: bench.Measured) -> bench.Measured:
    return {("two_pass", count): found for (_, count), found in costs.items()}


class Judging(unittest.TestCase):
    """The limits on the ratio of Rust to C."""

    C = measured(200, 3400)
    CALLS = measured(202, 4000)

    def exceeded(self, *modules: bench.Measured) -> list[str]:
        flavours = list(bench._flavours(*modules))
        return list(cost.exceeded(cost.Run(KERNEL, flavours, {}, {}, OBSERVED)))

    def test_equal(self):
        self.assertEqual(self.exceeded(self.C, self.C, self.CALLS, self.CALLS), [])

    def test_event(self):
        found = self.exceeded(self.C, measured(202, 3402), self.CALLS, self.CALLS)
        self.assertRegex(*found, "spin, with a subscriber: 1.0100 times")

    def test_two_passes_allocate(self):
        for one, wrong in (202, 0), (205, 1):
            modules = self.C, measured(one, 3400), self.CALLS, self.CALLS
            self.assertEqual(len(self.exceeded(*map(two_pass, modules))), wrong)

    def test_event_with_calls(self):
        found = self.exceeded(self.C, self.C, self.CALLS, measured(205, 4003))
        self.assertRegex(*found, "spin, with calls, with a subscriber: 1.0250 times")

    def test_callback_with_calls(self):
        found = self.exceeded(self.C, self.C, self.CALLS, measured(202, 4100))
        self.assertRegex(*found, "spin, with calls, a callback: 1.0263 times")

    def test_not_the_same_callbacks(self):
        for other in measured(200, 3400, calls=2), measured(200, 3400, calls=0):
            with self.assertRaisesRegex(RigError, "not the same callbacks"):
                self.exceeded(measured(200, 3400, calls=0), other, other, other)


class Checks(unittest.TestCase):
    """The cost of a subscriber that mnck checks."""

    NONE = {("paired", 1): (200, 1), ("paired", 33): (3400, 33), ("paired", 0): (100, 0)}
    NONE |= {(n, count): costs for (_, count), costs in NONE.items() for n in ("fallible", "mutex")}

    @staticmethod
    def checked(more: int, calls: int = 1) -> bench.Measured:
        names = ("counter", "trylock", "mirror", "chain")
        return {(n, c): (100 + c * more, c * calls) for n in names for c in (0, 1, 33)}

    def test_checks(self):
        found = bench._checks(self.NONE, self.checked(300))
        self.assertEqual(found["counter"], (cost.Added(100, 100), cost.Added(300, 300)))
        self.assertEqual(found["chain"], (cost.Added(), cost.Added(300, 300)))

    def test_callbacks_missing(self):
        with self.assertRaisesRegex(RigError, "had one start for each munmap"):
            bench._checks(self.NONE, self.checked(300, calls=2))


class Page(unittest.TestCase):
    """Documentation/cost.md."""

    def test_all_values_are_filled_in(self):
        costs = cost.Costs(c=200, rust=202, c_calls=300, rust_calls=303)
        growth = {f"{what}.{way}": ({1: 10.0}, {1: 11.0}) for what, way in cost.WAYS}
        run = cost.Run(
            KERNEL,
            [cost.Flavour(name, 100, costs, costs) for name in ("spin", "two_pass")],
            growth,
            {"chain": (cost.Added(), cost.Added(7, 9))},
            OBSERVED,
        )
        text = cost.text([run], "clang 19")
        for part in (
            "at most 1.010 times",
            "| `OnePass`, spin lock | 100 | 200 | 202 | **1.010** | 200.0 | 202.0 | 1.010 |",
            "| `OnePass`, spin lock | 200 | 303 | **1.515** | 200.0 | 300.0 | 303.0"
            " | **1.010** |",
            "| 1 | 10 | 11 | 10 | 11 | 10 | 11 | 10 | 11 |",
            "| counter in a chain | - | 7 | - | 9 |",
            "| mnck | 0 | 900 | 400 | 400 |",
            "clang 19",
        ):
            self.assertIn(part, text)
        self.assertNotIn("$", text)


class Reading(unittest.TestCase):
    """The output of the programs that measure."""

    def test_parse(self):
        found = bench.parse("spin 1 200.500 1.000\ninterval.in 10 30.000 0.000\n")
        self.assertEqual(found, {("spin", 1): (200.5, 1), ("interval.in", 10): (30, 0)})


class Drawing(unittest.TestCase):
    """The axes of a plot."""

    def test_axis(self):
        axis = plot.Axis(1, 1000, 0, 300)
        self.assertEqual([round(axis.at(value)) for value in (1, 10, 1000)], [0, 100, 300])

    def test_ticks(self):
        self.assertEqual(plot.Axis(150, 1100, 0, 1).ticks(), [200, 500, 1000])
        self.assertEqual(plot.Axis(1, 100000, 0, 1).ticks(), [10**power for power in range(6)])


if __name__ == "__main__":
    unittest.main()
