# SPDX-License-Identifier: GPL-2.0
"""Unit tests of rig.build.inputs and rig.host.known: what is not built or tested again."""

import os
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from rig.build import inputs
from rig.build.inputs import Inputs, once
from rig.host import known
from rig.judge.verdict import FAIL, OK, Verdict

FILES = {".gitignore": "/build/\n", "src/a.rs": "a", "docs/b.md": "b", "scripts/rig.py": "c"}
INPUTS = Inputs("host.clippy", ("x86_64-debug-1",), ("src", "Kbuild"))


class InDirectory(unittest.TestCase):
    """Tests with a checkout of their own."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.checkout = Path(directory.name)
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        """Writes a file of the checkout."""
        path = self.checkout / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def patch_digest(self) -> None:
        """Has the digest of any inputs taken from the checkout."""
        digest = Inputs.digest
        patch = mock.patch.object(Inputs, "digest", lambda some: digest(some, self.checkout))
        patch.start()
        self.addCleanup(patch.stop)


class Digest(InDirectory):
    """The hash of the inputs changes if, and only if, one of them does."""

    def digest(self, inputs: Inputs = INPUTS) -> str:
        """Returns the hash of `inputs`."""
        return inputs.digest(self.checkout)

    def assert_change(self, change, *arguments: object) -> None:
        """Asserts that a change of the checkout changes the hash."""
        before = self.digest()
        change(*arguments)
        self.assertNotEqual(self.digest(), before, arguments)

    def test_same(self):
        self.assertEqual(self.digest(), self.digest())
        before = self.digest()
        self.write("src/a.rs", "a")  # at another time
        self.assertEqual(self.digest(), before)

    def test_source(self):
        self.assert_change(self.write, "src/a.rs", "A")
        self.assert_change(self.write, "src/deep.rs", "")
        self.assert_change(self.write, "Kbuild", "obj-m :=")
        self.assert_change((self.checkout / "src/deep.rs").rename, self.checkout / "src/other.rs")
        self.assert_change((self.checkout / "src/a.rs").unlink)

    def test_rig(self):
        self.assert_change(self.write, "scripts/rig.py", "d")

    def test_others(self):
        before = self.digest()
        whole = self.digest(Inputs("host.spdx"))
        self.write("docs/b.md", "B")
        self.assertEqual(self.digest(), before)
        self.assertNotEqual(self.digest(Inputs("host.spdx")), whole)

    def test_ignored(self):
        before = self.digest(Inputs("host.spdx"))
        self.write("build/mnck.ko", "")
        self.assertEqual(self.digest(Inputs("host.spdx")), before)

    def test_outside(self):
        found = {
            self.digest(others)
            for others in (
                INPUTS,
                Inputs("host.rustdoc", INPUTS.outside, INPUTS.paths),
                Inputs(INPUTS.kind, ("arm64-debug-1",), INPUTS.paths),
                Inputs(INPUTS.kind, ("x86_64-debug-2",), INPUTS.paths),
            )
        }
        self.assertEqual(len(found), 4)

    def test_tools(self):
        before = self.digest()
        with mock.patch.object(inputs, "version_of", lambda packages: "another rustc"):
            self.assertNotEqual(self.digest(), before)


class Verdicts(InDirectory):
    """Tests are run again unless all of them have passed with the same inputs."""

    def setUp(self):
        super().setUp()
        self.runs = 0
        self.status = OK
        self.during = lambda: None
        self.patch_digest()

    def run_tests(self) -> Iterator[Verdict]:
        """Yields two verdicts."""
        self.runs += 1
        self.during()
        yield Verdict("host", "a.one", OK, 1.0)
        yield Verdict("host", "a.two", self.status, 1.0)

    def verdicts(self, wanted=lambda name: True, is_whole: bool = True) -> list[Verdict]:
        """Returns the verdicts on the tests that are wanted."""
        stamps = self.checkout / "build"
        return list(known.verdicts(INPUTS, self.run_tests, wanted, is_whole, stamps))

    def assert_runs(self, *expected: int) -> None:
        """Asserts how often the tests have been run after each of some more calls."""
        for runs in expected:
            self.verdicts()
            self.assertEqual(self.runs, runs)

    def test_passed(self):
        self.assertEqual([v.is_known for v in self.verdicts()], [False, False])
        found = self.verdicts()
        self.assertEqual(self.runs, 1)
        self.assertEqual(
            [(v.where, v.name, v.status, v.is_known) for v in found],
            [("host", "a.one", OK, True), ("host", "a.two", OK, True)],
        )
        self.assertEqual([v.name for v in self.verdicts("a.two".__eq__)], ["a.two"])

    def test_changed(self):
        self.assert_runs(1, 1)
        self.write("src/a.rs", "A")
        self.assert_runs(2, 2)
        self.write("src/a.rs", "a")
        self.assert_runs(2)

    def test_failed(self):
        self.status = FAIL
        self.assert_runs(1, 2)

    def test_a_part(self):
        self.verdicts(is_whole=False)
        self.assert_runs(2, 2)

    def test_changed_meanwhile(self):
        self.during = lambda: self.write("src/a.rs", "A")
        self.verdicts()
        self.write("src/a.rs", "a")
        self.assert_runs(2)


class Once(InDirectory):
    """A directory is built again unless one was built of the same inputs."""

    def setUp(self):
        super().setUp()
        self.patch_digest()
        self.builds = 0
        self.during = lambda: None

    def build(self) -> Path:
        """Builds a directory with a file and an object."""
        self.builds += 1
        self.during()
        self.write("build/a.o", "object")
        self.write("build/a.ko", f"{self.builds}")
        return self.checkout / "build"

    def built(self) -> Path:
        """Returns what once() returns."""
        return once(INPUTS, self.checkout / "lock", self.build, self.checkout / "build.store")

    def test_same(self):
        self.assertEqual(self.built(), self.checkout / "build")
        self.write("build/a.ko", "of other sources")
        kept = self.built()
        self.assertEqual([path.name for path in kept.iterdir()], ["a.ko"])
        self.assertEqual((kept / "a.ko").read_text(), "1")
        self.assertEqual(self.builds, 1)

    def test_changed(self):
        self.built()
        self.write("src/a.rs", "A")
        self.built()
        self.assertEqual((self.built() / "a.ko").read_text(), "2")

    def test_changed_meanwhile(self):
        self.during = lambda: self.write("src/a.rs", "A")
        self.built()
        self.write("src/a.rs", "a")
        self.built()
        self.assertEqual(self.builds, 2)

    def test_some_are_kept(self):
        store = self.checkout / "build.store" / INPUTS.kind
        for number in range(inputs.KEPT + 2):
            self.write("src/a.rs", f"{number}")
            self.built()
        # A run may still use them.
        self.assertEqual(len(list(store.iterdir())), inputs.KEPT + 2)
        for path in store.iterdir():
            os.utime(path, (0, 0))
        self.built()
        self.write("src/a.rs", "new")
        self.built()
        self.assertEqual(len(list(store.iterdir())), inputs.KEPT)
        self.assertEqual(self.builds, inputs.KEPT + 3)
        self.write("src/a.rs", f"{inputs.KEPT + 1}")  # which was used again
        self.built()
        self.assertEqual(self.builds, inputs.KEPT + 3)
