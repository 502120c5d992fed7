# SPDX-License-Identifier: GPL-2.0
"""The examples in the documentation of the abstraction, each of which must compile, and silently.

The kernel runs the examples of its own crate only.  These are cut out, each into a module of one
crate that uses mnck as a driver would; so an example consists of items, not of statements.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rig.build.rustc import Compiler
from rig.common.paths import CHECKOUT
from rig.judge.verdict import FAIL, OK, Verdict

GROUP = "doctest"
DOCUMENTED = CHECKOUT / "src/mmu_notifier"

ITEM = re.compile(
    r"\s*(?:pub(?:\([^)]*\))? )?(?:unsafe )?(?:struct|trait|enum|fn|type|const) (\w+)"
)


@dataclass(frozen=True)
class Example:
    """An example, by what it is an example of."""

    of: str  # an item's name, or "module"
    line: int  # its first
    code: str


def examples(text: str) -> Iterator[Example]:
    """The examples in a file's documentation that are Rust and not marked to be ignored."""
    lines = text.splitlines()
    opened = None
    for number, line in enumerate(lines):
        doc = re.match(r"\s*//[/!] ?(.*)", line)
        if not doc or not doc[1].startswith("```"):
            continue
        if opened is None:
            opened = number
            continue
        if lines[opened].rpartition("```")[2] in ("", "rust"):
            # A line that begins with "# " is not shown, but compiled.
            body = (
                re.sub(r"^\s*//[/!] ?(\s*)(?:# |#$)?", r"\1", inner)
                for inner in lines[opened + 1 : number]
            )
            yield Example(_documented(lines[number:]), opened + 2, "\n".join(body) + "\n")
        opened = None


def _documented(lines: list[str]) -> str:
    """What the documentation that goes on with `lines` is about."""
    if lines[0].lstrip().startswith("//!"):
        return "module"
    names = (match[1] for line in lines if (match := ITEM.match(line)))
    return next(names, "nothing")


def verdicts(arch: str, compiler: Compiler, wanted: Callable[[str], bool]) -> Iterator[Verdict]:
    """The verdict on each example whose test is `wanted`."""
    found: dict[str, tuple[Path, Example]] = {}
    count: Counter[str] = Counter()
    for path in sorted(DOCUMENTED.rglob("*.rs")):
        for example in examples(path.read_text()):
            name = f"{GROUP}.{_group(path)}.{example.of}"
            count[name] += 1
            name += f".{count[name]}" if count[name] > 1 else ""
            if wanted(name):
                found[name] = path, example

    modules = {}
    for name, (path, example) in found.items():
        module = re.sub(r"\W", "_", name).lower()
        modules[module] = compiler.directory / f"{module}.rs"
        # Where it is in the documentation, so that the lines are the same.
        modules[module].write_text("\n" * (example.line - 1) + example.code)
    said = compiler.check_each(GROUP, modules) if modules else {}
    for (name, (path, _)), diagnostics in zip(found.items(), said.values(), strict=True):
        shown = [f"{path.relative_to(CHECKOUT)}: {diagnostic}" for diagnostic in diagnostics]
        lines = "\n".join(diagnostic.text for diagnostic in diagnostics).splitlines()
        status = FAIL if diagnostics else OK
        yield Verdict(arch, name, status, reason="; ".join(shown), lines=lines)


def _group(path: Path) -> str:
    """A file's name in that of a test: of mod.rs, its directory's."""
    parts = path.relative_to(DOCUMENTED).with_suffix("").parts
    return ".".join(part for part in parts if part != "mod") or "mmu_notifier"
