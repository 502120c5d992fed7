# SPDX-License-Identifier: GPL-2.0
"""Where in a kernel the MMU notifiers are called from: the functions that the compiler has put the
calls into, and those of the source that they are from.

The two differ wherever one was inlined.  The kernel has no debug information; so each object that
has such a call is compiled once more with line tables, which change no code, and the relocations of
the calls are looked up in those.
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
from rig.common import command
from rig.common.error import RigError
from rig.common.progress import Step

# What is called, and what subscribers are told of it.
ENTRIES = {
    "__mmu_notifier_invalidate_range_start": "range",
    "__mmu_notifier_release": "release",
    "__mmu_notifier_clear_flush_young": "young",
    "__mmu_notifier_clear_young": "young",
    "__mmu_notifier_test_young": "young",
}

# From a relocation of a call to the address behind the call, on either architecture.
CALL_LENGTH = 4


@dataclass(frozen=True)
class CompiledCall:
    """One call in the code."""

    what: str
    address: str  # behind the call, as a stack has it: function+0x0
    file: str
    line: int
    function: str


def compiled_calls(kernel: Kernel) -> list[CompiledCall]:
    """All calls in `kernel`, kept beside it."""
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
    """Those that call one of the entries, and so not mm/mmu_notifier.o, which has them."""
    said = _run(["llvm-nm", "--print-file-name", "--undefined-only", "vmlinux.a"], kernel.objdir)
    found = re.findall(r"^vmlinux\.a:(.+): +U (\w+)$", said, re.MULTILINE)
    return sorted({name for name, symbol in found if symbol in ENTRIES})


def _in_object(kernel: Kernel, name: str, directory: Path) -> Iterator[CompiledCall]:
    """The calls in one object, `name` from the kernel's build directory."""
    lined = directory / name.replace("/", "_")
    _run(["sh", "-c", _compile(kernel.objdir / name, lined)], kernel.objdir)
    functions = _functions(lined)
    if functions != _functions(kernel.objdir / name):
        raise RigError(f"{name} is another with line tables than without")
    calls = list(_calls(lined))
    while calls:
        what, behind = calls.pop()
        start = max(address for address in functions if address < behind)
        frame = _frame(lined, behind - 1)
        if not frame:
            # An inline function of a header, of which a function was made.
            calls += [(what, address) for address in _callers(lined, functions[start])]
            continue
        yield CompiledCall(
            what,
            f"{functions[start]}+{behind - start:#x}",
            str(Path(frame["FileName"]).relative_to(kernel.srcdir)),
            frame["Line"],
            frame["FunctionName"],
        )


def _frame(lined: Path, address: int) -> dict | None:
    """The innermost function that has an address of .text, of those that are in no header."""
    # With short names those of the debug information count, not the nearest symbol's.
    options = ["--functions=short", "--output-style=JSON", f"--obj={lined}"]
    frames = json.loads(_run(["llvm-symbolizer", *options, f"{address:#x}"]))[0]["Symbol"]
    return next((f for f in frames if not f["FileName"].endswith(".h")), None)


def _compile(made: Path, lined: Path) -> str:
    """The command that has made an object, to make another with line tables."""
    text = (made.parent / f".{made.name}.cmd").read_text()
    saved = re.match(r"savedcmd_\S+ := (.*)", text)
    assert saved
    # What comes behind the compiler changes the object in place, and no address.
    first = saved[1].partition(" ; ")[0].replace("$(pound)", "#").replace("$$", "$")
    without = re.sub(r"-Wp,-MMD,\S+ ", "", first)
    return re.sub(r" -o \S+ ", f" -gline-tables-only -o {lined} ", without)


def _elf(path: Path, what: str) -> dict:
    return json.loads(_run(["llvm-readobj", "--elf-output-style=JSON", what, str(path)]))[0]


def _functions(path: Path) -> dict[int, str]:
    """The functions of an object's section .text, by address."""
    symbols = [entry["Symbol"] for entry in _elf(path, "--symbols")["Symbols"]]
    return {
        symbol["Value"]: symbol["Name"]["Name"]
        for symbol in symbols
        if symbol["Type"]["Name"] == "Function" and symbol["Section"]["Name"] == ".text"
    }


def _calls(path: Path) -> Iterator[tuple[str, int]]:
    """The calls of the entries in .text: what subscribers are told, and the address behind each."""
    sections = [entry["Section"] for entry in _elf(path, "--sections")["Sections"]]
    code = next(s["Index"] for s in sections if s["Name"]["Name"] == ".rela.text")
    for section in _elf(path, "--relocations")["Relocations"]:
        for entry in section["Relocs"] if section["SectionIndex"] == code else ():
            relocation = entry["Relocation"]
            if what := ENTRIES.get(relocation["Symbol"]["Name"]):
                yield what, relocation["Offset"] + CALL_LENGTH


def _callers(path: Path, function: str) -> Iterator[int]:
    """The addresses behind the calls of a function of the same object, which need no relocation."""
    listing = _run(["llvm-objdump", "--disassemble", "--no-show-raw-insn", str(path)])
    called = False
    for address, instruction in re.findall(r"^ *([0-9a-f]+): *\t(.*)$", listing, re.MULTILINE):
        if called:
            yield int(address, 16)
        called = instruction.endswith(f"<{function}>")


def _run(what: list[str], directory: Path | None = None) -> str:
    status, said = command.run(what, cwd=directory)
    if status:
        raise RigError(f"failed: {' '.join(what)[:200]}:\n{said[-2000:]}")
    return said
