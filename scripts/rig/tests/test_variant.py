# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the pages about Debian's kernels."""

import unittest

from rig.judge.verdict import OK, SKIP, XFAIL, Verdict
from rig.report.variant import document

VERDICTS = [
    Verdict("arm64", "aging.scan", OK),
    Verdict("x86_64", "aging.scan", OK),
    Verdict("x86_64", "aging.idle", SKIP, reason="needs CONFIG_IDLE_PAGE_TRACKING"),
    Verdict("x86_64", "young.idle", SKIP, reason="needs CONFIG_IDLE_PAGE_TRACKING"),
    Verdict("x86_64", "guest.boot", OK),
]


class Page(unittest.TestCase):
    def test_page(self):
        text = document("stock", ["7.3-a", "7.3-b"], VERDICTS, ["guest"])
        self.assertIn("Debian's `7.3-a` and `7.3-b`", text)
        self.assertIn(
            "| group | x86_64 | arm64 |\n| --- | --- | --- |\n| guest | 1 passed | - |\n"
            "| aging | 1 passed, 1 skipped | 1 passed |\n| young | 1 skipped | - |\n",
            text,
        )
        self.assertIn("3 passed, 2 skipped.", text)
        self.assertIn("| needs CONFIG_IDLE_PAGE_TRACKING | aging (1), young (1) | - |", text)
        self.assertIn("None.", text)

    def test_failures_that_are_expected(self):
        text = document("rt", ["7.3"], [Verdict("x86_64", "odp.a", XFAIL, reason="a bug")], [])
        self.assertIn("| odp | 1 failed as expected |", text)
        self.assertIn("1 passed, 0 skipped.", text)
        self.assertIn("| a bug | odp (1) |", text)

    def test_same_results_give_the_same_page(self):
        def page(first: int, second: int, order: int) -> str:
            verdicts = [
                Verdict("x86_64", "aging.a", XFAIL, reason=f"{first:#x} is not a page"),
                Verdict("x86_64", "aging.b", XFAIL, reason=f"{second:#x} is not a page"),
                Verdict("x86_64", "young.a", OK),
            ]
            return document("rt", ["7.3"], verdicts[::order], [])

        self.assertEqual(page(1, 2, 1), page(3, 4, -1))
        self.assertIn("| 0x… is not a page | aging (2) |", page(1, 2, 1))
