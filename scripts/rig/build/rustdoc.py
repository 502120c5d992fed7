# SPDX-License-Identifier: GPL-2.0
"""The documentation of the abstraction as HTML: complete, and without broken links."""

import re
from collections.abc import Iterator
from pathlib import Path

from rig.build import artifacts, rustc
from rig.build.kernel import Kernel
from rig.common.lock import locked

# The documentation of the `kernel` crate, to which this one links.
KERNEL_DOCS = "https://rust.docs.kernel.org"

# A link from the kernel's documentation to a file of its source.
SOURCE = re.compile(r'href="srctree/([^"]+)"')


def document(kernel: Kernel, output: Path) -> list[str]:
    """Writes the documentation to `output`; returns what is wrong with it."""
    module = artifacts.module(kernel)
    with locked(artifacts.lock(kernel)):
        compiler = rustc.compiler(kernel, module)
        status, printed = compiler.run(
            *("rustdoc", "--crate-name=mnck", "--output", output),
            *("-Dwarnings", "-Dmissing_docs"),  # kbuild's flags turn on the warnings of rustdoc
            f"--extern-html-root-url=kernel={KERNEL_DOCS}",
            compiler.library,
        )
    return printed.splitlines() if status else list(_link_source(kernel, output))


def _link_source(kernel: Kernel, output: Path) -> Iterator[str]:
    """Points links to the kernel's source to that of `kernel`; yields those without a target."""
    for page in output.rglob("*.html"):
        text = page.read_text()
        for path in sorted(set(SOURCE.findall(text))):
            if not (kernel.srcdir / path).exists():
                yield f"{page.relative_to(output)}: the kernel has no {path}"
        page.write_text(SOURCE.sub(rf'href="{kernel.srcdir}/\1"', text))
