# SPDX-License-Identifier: GPL-2.0
"""The tests that need no guest."""
