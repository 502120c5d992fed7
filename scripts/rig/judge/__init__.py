# SPDX-License-Identifier: GPL-2.0
"""Makes a verdict of what a test and the kernel have reported.  All functions here are pure."""
