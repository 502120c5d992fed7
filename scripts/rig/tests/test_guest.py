# SPDX-License-Identifier: GPL-2.0
"""Unit tests of rig.guest that need no guest: the protocol, lists of cases, groups."""

import os
import re
import socket
import unittest
from pathlib import Path
from unittest import mock

from rig.build.kernel import Kernel
from rig.guest import groups, kselftest, qemu
from rig.judge.outcome import Outcome, State
from rig.judge.verdict import FAIL, OK, XFAIL, judge

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
PASSED = "KTAP version 1\n1..1\nok 1 a.b\n"


class Silence(unittest.TestCase):
    """When a guest that sends nothing counts as hung."""

    def setUp(self):
        self.guest = qemu.Guest.__new__(qemu.Guest)
        self.guest._port, self.other = socket.socketpair()
        self.guest._qemu = mock.Mock(pid=os.getpid())
        self.addCleanup(self.guest._port.close)
        self.addCleanup(self.other.close)

    def test_speaks(self):
        self.other.send(b"x")
        self.assertTrue(self.guest._wait(60))

    def test_hung(self):
        with mock.patch.object(qemu, "run_delays", return_value={"1": 7.0}) as delays:
            self.assertFalse(self.guest._wait(0.5))
        self.assertEqual(delays.call_count, 2)

    def test_starved(self):
        seconds = iter((0.0, 0.6, 0.6))
        with mock.patch.object(qemu, "run_delays", side_effect=lambda _: {"1": next(seconds)}):
            self.assertFalse(self.guest._wait(0.5))
        self.assertEqual(list(seconds), [])

    def test_threads_of_a_process(self):
        self.assertIn(str(os.getpid()), qemu.run_delays(os.getpid()))
        self.assertEqual(qemu.run_delays(2**22 + 1), {})


class Protocol(unittest.TestCase):
    """The records that the guest sends."""

    WHOLE = b"\x01output\nhi\n\x01exit 1\n\x01state 1 2 3 0\nline\n\x01ready\n"

    def test_whole(self):
        self.assertEqual(qemu.parse_step(self.WHOLE), ("hi\n", 1, State(1, 2, 3, 0), ("line",)))

    def test_no_lockdep(self):
        state = qemu.parse_step(self.WHOLE.replace(b"3 0", b"3 -"))[2]
        self.assertEqual(state, State(1, 2, 3, None))

    def test_cut_off_anywhere(self):
        for end in range(len(self.WHOLE) - len(qemu.READY) + 1):
            self.assertIsNone(qemu.parse_step(self.WHOLE[:end])[2])

    def test_output_as_it_comes(self):
        self.assertEqual(qemu.parse_step(b"\x01output\nh")[0], "h")

    def test_garbled(self):
        outcome = Outcome(State(), PASSED, 0, None)
        found = judge("here", "a.b", outcome, Path("console"))
        self.assertEqual(found.reason, "the guest's report is garbled")


GROUP = groups.Group("paths", ("t",), together=True)


class Peers(unittest.TestCase):
    """The groups whose programs need a driver that only some kernels have."""

    GROUP = groups.Group("peers", ("kvm", "odp"), peers={"stock": ("kvm", "odp"), "rt": ("odp",)})

    def test_variants(self):
        self.assertEqual(self.GROUP.peers_of("stock"), ("kvm", "odp"))
        self.assertEqual(self.GROUP.peers_of("rt"), ("odp",))
        self.assertEqual(self.GROUP.peers_of("debug"), ())
        self.assertIsNone(GROUP.peers_of("debug"))

    def test_names(self):
        self.assertEqual(self.GROUP.called("kvm.fork"), "peers.kvm.fork")
        self.assertTrue(self.GROUP.wants("kvm", {"peers"}))
        self.assertFalse(self.GROUP.wants("kvm", {"kvm"}))
        alone = groups.Group("odp_refused", ("odp_refused",), peers={"stock": ("odp_refused",)})
        self.assertEqual(alone.called("odp_refused.mrelease"), "odp_refused.mrelease")


class List(unittest.TestCase):
    """The cases that a program lists, and which of them are selected."""

    def test_list(self):
        self.assertEqual(
            kselftest.parse_list("munmap", LIST),
            {
                "munmap.whole": "munmap.whole",
                "munmap.partial": "munmap.partial",
                "munmap.reap.free.mrelease": "reap.free.mrelease",
                "munmap.reap.held.mrelease": "reap.held.mrelease",
                **{
                    f"munmap.{name}": name
                    for variant in ("one", "two")
                    for test in ("left", "right")
                    for name in [f"a_fixture_with_a_long_name.{variant}.{test}"]
                },
                "munmap.alone": "global.alone",
            },
        )

    def test_lists(self):
        cases = kselftest.parse_lists(f"list: uapi\n{LIST}list: munmap\n{LIST}")
        self.assertEqual(len(cases), 2 * len(kselftest.parse_list("munmap", LIST)))
        self.assertEqual(cases["uapi.munmap.whole"], "munmap.whole")
        self.assertEqual(cases["munmap.whole"], "munmap.whole")

    def test_selected(self):
        for patterns in ([], ["munmap"], ["munmap.whole"], ["uapi", "munmap"]):
            self.assertTrue(groups.selected("munmap.whole", patterns))
        for patterns in (["mun"], ["munmap.who", "uapi"], ["munmap.whole.more"]):
            self.assertFalse(groups.selected("munmap.whole", patterns))

    def test_other_proofs(self):
        for patterns in ([], ["munmap"], ["observe.silent"]):
            self.assertEqual(groups.with_others(patterns, "stock"), patterns)
        debug = groups.with_others(["munmap", "observe"], "debug")
        self.assertEqual(debug[:2], ["munmap", "observe"])
        self.assertIn("stuck", debug)
        self.assertIn("host.engine.rules", debug)
        self.assertFalse([name for name in debug if name.startswith("peers")])
        stock = groups.with_others(["observe"], "stock")
        peers = {f"peers.{name}.observed" for name in ("kvm", "odp", "hmm")}
        self.assertEqual({*stock} - {*debug}, peers)
        self.assertNotIn("peers.kvm.observed", groups.with_others(["observe"], "rt"))

    def test_folders(self):
        programs = groups.with_others(["munmap", "rules"], "debug")
        self.assertEqual(programs[0], "munmap")
        self.assertIn("violations", programs)
        self.assertNotIn("rules", programs)

    def test_programs_that_expect_alarms(self):
        elsewhere = {p for group in groups.GUESTS[1:] for p in group.programs} | {"tool_story"}
        expecting = {
            path.stem
            for path in groups.CHECKOUT.glob("selftests/*/*.c")
            if re.search(r"\bannounce_|mnck-expect", path.read_text())
            and path.parent.name not in ("lib", "bench", "observe", "peers")
        }
        self.assertEqual(expecting - elsewhere, set(groups.GUESTS[0].alone))

    def test_cases_that_are_run_together(self):
        kernel = Kernel("arm64", "debug", Path(), Path())
        cases = {"t.a": "t.a", "t.f.b": "f.b"}
        output = (
            "TAP version 13\n1..2\n#  RUN           t.a ...\n# mnck-seen: range x+0x1/0x2 3\n"
            "#            OK  t.a\nok 1 t.a\n#  RUN           f.b ...\nok 2 f.b # XFAIL a bug\n"
        )

        def verdicts(output, after=State()):
            outcome = Outcome(State(), output, 1, after, seconds=2.0)
            return kselftest.judge_together(kernel, GROUP, "t", cases, outcome, Path("console"))

        a, b = verdicts(output)
        self.assertEqual((a.name, a.status, a.seconds), ("t.a", OK, 1.0))
        self.assertEqual(a.seen, (("range", "x+0x1", 3),))
        self.assertEqual((b.name, b.status, b.reason, b.seen), ("t.f.b", XFAIL, "a bug", ()))
        for wrong in (
            verdicts(output.replace("ok 1 t.a", "not ok 1 t.a")),
            verdicts(output.replace("ok 2 f.b # XFAIL a bug\n", "")),
            verdicts(output.replace("1 t.a", "1 t.c")),
            verdicts(output, State(warns=1)),
            verdicts(output, None),
        ):
            self.assertEqual([(v.name, v.status) for v in wrong], [("t", FAIL)])

    def test_programs_that_are_run_twice(self):
        group = groups.Group("again", ("munmap",), environment="AGAIN=1")
        self.assertEqual(group.called("munmap.whole"), "again.munmap.whole")
        self.assertEqual(group.prefix, "env AGAIN=1 ")
        self.assertTrue(group.wants("munmap", {"again"}))
        self.assertTrue(group.wants("munmap", set()))
        self.assertFalse(group.wants("munmap", {"munmap"}))
