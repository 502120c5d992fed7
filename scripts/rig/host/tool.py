# SPDX-License-Identifier: GPL-2.0
"""The unit tests of the tool, tools/mnck/, and clippy on it."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from rig.build import tool
from rig.common.command import output_of
from rig.common.error import RigError
from rig.common.lock import locked
from rig.host import engine
from rig.judge.verdict import FAIL, OK, Verdict

NAME = "host.tool"
SOURCES = tool.SOURCES


def verdicts(wanted: Callable[[str], bool]) -> Iterator[Verdict]:
    """Yields the verdict of clippy, and that on each test that is `wanted`."""
    start = time.monotonic()
    try:
        with locked(tool.lock()):
            if wanted(name := f"{NAME}.clippy"):
                tool.cargo("clippy", "--all-targets", "--", "-Dwarnings")
                yield Verdict("host", name, OK, time.monotonic() - start)
            built = tool.cargo("test", "--no-run", "--message-format=json-render-diagnostics")
    except RigError as error:
        lines = str(error).splitlines()
        yield Verdict("host", NAME, FAIL, time.monotonic() - start, lines[0], lines[1:])
        return

    tests = {
        f"{NAME}.{test.replace('::', '.')}": engine.command_of(program, test)
        for program in engine.programs(built)
        for test in engine.cases(output_of([program, "--list", "--format=terse"]))
    }
    if not tests:
        yield Verdict("host", NAME, FAIL, time.monotonic() - start, "the tool has no test")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(partial(engine.run_one, tests), filter(wanted, tests))
