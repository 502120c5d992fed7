# SPDX-License-Identifier: GPL-2.0
"""QEMU, and the tests that run in it."""
