# SPDX-License-Identifier: GPL-2.0
"""``make mutants``: the proof that the kselftests can fail.

Each patch in selftests/mutants/ plants one mistake in the module and names the tests that must
catch it.  They are run with the changed module, and each must fail.  A patch with the line
"Variant: NAME" is tried with that kernel only.
"""

import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rig.build import artifacts
from rig.build.kernel import Kernel
from rig.build.kernels import ensure_kernel
from rig.common import log
from rig.common.error import RigError
from rig.common.parallel import side_by_side
from rig.common.paths import CHECKOUT
from rig.guest.groups import selected
from rig.guest.kselftest import kselftests
from rig.judge.verdict import FAIL, OK, Verdict
from rig.report import results

PATCHES = CHECKOUT / "selftests/mutants"


def mutants(arches: list[str], variant: str, patterns: list[str]) -> int:
    """Tries and reports the mutants that `patterns` select, or all; returns the exit status."""
    kernels = [ensure_kernel(arch, variant) for arch in arches]
    patches = [p for p in sorted(PATCHES.glob("*.patch")) if selected(p.stem, patterns)]
    patches = [p for p in patches if variant in (_lines(p, "Variant") or [variant])]
    if not patches:
        called = " ".join(patterns)
        raise RigError(f"no mutant of {variant} is called {called}: see selftests/mutants/")
    return results.report(side_by_side([_try_all(kernel, patches) for kernel in kernels]))


def _try_all(kernel: Kernel, patches: list[Path]) -> Iterator[Verdict]:
    with tempfile.TemporaryDirectory(dir=log.directory(), ignore_cleanup_errors=True) as directory:
        yield from (_try(kernel, patch, Path(directory)) for patch in patches)


def _try(kernel: Kernel, patch: Path, directory: Path) -> Verdict:
    start = time.monotonic()
    caught_by = _lines(patch, "Caught-by")
    if not caught_by:
        raise RigError(f"{patch} has no line 'Caught-by:': name the tests that must fail")

    name = f"mutants.{patch.stem}"
    try:
        with artifacts.mutant(kernel, patch, directory) as module:
            found = list(_run(kernel, module, caught_by, patch.stem))
    except RigError as error:
        return Verdict(kernel.arch, name, FAIL, reason=str(error))
    missed = [v.name for v in found if v.status != FAIL]
    missed += sorted(set(caught_by) - {v.name for v in found})
    seconds = time.monotonic() - start
    if missed:
        return Verdict(kernel.arch, name, FAIL, seconds, f"not caught by {', '.join(missed)}")
    return Verdict(kernel.arch, name, OK, seconds, lines=[f"{v.name}: {v.reason}" for v in found])


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
