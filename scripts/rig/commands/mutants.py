# SPDX-License-Identifier: GPL-2.0
"""``make mutants``: the proof that the kselftests can fail.

Each patch in selftests/mutants/ plants one mistake in the module and names the tests that must
catch it.  They are run with the changed module, or on the host, and each must fail.  A patch with
the line "Variant: NAME" is tried with that kernel only.
"""

import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rig.build import artifacts
from rig.build.kernel import Kernel
from rig.build.kernels import ensure_kernels
from rig.common import log
from rig.common.error import RigError
from rig.common.parallel import side_by_side
from rig.common.paths import CHECKOUT
from rig.guest.groups import selected
from rig.guest.kselftest import kselftests
from rig.host import engine
from rig.judge.verdict import FAIL, OK, Verdict
from rig.report import results

PATCHES = CHECKOUT / "selftests/mutants"


def mutants(arches: list[str], variant: str, patterns: list[str]) -> int:
    """Tries and reports the mutants that `patterns` select, or all; returns the exit status."""
    kernels = ensure_kernels(arches, variant)
    patches = [p for p in sorted(PATCHES.glob("*.patch")) if selected(p.stem, patterns)]
    patches = [p for p in patches if variant in (_lines(p, "Variant") or [variant])]
    if not patches:
        called = " ".join(patterns)
        raise RigError(f"no mutant of {variant} is called {called}: see selftests/mutants/")
    jobs = [_try_all(kernel, patches) for kernel in kernels]
    return results.report(side_by_side(jobs, [_try_all_on_host(patches)]))


def _caught_by(patch: Path) -> tuple[list[str], list[str]]:
    """Returns the tests that must catch the mistake: those in a guest, and those on the host."""
    caught_by = _lines(patch, "Caught-by")
    if not caught_by:
        raise RigError(f"{patch} has no line 'Caught-by:': name the tests that must fail")
    on_host = [name for name in caught_by if name.startswith(f"{engine.NAME}.")]
    return [name for name in caught_by if name not in on_host], on_host


def _try_all(kernel: Kernel, patches: list[Path]) -> Iterator[Verdict]:
    with tempfile.TemporaryDirectory(dir=log.directory(), ignore_cleanup_errors=True) as directory:
        for patch in patches:
            if names := _caught_by(patch)[0]:
                yield _try(kernel, patch, names, Path(directory))


def _try(kernel: Kernel, patch: Path, names: list[str], directory: Path) -> Verdict:
    start = time.monotonic()
    try:
        with artifacts.mutant(kernel, patch, directory) as module:
            found = list(_run(kernel, module, names, patch.stem))
    except RigError as error:
        return Verdict(kernel.arch, f"mutants.{patch.stem}", FAIL, reason=str(error))
    return _judge(kernel.arch, patch, names, found, time.monotonic() - start)


def _try_all_on_host(patches: list[Path]) -> Iterator[Verdict]:
    for patch in patches:
        if names := _caught_by(patch)[1]:
            start = time.monotonic()
            try:
                with engine.mutant(patch) as tree:
                    found = list(engine.verdicts_on_mutant(names, tree))
            except RigError as error:
                yield Verdict("host", f"mutants.{patch.stem}", FAIL, reason=str(error))
                continue
            yield _judge("host", patch, names, found, time.monotonic() - start)


def _judge(
    where: str, patch: Path, names: list[str], found: list[Verdict], seconds: float
) -> Verdict:
    """Returns whether each test of these names has failed."""
    name = f"mutants.{patch.stem}"
    missed = [v.name for v in found if v.status != FAIL]
    missed += sorted(set(names) - {v.name for v in found})
    if missed:
        return Verdict(where, name, FAIL, seconds, f"not caught by {', '.join(missed)}")
    return Verdict(where, name, OK, seconds, lines=[f"{v.name}: {v.reason}" for v in found])


def _lines(patch: Path, key: str) -> list[str]:
    """Returns the words in all lines of a patch that begin with `key` and a colon."""
    lines = re.findall(rf"^{key}: *(.+)$", patch.read_text(), re.MULTILINE)
    return " ".join(lines).split()


def _run(kernel: Kernel, module: Path, names: list[str], mutant: str) -> Iterator[Verdict]:
    """Yields the verdicts on the tests of these names.

    A mistake may end the guest, so the tests that were not run get another guest.
    """
    while names:
        verdicts = [v for v in kselftests(kernel, module, names, mutant) if v.name in names]
        run = [v for v in verdicts if not v.reason.startswith("not run: ")]
        yield from run
        if not run:
            return
        names = [name for name in names if name not in {v.name for v in run}]
