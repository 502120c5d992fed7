# SPDX-License-Identifier: GPL-2.0
"""The error that ends a run."""


class RigError(Exception):
    """The rig can't go on.  The text, printed without a trace, says what to know or to do."""
