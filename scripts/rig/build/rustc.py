# SPDX-License-Identifier: GPL-2.0
"""The Rust compiler as kbuild calls it for mnck: with its flags, against the same `kernel` crate.

It compiles crates that use mnck as a library, only to see what it reports: nothing is linked.
"""

import itertools
import json
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rig.build import artifacts
from rig.build.kernel import Kernel
from rig.common import command
from rig.common.error import RigError
from rig.common.paths import CHECKOUT

# `#[vtable]` needs this type in the crate that implements a trait.  In a module `module!` makes it.
LOCAL_MODULE = """\
#[allow(dead_code)]
struct LocalModule;
impl kernel::ModuleMetadata for LocalModule {
    const NAME: &'static kernel::str::CStr = c"mnck_user";
    // SAFETY: A null pointer stands for code that is not in a module.
    const THIS_MODULE: kernel::ThisModule =
        unsafe { kernel::ThisModule::from_ptr(core::ptr::null_mut()) };
}
"""

# mnck as a library: the abstraction, the part of mnck that other modules use.
LIBRARY = f"""\
//! Safe MMU notifiers: the abstraction of mnck, as another module sees it.
{LOCAL_MODULE}
#[path = "{CHECKOUT}/src/ffi/raw.rs"]
mod ffi;
#[path = "{CHECKOUT}/src/mmu_notifier/mod.rs"]
pub mod mmu_notifier;
"""

# A crate that uses mnck, to which modules are appended.  Their items need neither users nor
# documentation, but to drop a value that must be used is an error.
USER = f"""\
//! Uses mnck.
#![allow(unused, missing_docs, unreachable_pub)]
#![deny(unused_must_use)]
{LOCAL_MODULE}
"""


@dataclass(frozen=True)
class Diagnostic:
    """A warning or an error, and its place."""

    level: str
    code: str  # an error's code or a lint's name; the message if it has neither
    file: str
    line: int
    text: str = field(compare=False, default="")  # as rustc shows it

    def __str__(self) -> str:
        return f"{self.code} in line {self.line}"


@dataclass(frozen=True)
class Compiler:
    """rustc or rustdoc, with its flags."""

    flags: list[str]
    environment: Mapping[str, str]
    directory: Path  # in which the compiler runs, and to which it writes

    @property
    def library(self) -> Path:
        """The root of mnck as a library."""
        return self.directory / "mnck.rs"

    def run(self, program: str, *arguments: str | Path) -> tuple[int, str]:
        """Runs `program`, rustc or rustdoc; returns its exit status and its output."""
        return command.run(
            [program, *self.flags, *arguments], self.directory, environment=self.environment
        )

    def check(self, crate: str, modules: Mapping[str, Path]) -> list[Diagnostic]:
        """Returns what the compiler reports on a crate of these modules, which may use mnck."""
        root = self.directory / f"{crate}.rs"
        paths = (f'#[path = "{path}"]\npub mod {name};\n' for name, path in modules.items())
        root.write_text(USER + "".join(paths))
        status, output = self.run(
            *("rustc", "--crate-name", crate, "--crate-type=rlib", "--error-format=json"),
            *("-L", self.directory, "--extern=mnck", f"--emit=metadata=lib{crate}.rmeta", root),
        )
        return parse(output, status)

    def check_each(self, crate: str, modules: Mapping[str, Path]) -> dict[str, list[Diagnostic]]:
        """Returns the same for each module by itself; compiles them together if all are good."""
        if not self.check(crate, modules):
            return {name: [] for name in modules}
        return {name: self.check(crate, {name: path}) for name, path in modules.items()}


def compiler(kernel: Kernel, module: Path) -> Compiler:
    """Returns the compiler that built `module`, the mnck.ko for `kernel`, with mnck as a library.

    The caller holds artifacts.lock() until it has used the compiler.
    """
    built = module.parent
    found = parse_command((built / ".mnck_main.o.cmd").read_text())
    directory = artifacts.build_dir(kernel) / "rustc"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    environment = found[0] | {"RUSTC_BOOTSTRAP": "1", "MNCK_GENERATED": str(built / "ffi")}
    made = Compiler(found[1], environment, directory)
    made.library.write_text(LIBRARY)
    status, output = made.run(
        *("rustc", "--crate-name=mnck", "--crate-type=rlib", "--emit=metadata=libmnck.rmeta"),
        made.library,
    )
    if status:
        raise RigError(f"{output}failed: compiling mnck as a library for {kernel.arch}")
    return made


def parse_command(saved: str) -> tuple[dict[str, str], list[str]]:
    """Returns the environment and the flags of the command in a .o.cmd file of kbuild.

    Left out are the inputs and outputs, which differ from crate to crate.
    """
    line = saved.partition("\n")[0].partition(" := ")[2].replace("$(pound)", "#").replace("$$", "$")
    # The commands after rustc's begin with ";" or with ";llvm-link".
    words = list(itertools.takewhile(lambda word: not word.startswith(";"), shlex.split(line)))
    environment = {}
    while "=" in words[0]:
        name, _, environment[name] = words.pop(0).partition("=")
    flags = []
    rest = iter(words[1:])  # without the compiler
    for word in rest:
        if word in ("--out-dir", "--crate-type"):
            next(rest)
        elif not word.startswith(("--emit=", "--remap-path-")) and not word.endswith(".rs"):
            flags.append(word)
    return environment, flags


def parse(output: str, status: int) -> list[Diagnostic]:
    """Returns the diagnostics in the `output`, in JSON, of a compiler that ended with `status`."""
    found = []
    for line in output.splitlines():
        if not line.startswith('{"$message_type"'):  # the compiler has crashed
            continue
        message = json.loads(line)
        total = re.match(r"aborting due to |\d+ warnings? emitted", message["message"])
        if message["level"] in ("error", "warning") and not total:
            found.append(_diagnostic(message))
    if status and not any(diagnostic.level == "error" for diagnostic in found):
        found.append(Diagnostic("error", f"rustc: exit status {status}", "", 0, output))
    return found


def _diagnostic(message: dict) -> Diagnostic:
    level, text = message["level"], message["rendered"]
    code = message["code"]["code"] if message["code"] else message["message"]
    primary = next((span for span in message["spans"] if span["is_primary"]), None)
    if not primary:
        return Diagnostic(level, code, "", 0, text)
    while primary["expansion"]:  # go to the use of the macro
        primary = primary["expansion"]["span"]
    return Diagnostic(level, code, primary["file_name"], primary["line_start"], text)
