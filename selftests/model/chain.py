# SPDX-License-Identifier: GPL-2.0
"""The chain of src/chain/: two registrations, and for each member an account of its open ranges.

The names are those of the source.  As in core.py, the functions yield where another task may run.
"""

from core import EAGAIN, WAIT, Core, Notifier, Range, Steps


class Subscriber:
    """A member that counts its callbacks, and may refuse a non-blockable range."""

    def __init__(self, name: str, refuses: bool = False):
        self.name = name
        self.refuses = refuses
        self.starts = self.ends = self.releases = 0
        self.left = False

    def start(self, range_: Range) -> bool:
        assert not self.left, f"{self.name} is started after it has left"
        if self.refuses and not range_.blockable:
            return False
        self.starts += 1
        return True

    def end(self) -> None:
        assert self.ends < self.starts, f"{self.name} is ended without a start"
        self.ends += 1


class Member:
    """A subscriber in a chain, as in member.rs, with its open ranges, as in pairs.rs."""

    def __init__(self, subscriber: Subscriber):
        self.subscriber = subscriber
        self.places: dict[Range, bool] = {}  # value: whether the start has returned
        self.closed = False

    def start(self, range_: Range) -> Steps:
        if self.closed:
            return 0
        self.places[range_] = False
        yield
        if not self.subscriber.start(range_):
            return EAGAIN
        yield
        if range_ in self.places:
            self.places[range_] = True
        else:
            self.gone()
        return 0

    def end(self, range_: Range) -> Steps:
        if self.places.pop(range_, False):
            yield
            self.subscriber.end()

    def over(self, range_: Range) -> None:
        if self.places.get(range_) is False:
            del self.places[range_]

    def gone(self) -> None:
        self.subscriber.end()

    def close(self) -> Steps:
        if self.closed:
            return
        self.closed, places, self.places = True, self.places, {}
        self.subscriber.releases += 1
        yield
        for started in places.values():
            if started:
                self.gone()


class Chain:
    """The chain itself, as in inner.rs and registration.rs."""

    def __init__(self, core: Core):
        self.core = core
        self.members: tuple[Member, ...] = ()
        self.open: set[Range] = set()
        self.closed = False
        self.readers: list[object] = []
        self.ends = Ends(self)
        self.starts = Starts(self)
        core.register(self.ends)
        core.register(self.starts)

    def start(self, range_: Range) -> Steps:
        if self.closed:
            return 0
        self.open.add(range_)
        yield
        self.readers.append(key := object())
        members = self.members
        yield
        refused = 0
        for k, member in enumerate(members):
            refused = yield from member.start(range_)
            if refused:
                yield from self.unwind(members, k, range_)
                for other in members:
                    other.over(range_)
                break
        self.readers.remove(key)
        if refused:
            self.open.discard(range_)
        return refused

    def unwind(self, members: tuple[Member, ...], k: int, range_: Range) -> Steps:
        for member in reversed(members[:k]):
            yield from member.end(range_)

    def end(self, range_: Range) -> Steps:
        if range_ not in self.open:
            return
        self.readers.append(key := object())
        members = self.members
        yield
        for member in reversed(members):
            yield from member.end(range_)
        self.readers.remove(key)
        self.open.discard(range_)

    def release(self) -> Steps:
        self.readers.append(key := object())
        self.closed, members = True, self.members
        self.open.clear()
        yield
        for member in reversed(members):
            yield from member.close()
        self.readers.remove(key)

    def join(self, subscriber: Subscriber) -> Steps:
        if self.closed:
            return
        self.members += (Member(subscriber),)
        before = set(self.open)  # wait_for_open()
        yield
        while before & self.open:
            yield WAIT

    def leave(self, member: Member) -> Steps:
        self.members = tuple(other for other in self.members if other is not member)
        yield
        yield from self.synchronize()
        yield from member.close()
        member.subscriber.left = True

    def synchronize(self) -> Steps:
        before = list(self.readers)
        while any(reader in self.readers for reader in before):
            yield WAIT

    def drop(self) -> Steps:
        yield from self.core.unregister(self.starts)
        yield from self.core.unregister(self.ends)


class Starts(Notifier):
    """The registration that starts the members and may refuse."""

    def __init__(self, chain: Chain):
        self.chain = chain

    def start(self, range_: Range) -> Steps:
        return (yield from self.chain.start(range_))

    def release(self) -> Steps:
        yield from ()


class Ends(Notifier):
    """The registration that ends the members."""

    has_end = True

    def __init__(self, chain: Chain):
        self.chain = chain

    def end(self, range_: Range) -> Steps:
        yield from self.chain.end(range_)

    def release(self) -> Steps:
        yield from self.chain.release()
