# SPDX-License-Identifier: GPL-2.0
"""Unit tests of rig.build.debian that need no package."""

import unittest

from rig.build import debian
from rig.common.error import RigError

SYMVERS = """\
0x00000000\t_RNvNtCs_4core3num3fmt\tvmlinux\tEXPORT_SYMBOL_GPL\t
0x00000000\trust_helper_BUG\tvmlinux\tEXPORT_SYMBOL_GPL\t
0x00000000\tkfree\tvmlinux\tEXPORT_SYMBOL\t
"""
EXPORTS = """\
EXPORT_SYMBOL_RUST_GPL(_RNvNtCs_4core3num3fmt);
EXPORT_SYMBOL_RUST_GPL(rust_helper_BUG);
"""


class Release(unittest.TestCase):
    """Which releases are those of Debian's kernels."""

    def test_architecture(self):
        for release, arch in (
            ("7.3.4+deb13-amd64", "amd64"),
            ("7.3.4+deb13-rt-amd64", "amd64"),
            ("7.3.4+deb13-cloud-arm64", "arm64"),
            ("7.3.4+deb13-arm64-16k", "arm64"),
        ):
            match = debian.RELEASE.fullmatch(release)
            self.assertEqual(match and match["arch"], arch, release)

    def test_others(self):
        for release in ("", "7.3.4", "7.3.4-custom", "7.3.4+deb13-amd64; rm -r /"):
            with self.assertRaisesRegex(RigError, "give KERNEL="):
                debian.ensure_kdir(release)


class Comparison(unittest.TestCase):
    """What must be as in Debian's build."""

    def test_configuration(self):
        one = "CONFIG_RUST=y\n# CONFIG_LTO is not set\nCONFIG_HZ=250\n"
        self.assertEqual(debian.differing(one, one), [])
        self.assertEqual(debian.differing(one, one.replace("250", "1000")), ["CONFIG_HZ"])
        self.assertEqual(debian.differing(one, one + "CONFIG_SMP=y\n"), ["CONFIG_SMP"])

    def test_harmless(self):
        self.assertEqual(debian.differing("CONFIG_COMPAT_VDSO=y\n", ""), [])

    def test_variables(self):
        kept = "override ARCH = arm64\noverride CROSS_COMPILE = aarch64-linux-gnu-\n"
        compat = "override CROSS_COMPILE_COMPAT = arm-linux-gnueabihf-\n"
        compat += "export CROSS_COMPILE_COMPAT CROSS32_COMPILE\n"
        self.assertEqual(debian.without_compat(kept + compat), kept)

    def test_symbols(self):
        wanted = debian.rust_symbols(SYMVERS)
        self.assertEqual(wanted, {"_RNvNtCs_4core3num3fmt", "rust_helper_BUG"})
        self.assertEqual(debian.exported(EXPORTS), wanted)
        self.assertEqual(wanted - debian.exported(EXPORTS.replace("num", "ops")), {min(wanted)})
