# SPDX-License-Identifier: GPL-2.0
"""Unit tests of rig.host.engine: how the reports of cargo and of its tests are read."""

import json
import unittest

from rig.host import engine
from rig.judge.verdict import FAIL, OK

PASSED = "running 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 me"


def verdict(status, output):
    """Returns the status and the reason of the verdict on a program's end."""
    found = engine.judge("host.engine.a", status, output, 0.0)
    return found.status, found.reason


class Judging(unittest.TestCase):
    """A test passes only if the program says so and ends well."""

    def test_passed(self):
        self.assertEqual(verdict(0, PASSED), (OK, ""))

    def test_not_run(self):
        ignored = PASSED.replace("1 passed", "0 passed").replace("0 ignored", "1 ignored")
        for output in ("", ignored, PASSED.replace("1 passed", "0 passed")):
            self.assertEqual(verdict(0, output), (FAIL, "did not run"))

    def test_failed(self):
        self.assertEqual(verdict(101, "thread panicked"), (FAIL, "failed"))
        self.assertEqual(verdict(-6, PASSED), (FAIL, "exit status -6"))
        self.assertEqual(verdict(124, ""), (FAIL, f"did not end within {engine.LIMIT} s"))


class Reading(unittest.TestCase):
    """What is run."""

    def test_programs(self):
        library = json.dumps({"reason": "compiler-artifact", "executable": None})
        program = json.dumps({"reason": "compiler-artifact", "executable": "/cache/engine-1"})
        output = "\n".join(("   Compiling a", library, program, '{"reason": "build-finished"}'))
        self.assertEqual(engine.programs(output), ["/cache/engine-1"])

    def test_cases(self):
        output = "check::ledger::tests::full: test\nstreams::random: test\nspeed: benchmark\n"
        self.assertEqual(engine.cases(output), ["check::ledger::tests::full", "streams::random"])

    def test_builds(self):
        plain, loom = engine.BUILDS
        for test, build in (("streams::random", plain), ("interleavings::two", loom)):
            self.assertEqual([b for b in engine.BUILDS if b.has(test)], [build])

    def test_wanted(self):
        for pattern in ("host", "host.engine", "host.engine.streams", "host.engine.streams.random"):
            self.assertTrue(engine.is_wanted(engine.NAME, ["munmap", pattern]), pattern)
        for pattern in ("munmap", "host.unit", "host.engineer"):
            self.assertFalse(engine.is_wanted(engine.NAME, [pattern]), pattern)
        self.assertTrue(engine.is_wanted(engine.NAME, []))
