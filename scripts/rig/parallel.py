# SPDX-License-Identifier: GPL-2.0
"""Jobs at once, each in a process of its own: most of the time a guest waits."""

import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait

from rig import log
from rig.kernel import BuildError
from rig.verdict import Verdict


def side_by_side(jobs: list[Iterator[Verdict]]) -> Iterator[Verdict]:
    """What the jobs yield, as it comes, each of them in a process of its own.

    They are begun in their order, as many at once as there are CPUs: each guest has two of its own,
    and with more of them those wait for each other more than they work.
    """
    at_once = len(os.sched_getaffinity(0))
    log.directory()  # one for all, made before they part
    context = multiprocessing.get_context("fork")
    waiting = list(jobs)
    workers = {}
    try:
        while waiting or workers:
            while waiting and len(workers) < at_once:
                reader, writer = context.Pipe(duplex=False)
                workers[reader] = context.Process(target=_work, args=(waiting.pop(0), writer))
                workers[reader].start()
                writer.close()  # so that its end is the worker's end
            for reader in wait(list(workers)):
                try:
                    came = reader.recv()
                except EOFError:
                    worker = workers.pop(reader)
                    worker.join()
                    if status := worker.exitcode:
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
