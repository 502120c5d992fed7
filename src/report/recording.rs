// SPDX-License-Identifier: GPL-2.0

//! What is recorded for the users that watch processes.

use kernel::{
    new_mutex,
    new_poll_condvar,
    new_spinlock,
    prelude::*,
    sync::{
        poll::PollCondVar,
        rcu,
        Arc,
        Mutex,
        SpinLock, //
    }, //
};

use crate::{
    check::{
        Followed,
        Followee,
        Registry,
        FOLLOWERS, //
    },
    ffi::{
        uapi::mnck_record_event,
        Following,
        Global,
        Processes,
        Published, //
    }, //
};

/// Where the recordings are, from the module's init to its exit.
static RECORDINGS: Global<Recordings> = Global::new();

/// The recordings of all users.
#[pin_data]
pub(super) struct Recordings {
    /// Those that there are, each at its number as a follower. Taken in callbacks, perhaps under the lock
    /// of a page table, to add a record; the lock of a ring nests within.
    #[pin]
    all: SpinLock<[Option<Arc<Recording>>; FOLLOWERS]>,
    /// How many recordings are of some processes only, and what tells of their children. Serialises
    /// that recordings begin and end.
    #[pin]
    of_some: Mutex<(usize, Option<Following<Family>>)>,
}

/// The recordings, until this is dropped. The drop sleeps.
pub(crate) struct RecordingsOwner(
    #[expect(dead_code, reason = "held for its drop")] Published<Recordings>,
);

impl RecordingsOwner {
    /// Makes the recordings, of which there is no one yet. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn new() -> Result<Self> {
        let recordings = Arc::pin_init(
            pin_init!(Recordings {
                all <- new_spinlock!([const { None }; FOLLOWERS], "Recordings::all"),
                of_some <- new_mutex!((0, None), "Recordings::of_some"),
            }),
            GFP_KERNEL,
        )?;

        Ok(Self(RECORDINGS.publish(recordings)?))
    }
}

impl Recordings {
    /// Adds a record that concerns the process with this `mm`, to each recording of it that is `wanted`.
    /// Returns without effect while the module is unloaded. Never sleeps.
    pub(super) fn add(mm: usize, record: &mnck_record_event, wanted: impl Fn(&Recording) -> bool) {
        let (Some(recordings), Some(registry)) = (RECORDINGS.get(), Registry::get()) else {
            return;
        };
        let all = recordings.all.lock();
        // Under the lock: the numbers are those of the recordings that are there now.
        let followers = registry.followed().of(mm);

        for (_, recording) in all
            .iter()
            .enumerate()
            .filter(|(number, _)| followers.has(*number))
        {
            if let Some(recording) = recording.as_ref().filter(|recording| wanted(recording)) {
                recording.ring.lock().add(record);
                recording.changed.notify_all();
            }
        }
    }
}

/// What is recorded for one user.
#[pin_data]
pub(crate) struct Recording {
    number: usize,
    limit_ns: Option<u64>,
    /// Taken to add a record or to take one. Innermost.
    #[pin]
    ring: SpinLock<Ring>,
    #[pin]
    changed: PollCondVar,
}

/// The records that were not taken yet.
struct Ring {
    records: KVVec<mnck_record_event>,
    /// The index of the first, and their number.
    first: usize,
    len: usize,
    /// How many were lost since the last that was added, and in all.
    lost: u64,
    lost_in_all: u64,
}

impl Ring {
    const SIZE: usize = 256;

    fn new() -> Result<Self> {
        Ok(Self {
            records: KVVec::from_elem(
                mnck_record_event::default(),
                Self::SIZE,
                GFP_KERNEL_ACCOUNT,
            )?,
            first: 0,
            len: 0,
            lost: 0,
            lost_in_all: 0,
        })
    }

    fn add(&mut self, record: &mnck_record_event) {
        let place = self.first.wrapping_add(self.len) % Self::SIZE;

        match self.records.get_mut(place) {
            Some(place) if self.len < Self::SIZE => {
                place.clone_from(record);
                place.lost = core::mem::take(&mut self.lost);
                self.len = self.len.wrapping_add(1);
            }
            _ => {
                self.lost = self.lost.saturating_add(1);
                self.lost_in_all = self.lost_in_all.saturating_add(1);
            }
        }
    }

    fn take(&mut self) -> Option<mnck_record_event> {
        self.len = self.len.checked_sub(1)?;

        let record = self.records.get(self.first).cloned();
        self.first = self.first.wrapping_add(1) % Self::SIZE;
        record
    }
}

impl Recording {
    /// Takes the first record. If there is none, and the call `waits`, it waits until there is one or
    /// `has_other` returns true. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ERESTARTSYS`]: a signal came.
    pub(crate) fn take(
        &self,
        waits: bool,
        has_other: impl Fn() -> bool,
    ) -> Result<Option<mnck_record_event>> {
        let mut ring = self.ring.lock();

        loop {
            let record = ring.take();

            if record.is_some() || !waits || has_other() {
                return Ok(record);
            }
            if self.changed.wait_interruptible(&mut ring) {
                return Err(ERESTARTSYS);
            }
        }
    }

    /// Returns whether there is a record.
    pub(crate) fn has_record(&self) -> bool {
        self.ring.lock().len != 0
    }

    /// Returns how many records were lost, since the user did not take them in time.
    pub(crate) fn lost_in_all(&self) -> u64 {
        self.ring.lock().lost_in_all
    }

    /// Wakes tasks that wait for a record, so that they look at what else there is.
    pub(crate) fn wake(&self) {
        // A task that has looked before holds the lock until it waits.
        drop(self.ring.lock());
        self.changed.notify_all();
    }

    /// Returns what wakes tasks that wait for a record.
    pub(crate) fn changed(&self) -> &PollCondVar {
        &self.changed
    }

    /// Returns its number as a follower, which it shares with no other recording.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Returns whether the user wants to know that a callback took `ns`.
    pub(super) fn wants(&self, ns: u64) -> bool {
        self.limit_ns.is_some_and(|limit| ns >= limit)
    }
}

/// A recording, which ends when this is dropped. The drop sleeps.
pub(crate) struct OpenRecording {
    recordings: Arc<Recordings>,
    followed: Arc<Followed>,
    recording: Arc<Recording>,
    is_of_all: bool,
}

impl OpenRecording {
    /// Begins to record what concerns all processes, or one `process` and its children. Also records
    /// callbacks that take `limit_ns`. Calls `prepare` with the number of the recording before there is any
    /// record. Sleeps.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: there are [`FOLLOWERS`] recordings.
    /// - [`EOPNOTSUPP`]: the kernel cannot tell of children.
    /// - [`ENODEV`]: the module is about to go.
    /// - [`ENOMEM`]: out of memory.
    pub(crate) fn begin(
        process: Option<Followee>,
        limit_ns: Option<u64>,
        prepare: impl FnOnce(usize),
    ) -> Result<Self> {
        let recordings = RECORDINGS.get().ok_or(ENODEV)?;
        let followed = Registry::get().ok_or(ENODEV)?.followed().clone();
        let ring = Ring::new()?;
        let mut of_some = recordings.of_some.lock();
        let number = recordings
            .all
            .lock()
            .iter()
            .position(Option::is_none)
            .ok_or(ENOSPC)?;
        let recording = Arc::pin_init(
            pin_init!(Recording {
                number,
                limit_ns,
                ring <- new_spinlock!(ring, "Recording::ring"),
                changed <- new_poll_condvar!("Recording::changed"),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;

        if process.is_some() {
            if of_some.1.is_none() {
                of_some.1 = Some(Following::begin()?);
            }
            of_some.0 = of_some.0.wrapping_add(1);
        }
        if let Some(place) = recordings.all.lock().get_mut(number) {
            *place = Some(recording.clone());
        }
        prepare(number);
        followed.begin(number, process, limit_ns);
        drop(of_some);

        Ok(Self {
            recordings,
            followed,
            recording,
            is_of_all: process.is_none(),
        })
    }

    /// Returns how many processes could not be followed.
    pub(crate) fn unfollowed(&self) -> u64 {
        self.followed.lost(self.recording.number)
    }
}

impl core::ops::Deref for OpenRecording {
    type Target = Recording;

    fn deref(&self) -> &Recording {
        &self.recording
    }
}

impl Drop for OpenRecording {
    fn drop(&mut self) {
        let number = self.recording.number;
        let mut of_some = self.recordings.of_some.lock();

        self.followed.end(number);
        // Until no probe adds what concerns this follower to the counts of the next with this number.
        rcu::synchronize_rcu();
        if !self.is_of_all {
            of_some.0 = of_some.0.wrapping_sub(1);
            if of_some.0 == 0 {
                of_some.1 = None;
            }
        }
        // Not the last reference.
        let place = self
            .recordings
            .all
            .lock()
            .get_mut(number)
            .and_then(Option::take);
        drop(place);
    }
}

/// Tells [`Followed`] of the children of processes.
struct Family;

impl Family {
    fn tell(what: impl FnOnce(&Followed)) {
        if let Some(registry) = Registry::get() {
            what(registry.followed());
        }
    }
}

impl Processes for Family {
    fn forked(parent: usize, child: usize, mm: usize) {
        Self::tell(|followed| followed.forked(parent, child, mm));
    }

    fn executed(process: usize, mm: usize, is_secret: bool) {
        Self::tell(|followed| followed.executed(process, mm, is_secret));
    }

    fn reaped(process: usize) {
        Self::tell(|followed| followed.reaped(process));
    }
}
