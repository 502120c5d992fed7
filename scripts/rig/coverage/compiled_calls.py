# SPDX-License-Identifier: GPL-2.0
"""The calls of the MMU notifiers in a compiled kernel, and the source functions that make them.

If the compiler has inlined the caller, a call lies in another function than in the source.  The
kernel has no debug information, so each object with such a call is compiled once more with line
tables, which change no code, and the relocations of the calls are looked up in the line tables.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from rig.build.kernel import Kernel
from rig.common.command import output_of
from rig.common.error import RigError
from rig.common.progress import Step
from rig.judge.symbols import without_suffixes

# The functions that notify subscribers, and the callback that each leads to.
ENTRIES = {
    "__mmu_notifier_invalidate_range_start": "range",
    "__mmu_notifier_release": "release",
    "__mmu_notifier_clear_flush_young": "young",
    "__mmu_notifier_clear_young": "young",
    "__mmu_notifier_test_young": "young",
}

# From the relocation of a call to the address after the call, on either architecture.
CALL_LENGTH = 4


@dataclass(frozen=True)
class CompiledCall:
    """One call in a compiled kernel."""

    what: str  # a value of ENTRIES
    address: str  # after the call, as in a stack trace: function+0x0
    file: str
    line: int
    function: str  # of the source


def compiled_calls(kernel: Kernel) -> list[CompiledCall]:
    """Returns all calls in `kernel`; the result is kept in its build directory."""
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    kept = kernel.objdir / f"mnck.compiled_calls-{version}"
    if not kept.exists():
        found = _find(kernel)
        part = kept.with_suffix(".part")
        part.write_text(json.dumps([asdict(call) for call in found]))
        part.rename(kept)
    return [CompiledCall(**fields) for fields in json.loads(kept.read_text())]


def _find(kernel: Kernel) -> list[CompiledCall]:
    objects = _objects(kernel)
    with (
        Step(f"calls of MMU notifiers in the {kernel.arch} kernel", 60, len(objects)) as step,
        tempfile.TemporaryDirectory() as directory,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        found: list[CompiledCall] = []
        for compiled in pool.map(lambda o: list(_in_object(kernel, o, Path(directory))), objects):
            found += compiled
            step.advance()
    return found


def _objects(kernel: Kernel) -> list[str]:
    """Returns the objects that call one of ENTRIES: not mm/mmu_notifier.o, which defines them."""
    listed = output_of(
        ["llvm-nm", "--print-file-name", "--undefined-only", "vmlinux.a"], cwd=kernel.objdir
    )
    found = re.findall(r"^vmlinux\.a:(.+): +U (\w+)$", listed, re.MULTILINE)
    return sorted({name for name, symbol in found if symbol in ENTRIES})


def _in_object(kernel: Kernel, name: str, directory: Path) -> Iterator[CompiledCall]:
    """Yields the calls in one object, `name` in the kernel's build directory."""
    with_lines = directory / name.replace("/", "_")
    output_of(["sh", "-c", _compile(kernel.objdir / name, with_lines)], cwd=kernel.objdir)
    functions = _functions(with_lines)
    if functions != _functions(kernel.objdir / name):
        raise RigError(
            f"{name}: line tables have changed the addresses of its functions, so its calls cannot"
            " be looked up in them"
        )
    calls = list(_calls(with_lines))
    while calls:
        what, after = calls.pop()
        start = max(address for address in functions if address < after)
        frame = _frame(with_lines, after - 1)
        if not frame:
            # An inline function of a header that the compiler did not inline: its callers count.
            calls += [(what, address) for address in _callers(with_lines, functions[start])]
            continue
        yield CompiledCall(
            what,
            f"{without_suffixes(functions[start])}+{after - start:#x}",
            str(Path(frame["FileName"]).relative_to(kernel.srcdir)),
            frame["Line"],
            without_suffixes(frame["FunctionName"]),
        )


def _frame(with_lines: Path, address: int) -> dict | None:
    """Returns the innermost function at an address of .text that is not in a header, or None."""
    # --functions=short takes the names of the debug information, not of the nearest symbol.
    options = ["--functions=short", "--output-style=JSON", f"--obj={with_lines}"]
    frames = json.loads(output_of(["llvm-symbolizer", *options, f"{address:#x}"]))[0]["Symbol"]
    return next((f for f in frames if not f["FileName"].endswith(".h")), None)


def _compile(built: Path, with_lines: Path) -> str:
    """Returns the command that built `built`, changed to build `with_lines` with line tables."""
    text = (built.parent / f".{built.name}.cmd").read_text()
    saved = re.match(r"savedcmd_\S+ := (.*)", text)
    assert saved
    # The commands after the compiler's change the object in place, and no address in it.
    first = saved[1].partition(" ; ")[0].replace("$(pound)", "#").replace("$$", "$")
    without = re.sub(r"-Wp,-MMD,\S+ ", "", first)
    return re.sub(r" -o \S+ ", f" -gline-tables-only -o {with_lines} ", without)


def _elf(path: Path, what: str) -> dict:
    return json.loads(output_of(["llvm-readobj", "--elf-output-style=JSON", what, str(path)]))[0]


def _functions(path: Path) -> dict[int, str]:
    """Returns the functions of an object's section .text, by address."""
    symbols = [entry["Symbol"] for entry in _elf(path, "--symbols")["Symbols"]]
    return {
        symbol["Value"]: symbol["Name"]["Name"]
        for symbol in symbols
        if symbol["Type"]["Name"] == "Function" and symbol["Section"]["Name"] == ".text"
    }


def _calls(path: Path) -> Iterator[tuple[str, int]]:
    """Yields the calls of ENTRIES in .text: the callback, and the address after the call."""
    sections = [entry["Section"] for entry in _elf(path, "--sections")["Sections"]]
    code = next(s["Index"] for s in sections if s["Name"]["Name"] == ".rela.text")
    for section in _elf(path, "--relocations")["Relocations"]:
        for entry in section["Relocs"] if section["SectionIndex"] == code else ():
            relocation = entry["Relocation"]
            if what := ENTRIES.get(relocation["Symbol"]["Name"]):
                yield what, relocation["Offset"] + CALL_LENGTH


def _callers(path: Path, function: str) -> Iterator[int]:
    """Yields the addresses after the calls of a function in its own object."""
    # The calls have no relocation.
    listing = output_of(["llvm-objdump", "--disassemble", "--no-show-raw-insn", str(path)])
    called = False
    for address, instruction in re.findall(r"^ *([0-9a-f]+): *\t(.*)$", listing, re.MULTILINE):
        if called:
            yield int(address, 16)
        called = instruction.endswith(f"<{function}>")
