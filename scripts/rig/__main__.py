# SPDX-License-Identifier: GPL-2.0
"""The rig's command line, for the top Makefile: see ``make help``."""

import argparse
import signal
import sys
from pathlib import Path

from rig.build.arch import ARCHES
from rig.build.variant import DEFAULT, arches_of, variants
from rig.commands.bench import bench
from rig.commands.check import check
from rig.commands.coverage import coverage
from rig.commands.debian_kdir import debian_kdir
from rig.commands.mutants import mutants
from rig.commands.run import run, shell
from rig.commands.rustdoc import rustdoc
from rig.commands.soak import soak
from rig.commands.tool import build_tool
from rig.common.error import RigError


def main() -> int:
    """Runs the command that the arguments name; returns the exit status."""
    parser = argparse.ArgumentParser(prog="rig")
    whats = ("run", "check", "coverage", "mutants", "soak", "bench", "rustdoc", "shell", "tool")
    parser.add_argument("what", choices=(*whats, "debian-kdir"))
    parser.add_argument("--arch", choices=ARCHES, help="default: both; run, shell: x86_64")
    parser.add_argument("--variant", default=DEFAULT, help="the kernel's; default: %(default)s")
    parser.add_argument("--test", metavar="NAMES", default="", help="tests, or groups of tests")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="check: write JUnit XML")
    parser.add_argument("--rounds", type=int, default=1000000, help="soak: how many invalidations")
    parser.add_argument("--minutes", type=int, default=10, help="soak: of observed drivers")
    parser.add_argument("--seed", type=int, help="soak: for the random numbers")
    parser.add_argument("--kernel", default="", help="debian-kdir: its release, as `uname -r`")
    args = parser.parse_args()

    # SIGTERM works like Ctrl-C: guests are ended and temporary files removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if args.variant not in variants():
            known = ", ".join(variants())
            raise RigError(f"no variant is called {args.variant}; there are {known}")
        arches = [args.arch] if args.arch else arches_of(args.variant)
        if args.what == "check":
            return check(arches, args.variant, args.test.split(), args.junit)
        if args.what == "coverage":
            return coverage(arches, args.variant)
        if args.what == "tool":
            return build_tool(arches)
        if args.what == "bench":
            return bench(arches)
        if args.what == "mutants":
            return mutants(arches, args.variant, args.test.split())
        if args.what == "debian-kdir":
            return debian_kdir(args.kernel)
        if args.what == "soak":
            return soak(arches, args.variant, args.rounds, args.minutes, args.seed)
        commands = {"run": run, "rustdoc": rustdoc, "shell": shell}
        return commands[args.what](args.arch or "x86_64", args.variant)
    except RigError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


sys.exit(main())
