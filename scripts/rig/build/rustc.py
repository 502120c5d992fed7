# SPDX-License-Identifier: GPL-2.0
"""The Rust compiler as kbuild calls it for mnck: with its flags, against the same `kernel` crate.

What it compiles here is checked only: crates that use mnck, which is a library to them, and of
which nothing is linked or run.
"""

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

# What `#[vtable]` wants in the crate that implements a trait, and `module!` makes elsewhere.
LOCAL_MODULE = """\
#[allow(dead_code)]
struct LocalModule;
impl kernel::ModuleMetadata for LocalModule {
    const NAME: &'static kernel::str::CStr = c"mnck_user";
    // SAFETY: As that of code which is not in a module.
    const THIS_MODULE: kernel::ThisModule =
        unsafe { kernel::ThisModule::from_ptr(core::ptr::null_mut()) };
}
"""

# mnck as a library: the abstraction, which is what another module can use of it.
LIBRARY = f"""\
//! Safe MMU notifiers: the abstraction of mnck, as another module sees it.
{LOCAL_MODULE}
#[path = "{CHECKOUT}/src/ffi/raw.rs"]
mod ffi;
#[path = "{CHECKOUT}/src/mmu_notifier/mod.rs"]
pub mod mmu_notifier;
"""

# A crate that uses it, and consists of the modules that are appended.  Their items need no users
# and no documentation; but that one of them drops what must be used is an error.
USER = f"""\
//! Uses mnck.
#![allow(unused, missing_docs, unreachable_pub)]
#![deny(unused_must_use)]
{LOCAL_MODULE}
"""


@dataclass(frozen=True)
class Diagnostic:
    """A warning or an error, and where it is."""

    level: str
    code: str  # of an error, or a lint's name; or, if it has none, the message
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
    directory: Path  # where it runs, and writes

    @property
    def library(self) -> Path:
        """The root of mnck as a library."""
        return self.directory / "mnck.rs"

    def run(self, program: str, *arguments: str | Path) -> tuple[int, str]:
        """Run `program`, which is rustc or rustdoc; its exit status, and what it says."""
        return command.run(
            [program, *self.flags, *arguments], self.directory, environment=self.environment
        )

    def check(self, crate: str, modules: Mapping[str, Path]) -> list[Diagnostic]:
        """What the compiler says to a crate of these modules, which may use mnck."""
        root = self.directory / f"{crate}.rs"
        paths = (f'#[path = "{path}"]\npub mod {name};\n' for name, path in modules.items())
        root.write_text(USER + "".join(paths))
        status, said = self.run(
            *("rustc", "--crate-name", crate, "--crate-type=rlib", "--error-format=json"),
            *("-L", self.directory, "--extern=mnck", f"--emit=metadata=lib{crate}.rmeta", root),
        )
        return parse(said, status)

    def check_each(self, crate: str, modules: Mapping[str, Path]) -> dict[str, list[Diagnostic]]:
        """The same of each module by itself, if not all of them together are found to be good."""
        if not self.check(crate, modules):
            return {name: [] for name in modules}
        return {name: self.check(crate, {name: path}) for name, path in modules.items()}


def compiler(kernel: Kernel, module: Path) -> Compiler:
    """The compiler by which `module`, the mnck.ko for `kernel`, was built, and mnck as a library.

    To be called, and the compiler used, under the lock on what is built for `kernel`.
    """
    built = module.parent
    found = parse_command((built / ".mnck_main.o.cmd").read_text())
    directory = artifacts.build_dir(kernel) / "rustc"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    environment = found[0] | {"RUSTC_BOOTSTRAP": "1", "MNCK_GENERATED": str(built / "ffi")}
    made = Compiler(found[1], environment, directory)
    made.library.write_text(LIBRARY)
    status, said = made.run(
        *("rustc", "--crate-name=mnck", "--crate-type=rlib", "--emit=metadata=libmnck.rmeta"),
        made.library,
    )
    if status:
        raise RigError(f"{said}failed: mnck as a library for {kernel.arch}")
    return made


def parse_command(saved: str) -> tuple[dict[str, str], list[str]]:
    """The environment and the flags of the command that a .o.cmd file of kbuild has noted.

    Not among them: what goes in and comes out, which differs from crate to crate.
    """
    line = saved.partition("\n")[0].partition(" := ")[2].replace("$(pound)", "#").replace("$$", "$")
    words = shlex.split(line)
    words = words[: words.index(";")] if ";" in words else words
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


def parse(said: str, status: int) -> list[Diagnostic]:
    """The diagnostics of a compiler that ended with `status` and has `said` this, in JSON."""
    found = []
    for line in said.splitlines():
        if not line.startswith('{"$message_type"'):  # of a compiler that crashes
            continue
        message = json.loads(line)
        total = re.match(r"aborting due to |\d+ warnings? emitted", message["message"])
        if message["level"] in ("error", "warning") and not total:
            found.append(_diagnostic(message))
    if status and not any(diagnostic.level == "error" for diagnostic in found):
        found.append(Diagnostic("error", f"rustc: exit status {status}", "", 0, said))
    return found


def _diagnostic(message: dict) -> Diagnostic:
    level, text = message["level"], message["rendered"]
    code = message["code"]["code"] if message["code"] else message["message"]
    primary = next((span for span in message["spans"] if span["is_primary"]), None)
    if not primary:
        return Diagnostic(level, code, "", 0, text)
    while primary["expansion"]:  # to where the macro is used
        primary = primary["expansion"]["span"]
    return Diagnostic(level, code, primary["file_name"], primary["line_start"], text)
