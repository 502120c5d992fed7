# SPDX-License-Identifier: GPL-2.0
"""The rig's command line, for the top Makefile: see ``make help``."""

import argparse
import signal
import sys
from pathlib import Path

from rig.arch import ARCHES
from rig.check import check
from rig.kernel import BuildError
from rig.mutants import mutants
from rig.run import run, shell


def main() -> int:
    """Do as the arguments say; the exit status."""
    parser = argparse.ArgumentParser(prog="rig")
    parser.add_argument("what", choices=("run", "check", "mutants", "shell"))
    parser.add_argument("--arch", choices=ARCHES, help="default: x86_64; check, mutants: both")
    parser.add_argument("--test", metavar="NAMES", default="", help="tests, or all below a name")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="check: write JUnit XML")
    args = parser.parse_args()

    # As Ctrl-C: guests are ended and temporary files removed on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        arches = [args.arch] if args.arch else list(ARCHES)
        if args.what == "check":
            return check(arches, args.test.split(), args.junit)
        if args.what == "mutants":
            return mutants(arches, args.test.split())
        return {"run": run, "shell": shell}[args.what](args.arch or "x86_64")
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


sys.exit(main())
