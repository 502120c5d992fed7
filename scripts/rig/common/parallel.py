# SPDX-License-Identifier: GPL-2.0
"""Runs jobs at the same time, each in a process of its own."""

import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

from rig.common import log
from rig.common.error import RigError

# How many jobs run at a time beyond the number of CPUs: a guest waits for almost half of its time.
# With two more a guest once lost a timer of one of its CPUs, beside other work on the host.
MORE = 1

# The background jobs get only the CPU time that the others leave.
NICE = 19


def side_by_side[T](
    jobs: list[Iterator[T]], background: list[Iterator[T]] | None = None
) -> Iterator[T]:
    """Yields what the jobs yield, as it comes.

    The jobs are started in their order.  Meanwhile the background jobs run one at a time, and then
    in the place of jobs that have ended.
    """
    at_once = len(os.sched_getaffinity(0)) + MORE
    log.directory()  # made before the fork, so that all share it
    context = multiprocessing.get_context("fork")
    waiting = {0: list(jobs), NICE: list(background or [])}
    workers: dict[Connection, tuple[ForkProcess, int]] = {}

    def may_start(nice: int) -> bool:
        running = [n for _, n in workers.values()]
        if nice:
            return nice not in running or len(running) < at_once
        return running.count(0) < at_once

    def fill() -> None:
        for nice, left in waiting.items():
            while left and may_start(nice):
                reader, writer = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(left.pop(0), writer, nice))
                workers[reader] = process, nice
                process.start()
                writer.close()  # so that the reader sees the end of the worker

    try:
        fill()
        while workers:
            for reader in wait(list(workers)):
                try:
                    came = reader.recv()
                except EOFError:
                    worker, _ = workers.pop(reader)
                    worker.join()
                    if status := worker.exitcode:
                        raise RigError(
                            f"a process of the rig died with exit status {status}; see above"
                        ) from None
                    fill()
                    continue
                if isinstance(came, RigError):
                    raise came
                yield came
    finally:
        # SIGTERM works like Ctrl-C: each worker ends its guests and removes its temporary files.
        for worker, _ in workers.values():
            worker.terminate()
        for worker, _ in workers.values():
            worker.join()


def _work[T](job: Iterator[T], writer: Connection, nice: int) -> None:
    os.nice(nice)
    try:
        for result in job:
            writer.send(result)
    except RigError as error:
        writer.send(error)
    except KeyboardInterrupt:
        pass
