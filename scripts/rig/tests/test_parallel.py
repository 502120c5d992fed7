# SPDX-License-Identifier: GPL-2.0
"""Unit tests of rig.common.parallel: which jobs run at a time."""

import os
import unittest
from collections.abc import Iterator
from unittest import mock

from rig.common import log, parallel
from rig.common.error import RigError
from rig.common.parallel import NICE, side_by_side


def job(name: str) -> Iterator[tuple[str, int]]:
    """Yields its name and its niceness, twice."""
    yield name, os.nice(0)
    yield name, os.nice(0)


def failing() -> Iterator[tuple[str, int]]:
    """Fails after a result."""
    yield "failing", 0
    raise RigError("no kernel")


class Jobs(unittest.TestCase):
    """Each job runs once, as many at a time as there are CPUs and some more."""

    def setUp(self):
        for target, name, value in (
            (log, "directory", mock.Mock()),
            (os, "sched_getaffinity", lambda _: {0}),
            (parallel, "MORE", 2),
            (os, "nice", self.nice),
        ):
            patch = mock.patch.object(target, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        self.level = 0

    def nice(self, more: int) -> int:
        """Stands for os.nice(), which could not be undone."""
        self.level += more
        return self.level

    def started(self, jobs: int, background: int) -> list[list[int]]:
        """Returns which kinds run at a time: after the start, and after the end of each job."""
        running: list[int] = []
        states = []

        class Process:
            """A job that ends when the rig next waits for a result."""

            exitcode = 0

            def __init__(self, target, args):
                self.nice = args[2]

            def start(self):
                """Starts the job."""
                running.append(self.nice)

            def join(self):
                """Notes what ran when the job ended."""
                running.remove(self.nice)

        def first(readers):
            states.append(sorted(running))
            return readers[:1]

        with (
            mock.patch.object(parallel, "wait", first),
            mock.patch.object(parallel.multiprocessing, "get_context") as context,
        ):
            context.return_value.Process = Process
            reader = mock.Mock(side_effect=EOFError)
            context.return_value.Pipe = lambda duplex: (
                mock.Mock(recv=reader),
                mock.Mock(),
            )
            self.assertEqual(list(side_by_side([iter(())] * jobs, [iter(())] * background)), [])
        return states

    def test_results(self):
        found = list(side_by_side([job("a"), job("b")], [job("c")]))
        self.assertEqual(sorted(found), sorted([("a", 0), ("b", 0), ("c", NICE)] * 2))

    def test_failure(self):
        with self.assertRaisesRegex(RigError, "no kernel"):
            list(side_by_side([failing()]))

    def test_at_once(self):
        self.assertEqual([len(s) for s in self.started(5, 0)], [3, 3, 3, 2, 1])

    def test_background(self):
        first, *others = self.started(4, 3)
        self.assertEqual(first, [0, 0, 0, NICE])
        self.assertEqual(others[0], [0, 0, 0, NICE])
        # The background takes the places of the jobs that have ended.
        self.assertIn([0, NICE, NICE], others)
        self.assertEqual(self.started(0, 4)[0], [NICE] * 3)
