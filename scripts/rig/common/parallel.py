# SPDX-License-Identifier: GPL-2.0
"""Runs jobs at the same time, each in a process of its own."""

import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

from rig.common import log
from rig.common.error import RigError

# The background jobs get only the CPU time that the others leave.
NICE = 19


def side_by_side[T](
    jobs: list[Iterator[T]], background: list[Iterator[T]] | None = None
) -> Iterator[T]:
    """Yields what the jobs yield, as it comes.

    The jobs are started in their order.  The number that run at a time is one more than that of
    the CPUs, since guests often wait.  Meanwhile the background jobs run one at a time.
    """
    at_once = len(os.sched_getaffinity(0)) + 1
    log.directory()  # made before the fork, so that all share it
    context = multiprocessing.get_context("fork")
    kinds = [(list(jobs), at_once, 0), (list(background or []), 1, NICE)]
    workers: dict[Connection, tuple[ForkProcess, int]] = {}

    def fill() -> None:
        for kind, (waiting, limit, nice) in enumerate(kinds):
            while waiting and sum(k == kind for _, k in workers.values()) < limit:
                reader, writer = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(waiting.pop(0), writer, nice))
                workers[reader] = process, kind
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
