# SPDX-License-Identifier: GPL-2.0
"""A model of how mm/mmu_notifier.c invalidates a range, transcribed from Linux 7.3.4.

Each function has the name of a C function, and beside each step stands the C statement that it
models.  The functions are generators: they yield wherever another task may run, which is before and
after each callback.  TRANSCRIBED has the fingerprint of each C function, which the test compares
with the kernel's source.
"""

import hashlib
import re
from collections.abc import Generator

EAGAIN = -11

# The first 16 digits of the SHA-256 of the text of each transcribed function.
TRANSCRIBED = {
    "mn_itree_inv_end": "6fdf27bcbd6ef1a4",
    "mn_itree_invalidate": "f5c6d7410556d885",
    "mn_hlist_release": "b767b98d2070e214",
    "mn_hlist_invalidate_range_start": "53a325d60f3c328e",
    "__mmu_notifier_invalidate_range_start": "1febaae8468654a6",
    "mn_hlist_invalidate_end": "9378e69a2eacc4b3",
    "__mmu_notifier_invalidate_range_end": "f6cfb4482bd183d0",
    "__mmu_notifier_register": "f224bb66ba55f072",
    "mmu_notifier_unregister": "38425130728bdc57",
}

# A function yields this while it waits for another task.
WAIT = "wait"

Steps = Generator[str | None, None, int | None]


def fingerprint(source: str, function: str) -> str:
    """Return the fingerprint of a function's text in `source`; "" if it has no such function."""
    found = re.search(rf"^(?:\w.*\b)?{function}\([^;]*?\)\n{{\n.*?^}}$", source, re.M | re.S)
    return hashlib.sha256(found[0].encode()).hexdigest()[:16] if found else ""


class Range:
    """struct mmu_notifier_range."""

    def __init__(self, blockable: bool):
        self.blockable = blockable


class Notifier:
    """struct mmu_notifier and its ops; a subclass overrides the callbacks that it has."""

    has_end = False

    def start(self, range_: Range) -> Steps:
        yield
        return 0

    def end(self, range_: Range) -> Steps:
        yield

    def release(self) -> Steps:
        yield


class Interval:
    """struct mmu_interval_notifier, which each invalidated range overlaps."""

    def __init__(self, refuses: bool):
        self.refuses = refuses

    def invalidate(self, range_: Range) -> bool:
        return range_.blockable or not self.refuses


class Core:
    """struct mmu_notifier_subscriptions, and the global srcu."""

    def __init__(self):
        self.list: list[Notifier] = []
        self.itree: list[Interval] = []
        self.active_invalidate_ranges = 0
        self.readers: list[object] = []

    def _linked(self) -> Generator[Notifier, None, None]:
        # hlist_for_each_entry_srcu(): does not reach an entry that is unlinked before its turn, nor
        # one that is added meanwhile, which comes at the head.
        for subscription in list(self.list):
            if subscription in self.list:
                yield subscription

    def mn_itree_inv_end(self) -> None:
        self.active_invalidate_ranges -= 1  # --subscriptions->active_invalidate_ranges

    def mn_itree_invalidate(self, range_: Range) -> int:
        err = 0  # int err = 0;
        self.active_invalidate_ranges += 1  # mn_itree_inv_start_range(): ...ranges++;
        for interval in self.itree:  # mn_itree_inv_next()
            ret = interval.invalidate(range_)  # ret = interval_sub->ops->invalidate(...);
            if not ret:  # if (!ret) {
                if range_.blockable:  # if (WARN_ON(mmu_notifier_range_blockable(range)))
                    continue
                err = EAGAIN  # err = -EAGAIN;
                break
        if err:  # if (err)
            self.mn_itree_inv_end()
        return err

    def mn_hlist_invalidate_range_start(self, range_: Range) -> Steps:
        ret = 0  # int ret = 0;
        self.readers.append(key := object())  # id = srcu_read_lock(&srcu);
        for subscription in self._linked():
            # if (ops->invalidate_range_start) _ret = ops->invalidate_range_start(...);
            error = yield from subscription.start(range_)
            if error:  # if (_ret) {
                # WARN_ON(mmu_notifier_range_blockable(range) || _ret != -EAGAIN);
                assert not range_.blockable and error == EAGAIN
                assert not subscription.has_end  # WARN_ON(ops->invalidate_range_end);
                ret = error  # ret = _ret;
        if ret:  # if (ret) {
            for subscription in self._linked():
                if not subscription.has_end:  # if (!subscription->ops->invalidate_range_end)
                    continue
                yield from subscription.end(range_)  # ->invalidate_range_end(...);
        self.readers.remove(key)  # srcu_read_unlock(&srcu, id);
        yield
        return ret

    def invalidate_range_start(self, range_: Range) -> Steps:
        """__mmu_notifier_invalidate_range_start()"""
        if self.itree:  # if (subscriptions->has_itree) {
            ret = self.mn_itree_invalidate(range_)
            if ret:
                return ret
        if self.list:  # if (!hlist_empty(&subscriptions->list))
            return (yield from self.mn_hlist_invalidate_range_start(range_))
        return 0

    def mn_hlist_invalidate_end(self, range_: Range) -> Steps:
        self.readers.append(key := object())  # id = srcu_read_lock(&srcu);
        for subscription in self._linked():
            if subscription.has_end:  # if (subscription->ops->invalidate_range_end) {
                yield from subscription.end(range_)
        self.readers.remove(key)  # srcu_read_unlock(&srcu, id);
        yield

    def invalidate_range_end(self, range_: Range) -> Steps:
        """__mmu_notifier_invalidate_range_end()"""
        if self.itree:  # if (subscriptions->has_itree)
            self.mn_itree_inv_end()
        if self.list:  # if (!hlist_empty(&subscriptions->list))
            yield from self.mn_hlist_invalidate_end(range_)

    def invalidate(self, range_: Range) -> Steps:
        """Act as an initiator, such as zap_vma_for_reaping(): no end if the start has failed."""
        ret = yield from self.invalidate_range_start(range_)
        if ret:
            return ret
        yield
        yield from self.invalidate_range_end(range_)
        return 0

    def register(self, subscription: Notifier) -> None:
        """__mmu_notifier_register(); no range is open, because of mm_take_all_locks()."""
        self.list.insert(0, subscription)  # hlist_add_head_rcu(...);

    def unregister(self, subscription: Notifier) -> Steps:
        """mmu_notifier_unregister()"""
        if subscription in self.list:  # if (!hlist_unhashed(&subscription->hlist)) {
            yield from subscription.release()  # subscription->ops->release(subscription, mm);
            if subscription in self.list:
                self.list.remove(subscription)  # hlist_del_init_rcu(&subscription->hlist);
        yield from self.synchronize()  # synchronize_srcu(&srcu);

    def release(self) -> Steps:
        """mn_hlist_release()"""
        for subscription in self._linked():
            yield from subscription.release()  # subscription->ops->release(subscription, mm);
        self.list.clear()  # while (...) hlist_del_init_rcu(&subscription->hlist);
        yield from self.synchronize()  # synchronize_srcu(&srcu);

    def synchronize(self) -> Steps:
        """Wait until all callers that are now in a read section have left it."""
        before = list(self.readers)
        yield
        while any(reader in self.readers for reader in before):
            yield WAIT
