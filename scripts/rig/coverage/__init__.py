# SPDX-License-Identifier: GPL-2.0
"""Compares the call sites of the MMU notifiers in a kernel with those that tests have seen."""
