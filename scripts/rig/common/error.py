# SPDX-License-Identifier: GPL-2.0
"""The error that ends a run."""


class RigError(Exception):
    """What the user must know or do before the rig can go on: its text is printed, and no trace."""
