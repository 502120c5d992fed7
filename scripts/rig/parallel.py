# SPDX-License-Identifier: GPL-2.0
"""The tests of several architectures at once: most of the time a guest waits."""

import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait

from rig.kernel import BuildError
from rig.verdict import Verdict


def side_by_side(jobs: list[Iterator[Verdict]]) -> Iterator[Verdict]:
    """What the jobs yield, as it comes, each of them in a process of its own."""
    context = multiprocessing.get_context("fork")
    workers = {}
    try:
        for job in jobs:
            reader, writer = context.Pipe(duplex=False)
            workers[reader] = context.Process(target=_work, args=(job, writer))
            workers[reader].start()
            writer.close()  # so that its end is the worker's end
        running = list(workers)
        while running:
            for reader in wait(running):
                try:
                    came = reader.recv()
                except EOFError:
                    running.remove(reader)
                    workers[reader].join()
                    if status := workers[reader].exitcode:
                        raise BuildError(f"a part of the rig died: {status}") from None
                    continue
                if isinstance(came, BuildError):
                    raise came
                yield came
    finally:
        # As Ctrl-C to each: guests are ended and temporary files removed.
        for worker in workers.values():
            worker.terminate()
        for worker in workers.values():
            worker.join()


def _work(job: Iterator[Verdict], writer: Connection) -> None:
    try:
        for verdict in job:
            writer.send(verdict)
    except BuildError as error:
        writer.send(error)
    except KeyboardInterrupt:
        pass
