# SPDX-License-Identifier: GPL-2.0
"""Makes what the guests need: kernels, modules, test programs and initramfs images."""
