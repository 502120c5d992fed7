// SPDX-License-Identifier: GPL-2.0

//! A notifier chain whose members may refuse *and* have an end.
//!
//! The core forbids that. When a start refuses a non-blockable range, the others are started all
//! the same, and then everybody is ended who has an end: a subscriber could not tell whether its
//! own start was the one that failed. So it warns of whoever has both
//! (`mn_hlist_invalidate_range_start()` in `mm/mmu_notifier.c`). A [`Chain`] keeps account: a start
//! returns a value or refuses, the end takes that value, and if one refuses exactly those are ended
//! that had started before it, the last first ([`Policy::Exact`]).
//!
//! | type | what it is |
//! |---|---|
//! | [`Subscriber`] | the duty: a start that may refuse, an end that takes what the start has returned |
//! | [`Chain`] | subscribers in an order, on one address space |
//! | [`Membership`] | being one of them, until it is dropped |
//! | [`Policy`] | what history did when one refused |
//!
//! # Two registrations
//!
//! What the core calls on an address space is one list, the newest registration first. A chain is
//! two of them, with nobody in between, as they are registered under one mmap lock: *Ends*, a
//! [`StartEnd`](crate::mmu_notifier::StartEnd) that does nothing at a start, and *Starts*, a
//! [`StartOnly`](crate::mmu_notifier::StartOnly) that runs the members' starts and may refuse. Ends
//! comes first and goes last. While it is there alone no range is opened, and every open one is
//! ended.
//!
//! A range is known by the address of its `struct mmu_notifier_range`, which is the initiator's and
//! stays the same from start to end. The core calls the end of a chain also for ranges that the
//! chain has refused or never seen; it then finds no pair, and does nothing.
//!
//! # Every interleaving
//!
//! Of a range with our chain (S: Starts, E: Ends), a foreign registration that is newer (N), one
//! that is older (O), and an interval subscriber (I). The core calls I, then N, S, E, O; at the end
//! it ends I, then N, E, O.
//!
//! | what happens | what the core does | what the chain does |
//! |---|---|---|
//! | nobody refuses | all starts; later all ends | S starts the members, E ends them |
//! | I refuses | `mn_itree_inv_end()`, and returns: neither starts nor ends of N, S, E, O | nothing |
//! | N refuses | goes on with S, E, O; then ends of all that have one, E among them | S starts the members, E ends them |
//! | O refuses | the same: S has succeeded when O is asked | the same |
//! | S refuses: member k | goes on with E, O; then ends of all, E among them | S ends members k-1..0 and forgets the range; E finds no pair |
//! | S and N or O refuse | the same, one round of ends | the same |
//! | I succeeds and N, S or O refuses | as above; it does *not* undo I | as above |
//! | blockable | nobody may refuse | a member's type can't |
//!
//! The last but one is a bug of the core, up to Linux 7.3 at least: `active_invalidate_ranges` keeps
//! the invalidation that I has begun, so that whoever reads under an interval subscription of this
//! mm, or removes one, waits for ever. A refusal of a chain does that as any other refusal does:
//! there is nothing that a notifier can do about it.
//!
//! The chain comes and goes:
//!
//! | when | what is open | what happens |
//! |---|---|---|
//! | registering | nothing: `mm_take_all_locks()` excludes open ranges | - |
//! | between Ends and Starts | nothing, by the mmap lock and as Starts is not there | E finds no pair |
//! | Starts goes (unregister waits for its callbacks) | ranges that were started | their ends come to E |
//! | Ends goes | ranges that were started | its release closes them: [`Ending::Gone`]. An end that comes before it is unlinked finds no pair |
//! | exit: release, while ranges are open on other CPUs, through the reverse mapping or the reaper | those | the same |
//! | exit: a start comes between release and unlinking, whose end may or may not come | that | S and the members are closed: it is not passed on |
//! | exit: a member's start runs during the release | that | its value comes back to the starting task, which ends it: [`Ending::Gone`] |
//! | release from exit and from unregister, both at once | all | one of them finds it done |
//!
//! And its members:
//!
//! | when | what happens |
//! |---|---|
//! | a member joins, a range is open | it has no start of it and gets no end; [`Chain::join`] returns when it is over. The core has `mm_take_all_locks()` for that |
//! | a member leaves, a range is open | no callback sees the member any more; then [`Ending::Gone`] |
//! | a member leaves, its start or end runs | waits for it |
//! | a member leaves as the address space goes | released by one of the two |
//! | ranges nest, or overlap in many tasks | each has its own pair, by its address |
//! | no memory for a pair | a non-blockable range is refused before the member is asked, a blockable one waits |
//!
//! # Context
//!
//! Ends come in the task of the start, in the context of its range; only [`Ending::Gone`] comes from
//! elsewhere. The ends that undo a refusal are made in Starts' own start, so the core watches them
//! for sleeping, which it does not for those that it makes itself.

mod inner;

#[cfg(mnck_kunit)]
mod kunit;

mod member;

mod members;
pub(crate) use members::Policy;

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
