# SPDX-License-Identifier: GPL-2.0
"""The pages of Documentation/ that the rig writes, from templates beside this module."""

from pathlib import Path
from string import Template

TEMPLATES = Path(__file__).parent


def fill(template: str, values: dict[str, str]) -> str:
    """Returns the text of `template`, with each ``$name`` replaced by its value."""
    return Template((TEMPLATES / template).read_text()).substitute(values)
