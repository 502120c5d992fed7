# SPDX-License-Identifier: GPL-2.0
"""The verdicts as JUnit XML."""

import subprocess
import sys
import tempfile
from pathlib import Path

from rig.common.error import RigError
from rig.judge import ktap
from rig.judge.verdict import FAIL, SKIP, XFAIL, Verdict
from rig.report.results import group_of


def write(verdicts: list[Verdict], path: Path, srcdir: Path) -> None:
    """Writes the verdicts to `path`; kunit.py of the kernel source at `srcdir` makes the XML."""
    suites = list(dict.fromkeys((v.where, group_of(v)) for v in verdicts))
    text = f"KTAP version 1\n1..{len(suites)}\n"
    for number, (where, group) in enumerate(suites, 1):
        cases = [v for v in verdicts if (v.where, group_of(v)) == (where, group)]
        text += ktap.subtest(
            f"{where}.{group}",
            number,
            [
                (
                    v.status != FAIL,
                    v.name.replace("#", ""),
                    f"{v.status.upper()} {v.reason}" if v.status in (SKIP, XFAIL) else "",
                    ([v.reason] if v.status == FAIL else []) + v.lines,
                )
                for v in cases
            ],
        )
    # kunit.py fails if a test has failed; whether it has written the file is what counts.
    with tempfile.TemporaryDirectory() as directory:
        written = Path(directory, "junit.xml")
        kunit = srcdir / "tools/testing/kunit/kunit.py"
        command = [sys.executable, "-B", kunit, "parse", f"--junit={written}"]
        done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
        if not written.exists():
            raise RigError(f"{kunit} has not written JUnit XML: {done.stderr.strip()}")
        # `path` may be /dev/fd/3, a file outside the build root, which kunit.py could not replace.
        path.write_bytes(written.read_bytes())
