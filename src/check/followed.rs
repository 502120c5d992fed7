// SPDX-License-Identifier: GPL-2.0

//! The processes that users follow.

use kernel::prelude::*;

use crate::event::{
    platform::Word,
    spread, //
};

/// How many users can follow processes at a time.
pub(crate) const FOLLOWERS: usize = 8;

/// The processes that users follow: all, or some and the children that these fork.
///
/// Nothing here takes a lock, since callbacks ask. One task at a time begins or ends to follow.
pub(crate) struct Followed {
    followers: [Follower; FOLLOWERS],
    /// The followers of all processes, a bit for each.
    of_all: Word,
    /// The followers of some.
    of_some: Word,
    /// The least time that a follower wants to know of that a callback took, in ns.
    limit_ns: Word,
}

/// Some followers, a bit for each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Followers(u64);

/// A process that is to be followed, by the addresses of its `struct signal_struct` and its mm.
#[derive(Clone, Copy)]
pub(crate) struct Followee {
    pub(crate) process: usize,
    pub(crate) mm: usize,
    /// Whether it and its children are also followed when they execute a program that their user may
    /// not trace.
    pub(crate) sees_secrets: bool,
}

/// The processes of one follower.
struct Follower {
    places: KVec<Place>,
    /// How many processes had no place.
    lost: Word,
    limit_ns: Word,
    sees_secrets: Word,
}

/// A process that is followed, or was. Its mm and its `struct signal_struct` by their addresses.
struct Place {
    /// [`FREE`] if there was never an mm, [`REMOVED`] if there is none.
    mm: Word,
    /// 0 once the process has another mm or was reaped: another process may be given the place. Until
    /// then the mm is known still, for violations that are reported late.
    process: Word,
}

/// How many processes one follower can follow.
const PLACES: usize = 512;

/// How many places an mm may be in.
const NEAR: usize = 64;

const FREE: u64 = 0;
const REMOVED: u64 = 1;

/// A time that no callback takes.
const NO_LIMIT: u64 = u64::MAX;

impl Followers {
    /// Returns the follower with this number.
    const fn one(number: usize) -> Self {
        Self(1 << (number % FOLLOWERS))
    }

    /// Returns whether there is none.
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns whether the follower with this number is among these.
    pub(crate) fn has(self, number: usize) -> bool {
        self.0 & Self::one(number).0 != 0
    }

    /// Returns the numbers of these.
    pub(crate) fn numbers(self) -> impl Iterator<Item = usize> {
        (0..FOLLOWERS).filter(move |number| self.has(*number))
    }
}

impl Followed {
    /// Makes the memory. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(super) fn new() -> Result<Self> {
        let mut followers = [const { Follower::new() }; FOLLOWERS];

        for follower in &mut followers {
            follower.places.reserve(PLACES, GFP_KERNEL)?;
            for _ in 0..PLACES {
                follower.places.push(Place::new(), GFP_KERNEL)?;
            }
        }
        Ok(Self {
            followers,
            of_all: Word::new(0),
            of_some: Word::new(0),
            limit_ns: Word::new(NO_LIMIT),
        })
    }

    /// Returns the followers of the process with this `mm`; or all, if `mm` is 0, since the process is
    /// not known then. Never sleeps.
    pub(crate) fn of(&self, mm: usize) -> Followers {
        let some = self.of_some.load_acquire();
        let all = self.of_all.load_acquire();

        if some == 0 {
            return Followers(all);
        }
        if mm == 0 {
            return Followers(all | some);
        }
        let found = Followers(some)
            .numbers()
            .filter(|number| {
                self.followers
                    .get(*number)
                    .is_some_and(|follower| follower.has(mm))
            })
            .fold(all, |found, number| found | Followers::one(number).0);

        Followers(found)
    }

    /// Returns whether there are followers of any process. Never sleeps.
    #[inline(always)]
    pub(crate) fn has_followers(&self) -> bool {
        (self.of_some.load_acquire() | self.of_all.load_acquire()) != 0
    }

    /// Returns how long a callback must take, in ns, so that some follower wants to know.
    #[inline]
    pub(crate) fn limit_ns(&self) -> u64 {
        self.limit_ns.load()
    }

    /// Lets the follower with this `number`, which follows nothing, follow all processes, or one and its
    /// children. It wants to know of callbacks that take `limit_ns`.
    pub(crate) fn begin(&self, number: usize, one: Option<Followee>, limit_ns: Option<u64>) {
        let Some(follower) = self.followers.get(number) else {
            return;
        };
        let bit = Followers::one(number).0;

        follower.limit_ns.store(limit_ns.unwrap_or(NO_LIMIT));
        follower.lost.store(0);
        for place in &follower.places {
            place.mm.store(FREE);
            place.process.store(0);
        }
        match one {
            Some(one) => {
                follower.sees_secrets.store(one.sees_secrets.into());
                follower.insert(one.process, one.mm);
                self.of_some.store_release(self.of_some.load() | bit);
            }
            None => self.of_all.store_release(self.of_all.load() | bit),
        }
        self.set_limit();
    }

    /// Lets the follower with this `number` follow nothing.
    pub(crate) fn end(&self, number: usize) {
        let bit = Followers::one(number).0;

        self.of_some.store(self.of_some.load() & !bit);
        self.of_all.store(self.of_all.load() & !bit);
        if let Some(follower) = self.followers.get(number) {
            follower.limit_ns.store(NO_LIMIT);
        }
        self.set_limit();
    }

    fn set_limit(&self) {
        let limits = self
            .followers
            .iter()
            .map(|follower| follower.limit_ns.load());

        self.limit_ns.store(limits.min().unwrap_or(NO_LIMIT));
    }

    /// Returns how many processes the follower with this `number` could not follow.
    pub(crate) fn lost(&self, number: usize) -> u64 {
        self.followers
            .get(number)
            .map_or(0, |follower| follower.lost.load())
    }

    /// Records that the process with the mm `parent` has forked another, which does not run yet.
    pub(crate) fn forked(&self, parent: usize, child: usize, mm: usize) {
        for follower in self.of_some() {
            if follower.has(parent) {
                follower.insert(child, mm);
            } else {
                // That of a process that is no more.
                follower.remove_mm(mm);
            }
        }
    }

    /// Records that a process has executed a program, and has `mm` now. `is_secret` if its user must not
    /// see what the program does.
    pub(crate) fn executed(&self, process: usize, mm: usize, is_secret: bool) {
        for follower in self.of_some() {
            let was_followed = follower.let_go(process);

            follower.remove_mm(mm);
            if !was_followed {
                continue;
            }
            if !is_secret || follower.sees_secrets.load() != 0 {
                follower.insert(process, mm);
            } else {
                follower.lost.add(1);
            }
        }
    }

    /// Records that a process was reaped.
    pub(crate) fn reaped(&self, process: usize) {
        for follower in self.of_some() {
            follower.let_go(process);
        }
    }

    fn of_some(&self) -> impl Iterator<Item = &Follower> {
        let some = Followers(self.of_some.load_acquire());

        self.followers
            .iter()
            .enumerate()
            .filter(move |(number, _)| some.has(*number))
            .map(|(_, follower)| follower)
    }
}

impl Follower {
    const fn new() -> Self {
        Self {
            places: KVec::new(),
            lost: Word::new(0),
            limit_ns: Word::new(NO_LIMIT),
            sees_secrets: Word::new(0),
        }
    }

    /// Returns the places where an mm may be, the likely one first.
    fn places(&self, mm: usize) -> impl Iterator<Item = &Place> {
        let first = spread(mm as u64);
        let mask = PLACES.wrapping_sub(1);

        (first..first.wrapping_add(NEAR)).filter_map(move |place| self.places.get(place & mask))
    }

    /// Returns whether the process with this `mm` is followed.
    fn has(&self, mm: usize) -> bool {
        self.places(mm)
            .map(|place| place.mm.load())
            .take_while(|found| *found != FREE)
            .any(|found| found == mm as u64)
    }

    fn insert(&self, process: usize, mm: usize) {
        let place = self
            .places(mm)
            .find(|place| place.process.load() == 0 && place.process.replace(0, process as u64));

        match place {
            Some(place) => place.mm.store(mm as u64),
            None => {
                self.lost.add(1);
            }
        }
    }

    /// Forgets `mm`.
    fn remove_mm(&self, mm: usize) {
        for place in self.places(mm) {
            match place.mm.load() {
                FREE => return,
                found if found == mm as u64 => {
                    // The place is another's if a process was given it meanwhile.
                    place.mm.replace(found, REMOVED);
                }
                _ => (),
            }
        }
    }

    /// Gives the place of a process to the next that needs one; until then its mm is known. Returns
    /// whether the process was followed.
    fn let_go(&self, process: usize) -> bool {
        self.places.iter().fold(false, |was_followed, place| {
            let is_it = place.process.load() == process as u64;

            was_followed | (is_it && place.process.replace(process as u64, 0))
        })
    }
}

impl Place {
    const fn new() -> Self {
        Self {
            mm: Word::new(FREE),
            process: Word::new(0),
        }
    }
}
