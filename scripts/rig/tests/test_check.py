# SPDX-License-Identifier: GPL-2.0
"""Unit tests of `make check`: which tests of the debug kernel run on Debian's."""

import unittest
from pathlib import Path
from unittest import mock

from rig.build.kernel import Kernel
from rig.commands import check
from rig.common.error import RigError
from rig.guest.groups import SHORT
from rig.judge.verdict import SKIP

KERNEL = Kernel("arm64", "stock", Path(), Path())


class Beside(unittest.TestCase):
    """The tests beside drivers that the debug kernel does not have."""

    def setUp(self):
        for name in ("ensure_kernels", "_build", "_in_guest"):
            patcher = mock.patch.object(check, name)
            setattr(self, name.strip("_"), patcher.start())
            self.addCleanup(patcher.stop)
        self.ensure_kernels.return_value = [KERNEL]

    def groups(self, patterns: list[str]) -> list[str]:
        """Returns the groups whose guests are started, each with the same tests."""
        check._beside(["arm64"], patterns)
        calls = [call.args for call in self.in_guest.call_args_list]
        self.assertEqual({tuple(call[1]) for call in calls} - {tuple(patterns or SHORT)}, set())
        return [call[2].name for call in calls]

    def test_all_tests(self):
        self.assertEqual(self.groups([]), ["tool_peers", "peers"])

    def test_some_tests(self):
        self.assertEqual(self.groups(["peers.kvm", "munmap"]), ["peers"])
        self.ensure_kernels.assert_called_with(["arm64"], "stock")

    def test_other_tests(self):
        self.assertEqual(self.groups(["munmap"]), [])
        self.ensure_kernels.assert_not_called()

    def test_no_kernel(self):
        self.ensure_kernels.side_effect = RigError("no network")
        [job] = check._beside(["arm64"], [])
        self.assertEqual([(v.status, v.reason) for v in job], [(SKIP, "no network")])
        with self.assertRaises(RigError):
            check._beside(["arm64"], ["peers"])
