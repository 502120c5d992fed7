# SPDX-License-Identifier: GPL-2.0
"""The two directories that the rig works in: the checkout and the cache."""

import os
from pathlib import Path

CHECKOUT = Path.cwd()
CACHE = Path(os.environ["MNCK_CACHE"])
