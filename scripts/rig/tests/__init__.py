# SPDX-License-Identifier: GPL-2.0
"""Unit tests of the rig: ``make check TEST=host.unit``."""
