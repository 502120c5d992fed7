// SPDX-License-Identifier: GPL-2.0

//! A notifier chain whose members may refuse a range *and* have an end callback.
//!
//! The core forbids that combination. When one start refuses a non-blockable range, the core still
//! calls the remaining starts, and then ends the range for every subscriber that has an end. A
//! subscriber with both could not tell whether its own start was the one that failed, so the core
//! warns of it (`mn_hlist_invalidate_range_start()` in `mm/mmu_notifier.c`). A [`Chain`] keeps
//! account of its members' starts instead: a start returns a value or refuses, and the end takes
//! that value. If a member refuses, the chain ends exactly those members that had started before
//! it, the last first.
//!
//! | type | what it is |
//! |---|---|
//! | [`Subscriber`] | the trait of a member: a start that may refuse, an end that takes the value of the start |
//! | [`Chain`] | a list of subscribers on one address space |
//! | [`Membership`] | the membership of one subscriber, until it is dropped |
//!
//! # Two registrations
//!
//! The core calls the registrations of an address space in the order of one list, the newest first.
//! A chain has two registrations, next to each other in the list because both are made under one
//! mmap lock. *Ends* is a [`StartEnd`](crate::mmu_notifier::StartEnd) that does nothing at a start.
//! *Starts* is a [`StartOnly`](crate::mmu_notifier::StartOnly) that calls the members' starts and
//! may refuse. Ends is registered first and unregistered last. While Ends alone is registered, no
//! range is opened, and every range that is still open is ended.
//!
//! The chain identifies a range by the address of its `struct mmu_notifier_range`, which belongs to
//! the initiator and stays the same from start to end. The core also calls Ends for ranges that the
//! chain has refused or never received; Ends then finds no open pair and does nothing.
//!
//! # Every interleaving
//!
//! A range may meet our chain (S: Starts, E: Ends), a registration of another driver that is newer
//! (N) or older (O), and an interval subscriber (I). The core calls I, then N, S, E, O for the
//! start, and I, then N, E, O for the end.
//!
//! | what happens | what the core does | what the chain does |
//! |---|---|---|
//! | no subscriber refuses | calls all starts; later all ends | S starts the members, E ends them |
//! | I refuses | calls `mn_itree_inv_end()` and returns: neither starts nor ends of N, S, E, O | nothing |
//! | N refuses | goes on with S, E, O; then calls all ends, E among them | S starts the members, E ends them |
//! | O refuses | the same: S has succeeded by the time that O is called | the same |
//! | S refuses, for member k | goes on with E, O; then calls all ends, E among them | S ends members k-1..0 and forgets the range; E finds no pair |
//! | S and N or O refuse | the same, with one round of ends | the same |
//! | I succeeds and N, S or O refuses | as above, but it does *not* undo I | as above |
//! | the range is blockable | no start may refuse | the types do not let a member refuse |
//!
//! The last row but one shows a bug of the core, at least up to Linux 7.3: `active_invalidate_ranges`
//! still counts the invalidation that I has begun. A task that then reads under an interval
//! subscription of this mm, or removes one, waits for ever. A refusal of a chain has this effect
//! like any other refusal, and no notifier can prevent it.
//!
//! The chain is registered and unregistered:
//!
//! | when | which ranges are open | what happens |
//! |---|---|---|
//! | registering | none: `mm_take_all_locks()` excludes open ranges | - |
//! | between Ends and Starts | none: the mmap lock is held and Starts is not registered | E finds no pair |
//! | Starts is unregistered, which waits for its callbacks | ranges that were started | E calls their ends |
//! | Ends is unregistered | ranges that were started | its release closes them: [`Ending::Gone`]. An end that comes before Ends is unlinked finds no pair |
//! | exit: release, while ranges are open on other CPUs, through the reverse mapping or the OOM reaper | those ranges | the same |
//! | exit: a start between release and unlinking; its end may or may not come | that range | S and the members are closed: members are not called |
//! | exit: a member's start runs during the release | that range | its value goes back to the starting task, which ends it: [`Ending::Gone`] |
//! | release by exit and by unregister at the same time | all | the second release finds the chain closed |
//!
//! Members join and leave:
//!
//! | when | what happens |
//! |---|---|
//! | a member joins while a range is open | the member gets neither start nor end for it; [`Chain::join`] returns when the range is over. The core excludes open ranges from a registration by `mm_take_all_locks()` |
//! | a member leaves while a range is open | no callback uses the member any more; then its end is called with [`Ending::Gone`] |
//! | a member leaves while its start or end runs | leaving waits for the callback |
//! | a member leaves while the address space goes | one of the two releases the member |
//! | ranges nest, or overlap in many tasks | each range has a pair of its own, by its address |
//! | there is no memory for a pair | a non-blockable range is refused before the member is called; a blockable one waits |
//!
//! # Context
//!
//! An end is called in the task of its start and in the context of its range; only an end with
//! [`Ending::Gone`] is called elsewhere. The ends that undo a refusal are called within the start
//! of Starts, so the core checks them for sleeping. The core does not check the ends that it calls
//! itself after a refusal.

mod inner;

#[cfg(mnck_kunit)]
mod kunit;

mod member;

mod members;

mod pairs;

mod registration;
pub(crate) use registration::{
    Chain,
    Membership, //
};

mod subscriber;
pub(crate) use subscriber::{
    Ending,
    Subscriber, //
};
