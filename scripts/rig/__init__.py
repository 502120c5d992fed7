# SPDX-License-Identifier: GPL-2.0
"""The rig: builds the kernels and the module, boots guests, runs the tests and judges them.

A package imports only from those before it in this list, which tests/test_layers.py checks:

    common     what all the others use: commands, locks, logs, progress
    build      makes kernels, modules, test programs and initramfs images; calls rustc and rustdoc
    judge      makes a verdict of what a test and the kernel have reported
    coverage   compares the call sites of the MMU notifiers with those that tests have seen
    report     prints verdicts; writes JUnit XML and the generated pages of Documentation/
    host       the tests that need no guest
    guest      QEMU, and the tests that run in it
    commands   one module for each target of the top Makefile
    tests      unit tests of all these
"""
