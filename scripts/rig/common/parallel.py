# SPDX-License-Identifier: GPL-2.0
"""Jobs at once, each in a process of its own: most of the time a guest waits."""

import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

from rig.common import log
from rig.common.error import RigError

# Of what runs in the background: the others have the CPUs first.
NICE = 19


def side_by_side[T](
    jobs: list[Iterator[T]], background: list[Iterator[T]] | None = None
) -> Iterator[T]:
    """What the jobs yield, as it comes, each of them in a process of its own.

    They are begun in their order, as many at once as there are CPUs, and one more for when a guest
    waits.  Those in the background come one by one beside them, with the time that these leave.
    """
    at_once = len(os.sched_getaffinity(0)) + 1
    log.directory()  # one for all, made before they part
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
                writer.close()  # so that its end is the worker's end

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
                        raise RigError(f"a part of the rig died: {status}") from None
                    fill()
                    continue
                if isinstance(came, RigError):
                    raise came
                yield came
    finally:
        # As Ctrl-C to each: guests are ended and temporary files removed.
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
