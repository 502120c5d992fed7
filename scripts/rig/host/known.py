# SPDX-License-Identifier: GPL-2.0
"""What earlier runs have found about the same inputs, which is not tested again.

A test without a guest depends on files of the checkout, on a kernel and on the tools of the build
root alone: with the same inputs it ends in the same way.  If all tests of a kind have passed, a
file in the cache says so; its name is a hash of these inputs, so that any change of them runs the
tests again.  A failure is not kept, nor is anything about a test in a guest.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rig.build.inputs import Inputs
from rig.common.paths import CACHE
from rig.judge.verdict import OK, Verdict

KEPT_DAYS = 14


def verdicts(
    inputs: Inputs,
    run: Callable[[], Iterator[Verdict]],
    wanted: Callable[[str], bool],
    is_whole: bool = True,
    directory: Path = CACHE / "verdicts",
) -> Iterator[Verdict]:
    """Yields the verdicts that `run` yields, or if all have passed before, these.

    `wanted` says of a test's name whether its verdict is; `is_whole`, whether all of `run` are.
    """
    digest = inputs.digest()
    kept = directory / digest
    if kept.exists():
        kept.touch()
        passed = [line.split() for line in kept.read_text().splitlines()]
        yield from (Verdict(place, n, OK, is_known=True) for place, n in passed if wanted(n))
        return
    found = []
    for verdict in run():
        found.append(verdict)
        yield verdict
    # Inputs that have changed meanwhile may have been tested before or after the change.
    if is_whole and all(v.status == OK for v in found) and inputs.digest() == digest:
        _keep(kept, found)


def _keep(path: Path, passed: list[Verdict]) -> None:
    """Writes the names of the tests that have passed; removes the files that were long unused."""
    path.parent.mkdir(exist_ok=True)
    limit = time.time() - KEPT_DAYS * 24 * 3600
    for old in path.parent.iterdir():
        if old.stat().st_mtime < limit:
            old.unlink(missing_ok=True)
    part = path.with_suffix(f".{time.monotonic_ns()}")
    part.write_text("".join(f"{v.where} {v.name}\n" for v in passed))
    part.rename(path)
