# SPDX-License-Identifier: GPL-2.0
"""The order of the rig's packages: imports go one way only."""

import ast
import unittest
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import rig

ROOT = Path(rig.__file__).parent
LAYERS = ("common", "build", "judge", "coverage", "report", "host", "guest", "commands", "tests")


def imported(path: Path) -> Iterator[str]:
    """Yields the rig's modules that the module at `path` imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        source = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        if source.startswith("rig."):
            package = ROOT.parent / source.replace(".", "/")
            names = [alias.name for alias in node.names if (package / f"{alias.name}.py").exists()]
            yield from [f"{source}.{name}" for name in names] or [source]


def modules() -> dict[str, set[str]]:
    """Returns every module of the rig's packages, and what it imports."""
    paths = [path for path in ROOT.rglob("*.py") if path.parent != ROOT]
    name = {path: ".".join(path.relative_to(ROOT.parent).with_suffix("").parts) for path in paths}
    return {name[path]: set(imported(path)) for path in paths}


class Layers(unittest.TestCase):
    """What may import what."""

    def test_every_package_has_its_place(self):
        packages = {path.parent.name for path in ROOT.glob("*/*.py")}
        self.assertEqual(packages, set(LAYERS))
        listed = [line.split()[0] for line in rig.__doc__.splitlines() if line.startswith("    ")]
        self.assertEqual(listed, list(LAYERS))

    def test_packages_import_from_those_before_them(self):
        for module, others in modules().items():
            own = LAYERS.index(module.split(".")[1])
            later = {o for o in others if LAYERS.index(o.split(".")[1]) > own}
            self.assertEqual(later, set(), module)

    def test_modules_import_in_no_circle(self):
        TopologicalSorter(modules()).prepare()
