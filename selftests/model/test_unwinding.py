# SPDX-License-Identifier: GPL-2.0
"""Each start of a chain's member has exactly one end, in a model of the core.

Tried are every order of registering the chain, other registrations and an interval subscriber; and
another task, which joins, leaves or releases, between any two steps of an invalidation.

KSRC in the environment is the kernel's source tree.  Its mm/mmu_notifier.c must be the text that
core.py was transcribed from.
"""

import os
import unittest
from collections.abc import Callable, Iterator
from itertools import count, permutations, product
from pathlib import Path

import core
from chain import Chain, Member, Subscriber
from core import EAGAIN, WAIT, Core, Interval, Notifier, Range, Steps


class Trylock(Notifier):
    """A registration outside the chain that may refuse."""

    def __init__(self, refuses: bool):
        self.refuses = refuses

    def start(self, range_: Range) -> Steps:
        yield
        return EAGAIN if self.refuses and not range_.blockable else 0


class Counter(Notifier):
    """A registration outside the chain that counts starts and ends."""

    has_end = True

    def __init__(self):
        self.starts = self.ends = 0

    def start(self, range_: Range) -> Steps:
        yield
        self.starts += 1
        return 0

    def end(self, range_: Range) -> Steps:
        yield
        self.ends += 1


class Scene:
    """An mm with a chain of A, which never refuses, and B, which may, in either order."""

    def __init__(
        self, chain: type[Chain] = Chain, *, a_first: bool = True, b_refuses: bool = False
    ):
        self.core = Core()
        self.make = chain
        self.a = Subscriber("A")
        self.b = Subscriber("B", b_refuses)
        self.a_first = a_first

    def register_chain(self) -> None:
        self.chain = self.make(self.core)
        order = (self.a, self.b) if self.a_first else (self.b, self.a)
        self.chain.members = tuple(Member(subscriber) for subscriber in order)

    def check(self) -> None:
        """Assert that no range is open."""
        for sub in (self.a, self.b):
            assert sub.starts == sub.ends, f"{sub.name}: {sub.starts} starts, {sub.ends} ends"


def run(*tasks: Steps) -> None:
    """Run each task to its end, one after the other."""
    for task in tasks:
        for _ in task:
            pass


def interleave(make: Callable[[], tuple[Steps, Steps, Callable[[], None]]]) -> Iterator[None]:
    """Run two tasks in every order in which the second interrupts the first at two points: at the
    first point for any number of steps, at the second until it has to wait.

    `make` returns two new tasks for each order, and a function that checks the result.
    """
    length = steps_of(make()[0])
    for begin in range(length + 1):
        for steps in count(1):
            for rest in range(begin, length + 1):
                first, second, check = make()
                advance(first, begin)
                exhausted = not advance(second, steps)
                advance(first, rest - begin)
                for said in second:
                    if said == WAIT:
                        break
                run(first, second)
                check()
                yield
            if exhausted:
                break


def steps_of(task: Steps) -> int:
    """Return how many steps the task takes if no other runs."""
    return sum(1 for _ in task)


def advance(task: Steps, steps: int) -> bool:
    """Run `steps` steps of the task; return whether it can go on without waiting."""
    for _ in range(steps):
        if next(task, END) in (END, WAIT):
            return False
    return True


END = object()


class Orders(unittest.TestCase):
    """Every order of registering; no member joins or leaves."""

    def scenes(self, chain: type[Chain] = Chain) -> Iterator[tuple[Scene, Range, Counter]]:
        """Yield every order of registering, set of refusing subscribers and kind of range."""
        flags = (False, True)
        for order in permutations(("chain", "one", "other", "counter")):
            for one, other, b, a_first, blockable in product(flags, repeat=5):
                for interval in (None, False, True):
                    scene = Scene(chain, a_first=a_first, b_refuses=b)
                    counter = Counter()
                    foreign = {"one": Trylock(one), "other": Trylock(other), "counter": counter}
                    if interval is not None:
                        scene.core.itree.append(Interval(interval))
                    for name in order:
                        if name == "chain":
                            scene.register_chain()
                        else:
                            scene.core.register(foreign[name])
                    yield scene, Range(blockable), counter

    def test_every_start_has_its_end(self):
        refused = 0
        for n, (scene, range_, counter) in enumerate(self.scenes(), 1):
            for _ in scene.core.invalidate(range_):
                pass
            scene.check()
            self.assertEqual(counter.starts, counter.ends)
            self.assertEqual(scene.chain.open, set())
            refused += not scene.a.starts
        self.assertEqual(n, 24 * 32 * 3)
        self.assertLess(0, refused)

    def test_two_ranges(self):
        """Another range is open, nested in the same task or overlapping in another."""
        for (scene, range_, _), inner in product(self.scenes(), (False, True)):
            other = Range(inner)
            run(scene.core.invalidate_range_start(outer := Range(True)))
            run(scene.core.invalidate(range_), scene.core.invalidate(other))
            run(scene.core.invalidate_range_end(outer))
            scene.check()

    def test_core_leaves_intervals_open(self):
        """The core does not end the interval side of a refused range: see src/chain/mod.rs."""
        left_open = 0
        for scene, range_, _ in self.scenes():
            run(scene.core.invalidate(range_))
            left_open += scene.core.active_invalidate_ranges
        self.assertLess(0, left_open)

    def test_skip_is_found(self):
        """The test finds the mistake of the policy "skip": no member is ended."""

        class Skip(Chain):
            def unwind(self, members, k, range_):
                for member in members[:k]:
                    member.places.pop(range_, None)
                yield

        self.assert_found(Skip)

    def test_all_is_found(self):
        """The test finds the mistake of the policy "all": every member is ended."""

        class All(Chain):
            def unwind(self, members, k, range_):
                for member in members:
                    member.places.pop(range_, None)
                    member.subscriber.end()
                yield

        self.assert_found(All)

    def assert_found(self, chain: type[Chain]) -> None:
        with self.assertRaises(AssertionError):
            for scene, range_, _ in self.scenes(chain):
                run(scene.core.invalidate(range_))
                scene.check()


class Interleavings(unittest.TestCase):
    """Another task runs at every two points of an invalidation."""

    def interleaved(self, other: str, chain: type[Chain] = Chain) -> int:
        """Try `other` in every order; return the number of orders."""
        n = 0
        for new, old, b in product((False, True), repeat=3):

            def make(new=new, old=old, b=b):
                scene = Scene(chain, b_refuses=b)
                scene.core.register(Trylock(old))
                scene.register_chain()
                scene.core.register(Trylock(new))
                return scene.core.invalidate(Range(False)), self.other(scene, other), scene.check

            n += sum(1 for _ in interleave(make))
        return n

    def other(self, scene: Scene, other: str) -> Steps:
        """Do what `other` names, as the second task."""
        chain = scene.chain
        late = Subscriber("C")
        match other:
            case "leave_first":
                yield from chain.leave(chain.members[0])
            case "leave_second":
                yield from chain.leave(chain.members[1])
            case "join_and_leave":
                yield from chain.join(late)
                yield from chain.leave(chain.members[-1])
                assert late.starts == late.ends
            case "drop":
                yield from chain.drop()
            case "release":
                yield from scene.core.release()
            case "release_and_drop":
                yield from scene.core.release()
                yield from chain.drop()
            case "range":
                yield from scene.core.invalidate(Range(True))
        assert scene.a.releases < 2 and scene.b.releases < 2

    def test_every_start_has_its_end(self):
        for other in (
            *("leave_first", "leave_second", "join_and_leave", "drop"),
            *("release", "release_and_drop", "range"),
        ):
            with self.subTest(other):
                self.assertLess(100, self.interleaved(other))

    def test_lost_value_is_found(self):
        """The test finds a chain that gives no end to a start that returns after the release."""

        class Loses(Member):
            def gone(self):
                pass

        class Losing(Chain):
            @property
            def members(self):
                return self._members

            @members.setter
            def members(self, members):
                self._members = tuple(
                    m if isinstance(m, Loses) else Loses(m.subscriber) for m in members
                )

        with self.assertRaises(AssertionError):
            self.interleaved("release", Losing)

    def test_leaving_at_once_is_found(self):
        """The test finds a chain whose members leave without waiting for running callbacks."""

        class Hasty(Chain):
            def synchronize(self):
                yield from ()

            def leave(self, member):
                # Its account of open ranges is gone with it.
                member.start = lambda range_: Member.start(Member(member.subscriber), range_)
                yield from super().leave(member)

        with self.assertRaises(AssertionError):
            self.interleaved("leave_second", Hasty)


class Source(unittest.TestCase):
    """core.py is a transcript of this kernel's source."""

    def test_transcribed(self):
        source = Path(os.environ["KSRC"], "mm/mmu_notifier.c").read_text()
        for function, transcribed in core.TRANSCRIBED.items():
            with self.subTest(function):
                now = core.fingerprint(source, function)
                self.assertEqual(
                    transcribed,
                    now,
                    f"{function}() of mm/mmu_notifier.c is not what selftests/model/core.py was "
                    "transcribed from: compare the two, and then note the new fingerprint",
                )


if __name__ == "__main__":
    unittest.main()
