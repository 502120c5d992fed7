# SPDX-License-Identifier: GPL-2.0
"""Prints verdicts and measurements, and writes the generated pages of Documentation/."""
