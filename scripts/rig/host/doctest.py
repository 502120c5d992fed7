# SPDX-License-Identifier: GPL-2.0
"""The examples in the abstraction's documentation, each of which must compile without a warning.

The kernel runs only the examples of the `kernel` crate.  Here each example becomes a
module of one crate that uses mnck as a driver does; so an example consists of items, not of
statements.
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
    """One example."""

    of: str  # the name of the documented item, or "module"
    line: int  # its first line
    code: str


def examples(text: str) -> Iterator[Example]:
    """Yields the examples in a file's documentation that are Rust and not marked "ignore"."""
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
            # A line that begins with "# " is compiled, but rustdoc does not show it.
            body = (
                re.sub(r"^\s*//[/!] ?(\s*)(?:# |#$)?", r"\1", inner)
                for inner in lines[opened + 1 : number]
            )
            yield Example(_documented(lines[number:]), opened + 2, "\n".join(body) + "\n")
        opened = None


def _documented(lines: list[str]) -> str:
    """Returns the name of the item whose documentation ends with the first of `lines`."""
    if lines[0].lstrip().startswith("//!"):
        return "module"
    names = (match[1] for line in lines if (match := ITEM.match(line)))
    return next(names, "nothing")


def verdicts(arch: str, compiler: Compiler, wanted: Callable[[str], bool]) -> Iterator[Verdict]:
    """Yields the verdict on each example whose test is `wanted`."""
    found: dict[str, tuple[Path, Example]] = {}
    count: Counter[str] = Counter()
    for path in sorted(DOCUMENTED.rglob("*.rs")):
        for example in examples(path.read_text()):
            name = f"{GROUP}.{_module(path)}.{example.of}"
            count[name] += 1
            name += f".{count[name]}" if count[name] > 1 else ""
            if wanted(name):
                found[name] = path, example

    modules = {}
    for name, (_, example) in found.items():
        module = re.sub(r"\W", "_", name).lower()
        modules[module] = compiler.directory / f"{module}.rs"
        # The example keeps its line number, so that errors point into the documentation.
        modules[module].write_text("\n" * (example.line - 1) + example.code)
    reported = compiler.check_each(GROUP, modules) if modules else {}
    for (name, (path, _)), diagnostics in zip(found.items(), reported.values(), strict=True):
        shown = [f"{path.relative_to(CHECKOUT)}: {diagnostic}" for diagnostic in diagnostics]
        lines = "\n".join(diagnostic.text for diagnostic in diagnostics).splitlines()
        status = FAIL if diagnostics else OK
        yield Verdict(arch, name, status, reason="; ".join(shown), lines=lines)


def _module(path: Path) -> str:
    """Returns the name of a file's module, as a part of a test's name."""
    parts = path.relative_to(DOCUMENTED).with_suffix("").parts
    return ".".join(part for part in parts if part != "mod") or "mmu_notifier"
