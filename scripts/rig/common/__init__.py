# SPDX-License-Identifier: GPL-2.0
"""What all packages use: commands, locks, logs, progress, jobs in parallel."""
