# SPDX-License-Identifier: GPL-2.0
"""Debian's own kernels: a directory to build modules for them, without a build of the kernel.

Debian builds its kernels with CONFIG_RUST, but its headers packages lack the metadata of the
kernel's crates, without which rustc compiles no module.  "make modules_prepare" generates that
metadata from the same source, with the same configuration and the same compilers, all of which are
Debian packages.

A module fits a kernel only if the crates that it was compiled against have the same hashes as those
in the kernel.  The hashes are part of the symbols that the crates export, so the symbols made here
are compared with those of Debian's build.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from rig.build.kernel import PACKAGES, Kernel, ensure_source, version_of
from rig.build.variant import DEBIAN
from rig.common import command
from rig.common.command import output_of
from rig.common.error import RigError
from rig.common.lock import locked
from rig.common.paths import CACHE
from rig.common.progress import Step

RELEASE = re.compile(r"\d+\.\d+\.\d+\+deb\d+-(\w+-)*(?P<arch>amd64|arm64)(-16k)?")
SOURCE = "linux-source-7.3"
DIRECTORY = CACHE / "debian"

# What the build directory takes from the headers package: the configuration, the compiler's name,
# the symbols that Debian's build exports, and the types for the BTF of modules.
HEADERS = (".config", ".kernelvariables", "Module.symvers", "vmlinux")

# The modules of Debian's kernels that tests need, and that a guest loads at boot: a RAM disk.
MODULES = ("brd",)

# The modules of the drivers beside which mnck is tested, by variant, for the guests of these tests
# alone; those that are built in or that the architecture does not have are left out.  On the RT
# kernel kvm-amd refuses to load, because QEMU's CPU has no constant TSC.
RDMA = (
    *("dummy", "ib_core", "ib_uverbs_support", "ib_uverbs"),
    *("udp_tunnel", "ip6_udp_tunnel", "rdma_rxe"),
)
PEERS = {
    "stock": ("irqbypass", "kvm", "ccp", "kvm-amd", *RDMA),
    "rt": RDMA,
}

# Options that depend on programs which the build root lacks, and that do not change modules.
HARMLESS = {
    "CONFIG_COMPAT_VDSO",  # a compiler for 32-bit Arm
    "CONFIG_THUMB2_COMPAT_VDSO",
    "CONFIG_OPENSSL_SUPPORTS_ML_DSA",  # openssl(1)
}


def ensure_kdir(release: str) -> Path:
    """Returns the build directory for modules of Debian's kernel `release`; makes it if need be.

    `release` is as "uname -r" prints it.
    """
    match = RELEASE.fullmatch(release)
    if not match:
        raise RigError(
            f"'{release}' is not the release of one of Debian's kernels: give KERNEL= as"
            " `uname -r` prints it on the target, for example KERNEL=7.3.4+deb13-amd64"
        )
    directory = DIRECTORY / release
    with locked(_lock(release)):
        if not _is_whole(directory):
            headers = _headers(release, match["arch"])
            _prepare(release, headers, directory)
            _set_whole(directory)
    return directory


def _lock(release: str) -> Path:
    return DIRECTORY / f"{release}.lock"


def _key(*parts: str) -> str:
    """Returns what a directory depends on: the source, the compilers, and which `parts` it has."""
    return " ".join((version_of(*PACKAGES, "gcc-14*", "binutils*"), *parts))


def _is_whole(directory: Path, *parts: str) -> bool:
    """Returns whether `directory` was finished, and from what the build root has now."""
    stamp = directory / "mnck.whole"
    return stamp.exists() and stamp.read_text() == _key(*parts)


def _set_whole(directory: Path, *parts: str) -> None:
    (directory / "mnck.whole").write_text(_key(*parts))


def ensure_debian(arch: str, variant: str) -> Kernel:
    """Returns Debian's kernel of this variant, of the version of the build root's source."""
    flavour = DEBIAN[variant][arch]
    release = f"{source_version().partition('-')[0]}+deb13-{flavour}"
    directory = ensure_kdir(release)
    binaries = DIRECTORY / f"{release}.binaries"
    with locked(_lock(release)):
        if not _is_whole(binaries, *MODULES, *PEERS[variant]):
            _fetch_binaries(release, flavour.rpartition("-")[2], PEERS[variant], binaries)
            _set_whole(binaries, *MODULES, *PEERS[variant])
    return Kernel(arch, variant, ensure_source(), directory, binaries)


def _fetch_binaries(release: str, arch: str, peers: Sequence[str], binaries: Path) -> None:
    """Puts the image of `release`, MODULES and the modules of `peers` into `binaries`."""
    packages = [f"linux-{part}-{release}:{arch}" for part in ("binary", "modules")]
    download(packages, binaries)
    modules = binaries / "usr/lib/modules" / release
    (modules / "vmlinuz").rename(binaries / "vmlinuz")
    (binaries / "peers").mkdir()
    for names, target in ((MODULES, binaries), (peers, binaries / "peers")):
        for packed in (path for name in names for path in modules.rglob(f"{name}.ko.xz")):
            output_of(["unxz", packed], f"unpacking {packed.name}")
            packed.with_suffix("").rename(target / packed.with_suffix("").name)
    shutil.rmtree(binaries / "usr")


def download(packages: Sequence[str], directory: Path) -> None:
    """Downloads Debian `packages`, "name:architecture", and unpacks them into `directory`.

    They must have the version of the build root's source.
    """
    archives = directory / "packages"
    lists = archives / "lists"
    shutil.rmtree(directory, ignore_errors=True)
    lists.mkdir(parents=True)
    apt = [
        *("apt-get", "--quiet=2"),
        # In a user namespace, root cannot change to the user that apt downloads as.
        "--option=APT::Sandbox::User=root",
        # apt leaves nothing in the build root.
        *(f"--option=Dir::State::Lists={lists}", "--option=Dir::Cache::pkgcache="),
        "--option=Dir::Cache::srcpkgcache=",
    ]
    with Step("Debian's packages", about=10):
        update = [*apt, "--error-on=any", "update"]
        output_of(update, "fetching the lists of Debian's packages")
        status, output = command.run([*apt, "download", *packages], cwd=archives)
    if status:
        raise RigError(
            f"Debian's archive does not have {' and '.join(packages)}: it has the newest kernels"
            f" only, so upgrade the target's kernel.\n{output}"
        )
    for archive in sorted(archives.glob("*.deb")):
        version = output_of(["dpkg-deb", "--field", archive, "Version"]).strip()
        if version != source_version():
            raise RigError(
                f"{archive.name} has version {version}, but the source in the build root has"
                f" {source_version()}: run `make distclean`, and then this again, with a new"
                " build root"
            )
        output_of(["dpkg-deb", "--extract", archive, directory], f"unpacking {archive.name}")
    shutil.rmtree(archives)


def source_version() -> str:
    """Returns the version of the package with the kernel's source."""
    return output_of(["dpkg-query", "--show", "--showformat=${Version}", SOURCE]).strip()


def _headers(release: str, arch: str) -> Path:
    """Returns the directory with the headers of `release`."""
    directory = DIRECTORY / f"{release}.headers"
    download([f"linux-headers-{release}:{arch}"], directory)
    return directory / "usr/src" / f"linux-headers-{release}"


def _prepare(release: str, headers: Path, directory: Path) -> None:
    """Fills the build directory, and compares what was made with what Debian has made."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in HEADERS:
        shutil.copy2(headers / name, directory)
    variables = directory / ".kernelvariables"
    variables.write_text(without_compat(variables.read_text()))
    make = ["make", "-C", ensure_source(), f"O={directory}", "-j2"]
    output_of([*make, "olddefconfig"], f"configuring {release}")
    if options := differing(*((d / ".config").read_text() for d in (headers, directory))):
        raise RigError(
            f"the build root's tools configure {release} differently than Debian's did, by"
            f" {', '.join(options)}; modules would not fit.  Compare {headers / '.config'} with"
            f" {directory / '.config'}"
        )
    with Step(f"Rust metadata of {release}", about=240):
        output_of([*make, "modules_prepare"], f"preparing {release}")
    wanted = rust_symbols((headers / "Module.symvers").read_text())
    texts = [path.read_text() for path in (directory / "rust").glob("exports_*_generated.h")]
    if missing := wanted - exported("".join(texts)):
        raise RigError(
            f"{len(missing)} of the {len(wanted)} Rust symbols of {release} were not reproduced,"
            f" for example {min(missing)}; modules would not load.  Was {release} compiled by the"
            " build root's rustc? CONFIG_RUSTC_VERSION_TEXT tells"
        )
    print(f"mnck: all {len(wanted)} Rust symbols of {release} are reproduced")


def without_compat(variables: str) -> str:
    """Returns the make variables of a kernel without those for 32-bit code, which no module has."""
    return re.sub(r"^.*(COMPAT|CROSS32).*\n", "", variables, flags=re.MULTILINE)


def differing(one: str, other: str) -> list[str]:
    """Returns the options that two configurations set differently, without the harmless ones."""
    options = [set(re.findall(r"^(CONFIG_\w+)=(.*)$", text, re.MULTILINE)) for text in (one, other)]
    return sorted({name for name, _ in options[0] ^ options[1]} - HARMLESS)


def rust_symbols(symvers: str) -> set[str]:
    """Returns the symbols of Rust code, and of its C helpers, in the text of a Module.symvers."""
    names = (line.split("\t")[1] for line in symvers.splitlines())
    return {name for name in names if name.startswith(("_R", "rust_helper_"))}


def exported(text: str) -> set[str]:
    """Returns the symbols that generated headers of the kernel's crates export."""
    return set(re.findall(r"^EXPORT_SYMBOL_RUST_GPL\((\w+)\);", text, re.MULTILINE))
