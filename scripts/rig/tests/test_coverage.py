# SPDX-License-Identifier: GPL-2.0
"""Unit tests of `make coverage`: the call sites, and what counts as a hole."""

import unittest

from rig.coverage.call_sites import Site, sites_in
from rig.coverage.compare import Cell, Row, judge_sites, seen_by, site_of
from rig.coverage.compiled_calls import CompiledCall
from rig.judge.verdict import OK, Verdict
from rig.judge.verdict import seen as seen_calls
from rig.report.coverage import document

SOURCE = """\
static int helper(struct mm_struct *mm)
{
	return 0;
}

int
zap(struct vm_area_struct *vma)
{
	struct mmu_notifier_range range;

out:
	mmu_notifier_range_init(&range, MMU_NOTIFY_CLEAR, 0, vma->vm_mm,
				0, 1);
}

static struct folio *move(struct mm_struct *mm,
			  bool twice)
{
	mmu_notifier_range_init(&range, MMU_NOTIFY_UNMAP, 0, mm, 0, 1);
	mmu_notifier_invalidate_range_start(&range);
	mmu_notifier_range_init_owner(&range,
				      MMU_NOTIFY_MIGRATE, 0, mm, 0, 1, owner);
}
"""

ZAP = Site("mm/a.c", 12, "zap", "CLEAR")
MOVE = Site("mm/a.c", 19, "move", "UNMAP")
AGAIN = Site("mm/a.c", 21, "move", "MIGRATE")
SITES = [ZAP, MOVE, AGAIN]


def call(function: str, line: int, address: str) -> CompiledCall:
    """Returns a call at `address`."""
    return CompiledCall("range", address, "mm/a.c", line, function)


class Sources(unittest.TestCase):
    def test_sites_are_found_with_function_and_event(self):
        self.assertEqual(list(sites_in("mm/a.c", SOURCE)), SITES)

    def test_a_call_is_of_the_site_before_it_in_its_function(self):
        self.assertEqual(site_of(call("move", 20, "x"), SITES), MOVE)
        self.assertEqual(site_of(call("move", 23, "x"), SITES), AGAIN)
        self.assertNotIn(site_of(call("other", 30, "x"), SITES), SITES)


class Judgement(unittest.TestCase):
    def judge(self, calls, seen, sites=None):
        return judge_sites(sites or SITES, calls, seen, {"mm/a.c"})

    def test_a_call_counts_wherever_it_was_inlined(self):
        calls = [call("zap", 13, "zap+0x10"), call("zap", 13, "exit+0x20")]
        seen = {("range", "zap+0x10"): {"t.a": 2}, ("range", "exit+0x20"): {"t.b": 3}}
        self.assertEqual(self.judge(calls, seen)[ZAP], Cell(5, frozenset({"t.a", "t.b"})))

    def test_a_site_that_was_not_seen_is_a_hole(self):
        self.assertEqual(self.judge([call("zap", 13, "zap+0x10")], {})[ZAP].hole, "not seen")

    def test_a_new_site_is_a_hole(self):
        new = Site("mm/b.c", 7, "new", "CLEAR")
        self.assertEqual(self.judge([], {}, [new])[new].hole, "no mm/b.c")

    def test_a_site_without_a_compiled_call_is_a_hole(self):
        self.assertEqual(self.judge([], {})[ZAP].hole, "not compiled in")

    def test_a_compiled_call_without_a_site_is_a_hole(self):
        cells = self.judge([call("other", 30, "other+0x10")], {})
        holes = {site.function: cell.hole for site, cell in cells.items() if site not in SITES}
        self.assertEqual(holes, {"other": "not found in the source"})

    def test_an_address_that_is_no_call_is_a_hole(self):
        cells = self.judge([], {("range", "zap+0x10"): {"t.a": 1}})
        holes = {site.function: cell.hole for site, cell in cells.items() if site not in SITES}
        self.assertEqual(holes, {"zap+0x10": "seen, but not found in the code"})

    def test_an_impossible_site_is_excused_until_it_is_seen(self):
        pud = Site("mm/a.c", 11, "__split_huge_pud", "CLEAR")
        calls = [call("__split_huge_pud", 13, "pud+0x10")]
        cell = self.judge(calls, {}, [pud])[pud]
        self.assertTrue(cell.excuse and not cell.hole)
        self.assertTrue(self.judge([], {}, [pud])[pud].excuse)
        self.assertTrue(self.judge(calls, {("range", "pud+0x10"): {"t.a": 1}}, [pud])[pud].hole)


class Page(unittest.TestCase):
    """Documentation/coverage.md."""

    def test_all_values_are_filled_in(self):
        seen = Cell(5, frozenset({"t.a", "t.b", "t.c", "t.d"}))
        ranges = [Row(ZAP, {"x86_64": seen, "arm64": Cell(0, hole="not seen")})]
        others = [Row(Site("mm/b.c", 7, "exit", "release"), {"arm64": Cell(0)})]
        text = document("7.3.0", ["x86_64", "arm64"], ranges, others)
        for part in (
            "Of 1 call sites the tests drive 1 on x86_64 and 0 on arm64",
            "Linux 7.3.0",
            "| mm/a.c:12 | `zap` | CLEAR | 5 | not seen | t.a, t.b, t.c and 1 more |",
            "| mm/b.c:7 | `exit` | release | not compiled in | not driven |  |",
        ):
            self.assertIn(part, text)
        self.assertNotIn("$", text)


class Output(unittest.TestCase):
    def test_what_a_test_prints_is_counted_by_architecture(self):
        output = (
            "# mnck-seen: range do_wp_page.isra.0+0xc36/0x1000 2\n# mnck-seen: young x+0x1/0x2 1\n"
        )
        seen = seen_calls(output)
        verdicts = [Verdict(arch, "cow.write", OK, seen=seen) for arch in ("x86_64", "arm64")]
        self.assertEqual(
            seen_by(verdicts, "arm64"),
            {("range", "do_wp_page+0xc36"): {"cow.write": 2}, ("young", "x+0x1"): {"cow.write": 1}},
        )


if __name__ == "__main__":
    unittest.main()
