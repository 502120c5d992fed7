# SPDX-License-Identifier: GPL-2.0
"""The names of functions, as the source has them and as the kernel prints them."""

import re

# A compiler that clones a function, or splits it, names the copy after it.
SUFFIX = r"(?:\.(?:isra|constprop|part|cold|llvm)(?:\.\d+)*)+"
CLONE = re.compile(rf"(?<=\w){SUFFIX}(?!\w)")
OFFSET = re.compile(r"(?<=\w)\+0x[0-9a-f]+(?:/0x[0-9a-f]+)?\b")


def without_suffixes(text: str) -> str:
    """Returns `text` with each function named as in the source: ``zap.isra.0`` is ``zap``."""
    return CLONE.sub("", text)


def plain(text: str) -> str:
    """Returns `text` with neither such suffixes nor offsets: ``zap.cold+0x1/0x20`` is ``zap``."""
    return without_suffixes(OFFSET.sub("", text))
