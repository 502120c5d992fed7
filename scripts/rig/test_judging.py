# SPDX-License-Identifier: GPL-2.0
"""Unit tests of what needs no guest: reading reports and judging them."""

import unittest
from pathlib import Path

from rig import check, gate, guest, ktap
from rig.guest import Outcome, State
from rig.verdict import FAIL, OK, SKIP, judge

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
LIST = """\
# FIXTURE            VARIANT                   TEST
munmap                                         whole
                                               partial
--------------------------------------------------------------------------------
reap                 free                      mrelease
                     held
--------------------------------------------------------------------------------
a_fixture_with_a_long_name one                       left
                     two                       right
--------------------------------------------------------------------------------
global                                         alone
"""


def verdict(output=PASSED, log="", status=0, warns=0, **after):
    """The status and reason of a test that leaves the kernel like this."""
    state = State(**{"warns": warns, "taint": 1 << 9 if warns else 0, **after})
    outcome = Outcome(State(), output, status, state, tuple(log.splitlines()))
    found = judge("here", "a.b", outcome, Path("console"))
    return found.status, found.reason


class Gate(unittest.TestCase):
    """What the kernel says."""

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

    def test_counter_without_log(self):
        reason = "warn_count rose by 1, the log has 0 reports"
        self.assertEqual(verdict(warns=1), (FAIL, reason))

    def test_stall(self):
        self.assertEqual(verdict(log="rcu: INFO: rcu_preempt self-detected stall on CPU")[0], FAIL)

    def test_kunit_failure(self):
        self.assertEqual(verdict(log="[ 1.0]     not ok 2 pairing")[0], FAIL)

    def test_oom_report_is_no_alarm(self):
        for report in (OOM, REAPER):
            self.assertEqual(verdict(log=report), (OK, ""))
            self.assertEqual(verdict(log=report + "[ 3.0] Call Trace:")[0], FAIL)

    def test_post_mortem(self):
        bug, panic = "BUG: kernel NULL pointer dereference", "Kernel panic - not syncing: x"
        console = [*WARN.splitlines(), "[ 1.1] rig: munmap -r munmap.whole", bug, f"[ 1.2] {panic}"]
        self.assertEqual(gate.post_mortem(console), (f"{bug}; {panic}", [bug, panic]))
        self.assertEqual(gate.post_mortem(console[:-2]), (None, []))


class Ktap(unittest.TestCase):
    """What tests say."""

    def test_plan(self):
        for output, reason in (
            ("", "no plan"),
            ("1..2\nok 1 a\n", "plan not met: 2 results announced, 1 came"),
            ("1..1\nok 2 a\n", "plan not met: 1 results announced, 1 came"),
            ("1..0\n", "nothing was tested"),
        ):
            self.assertEqual(verdict(output), (FAIL, reason))

    def test_directives(self):
        self.assertEqual(verdict("1..1\nok 1 a # SKIP no KSM\n", status=4), (SKIP, "no KSM"))
        self.assertEqual(verdict("1..1\nok 1 a # XFAIL known\n", status=2), (OK, ""))
        self.assertEqual(verdict("1..1\nnot ok 1 a # TODO later\n"), (OK, ""))
        self.assertEqual(verdict("1..1\nok 1 a # SKIP\n", status=4)[0], FAIL)
        self.assertEqual(verdict("1..1\nok 1 a # XPASS known\n")[0], FAIL)

    def test_status(self):
        self.assertEqual(verdict(status=3), (FAIL, "exit status 3"))
        self.assertEqual(verdict(status=4), (FAIL, "exit status 4"))
        self.assertEqual(verdict(status=139), (FAIL, "killed by signal 11"))

    def test_names(self):
        result = ktap.parse("ok 1 - munmap.whole # SKIP none\n")[1][0]
        self.assertEqual((result.name, result.directive), ("munmap.whole", "SKIP"))

    def test_subtest_is_printable(self):
        self.assertNotIn("\x1b", ktap.subtest("s", 1, [(False, "a", "", ["\x1b[31m"])]))


class Protocol(unittest.TestCase):
    """What the guest sends."""

    WHOLE = b"\x01output\nhi\n\x01exit 1\n\x01state 1 2 3 0\nline\n\x01ready\n"

    def test_whole(self):
        self.assertEqual(
            guest.parse_step(self.WHOLE), ("hi\n", 1, State(1, 2, 3, 0), ("line",))
        )

    def test_cut_off_anywhere(self):
        for end in range(len(self.WHOLE) - len(guest.READY) + 1):
            self.assertIsNone(guest.parse_step(self.WHOLE[:end])[2])

    def test_output_as_it_comes(self):
        self.assertEqual(guest.parse_step(b"\x01output\nh")[0], "h")

    def test_garbled(self):
        outcome = Outcome(State(), PASSED, 0, None)
        found = judge("here", "a.b", outcome, Path("console"))
        self.assertEqual(found.reason, "the guest's report is garbled")


class List(unittest.TestCase):
    """What -l prints."""

    def test_list(self):
        self.assertEqual(
            check.parse_list("munmap", LIST),
            {
                "munmap.whole": "munmap -r munmap.whole",
                "munmap.partial": "munmap -r munmap.partial",
                "munmap.reap.free.mrelease": "munmap -r reap.free.mrelease",
                "munmap.reap.held.mrelease": "munmap -r reap.held.mrelease",
                **{
                    f"munmap.{name}": f"munmap -r {name}"
                    for variant in ("one", "two")
                    for test in ("left", "right")
                    for name in [f"a_fixture_with_a_long_name.{variant}.{test}"]
                },
                "munmap.alone": "munmap -r global.alone",
            },
        )

    def test_selected(self):
        for patterns in ([], ["munmap"], ["munmap.whole"], ["uapi", "munmap"]):
            self.assertTrue(check.selected("munmap.whole", patterns))
        for patterns in (["mun"], ["munmap.who", "uapi"], ["munmap.whole.more"]):
            self.assertFalse(check.selected("munmap.whole", patterns))
