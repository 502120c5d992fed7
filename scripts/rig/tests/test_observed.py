# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the part of `make bench` about observing all drivers."""

import unittest

from rig.commands import bench_observed
from rig.common.error import RigError
from rig.report import observed
from rig.report.observed import Observed

COSTS = {
    "mnck": Observed(0, 2000, 1000, 1100),
    "empty": Observed(0, 1300, 650, 650),
    "kprobe": Observed(0, 3000, 1500, 1500),
    "fentry": Observed(0, 300, 150, 150),
}


def measured(first: int, further: int, calls: int = 1) -> bench_observed.Measured:
    counts = {0: 100, 1: 100 + first, 9: 100 + first + 8 * further}
    return {(n, c): (t, c * calls) for n in ("pair", "interval") for c, t in counts.items()}


class Adding(unittest.TestCase):
    """What an observer adds."""

    def test_parts(self):
        found = bench_observed.added(measured(50, 30), measured(3050, 2030))
        self.assertEqual(found, Observed(0, 1000, 1000, 2000))

    def test_no_calls(self):
        with self.assertRaisesRegex(RigError, "were not called"):
            bench_observed.added(measured(50, 30), measured(50, 30, calls=0))


class Limits(unittest.TestCase):
    """What mnck may cost."""

    def test_within(self):
        self.assertEqual(list(observed.exceeded("arm64", COSTS)), [])

    def test_more_than_kprobes(self):
        costs = COSTS | {"mnck": Observed(0, 2000, 1950, 1100)}
        self.assertRegex(*observed.exceeded("arm64", costs), "a callback: 1.300 times kprobes")
        self.assertEqual(observed.ratio(costs), 1.3)

    def test_without_a_subscriber(self):
        costs = COSTS | {"mnck": Observed(9, 2000, 1000, 1100)}
        self.assertRegex(*observed.exceeded("arm64", costs), "without a subscriber pays 9")


class Page(unittest.TestCase):
    """The table of Documentation/cost.md."""

    def test_table(self):
        lines = list(observed.table("arm64", COSTS))
        self.assertIn("| mnck | 0 | 2000 | 1000 | 1100 |", lines)
        self.assertEqual(len(lines), 2 + len(observed.OBSERVERS))

    def test_above_empty_handlers(self):
        self.assertEqual(observed.above(COSTS), (700, 350))


if __name__ == "__main__":
    unittest.main()
