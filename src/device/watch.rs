// SPDX-License-Identifier: GPL-2.0

//! `MNCK_WATCH`: files from which a user reads what mnck finds in some processes.

use kernel::{
    fs::File,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        poll::PollTable,
        Arc, //
    },
    transmute::AsBytes,
    uaccess::{
        UserPtr,
        UserSliceWriter, //
    }, //
};

use super::{
    argument::Argument,
    call, //
};
use crate::{
    check::Followee,
    ffi::{
        finish_sweep,
        opener,
        subscriptions::*,
        target,
        uapi::*,
        NewRecordFile,
        RecordFile,
        WatchHeld,
        Work,
        WorkItem, //
    },
    observe::{
        self,
        Unseen, //
    },
    report::{
        record_text,
        OpenRecording, //
    }, //
};

/// A file of `MNCK_WATCH`.
struct WatchFile {
    // Dropped in this order.
    recording: OpenRecording,
    _held: WatchHeld,
    /// What was not seen before.
    unseen_before: Unseen,
    is_admin: bool,
    /// The key of the last callback that was read of the summary, 0 at its begin, or [`NO_SUMMARY`].
    summary: Atomic<u64>,
}

/// No summary is asked for.
const NO_SUMMARY: u64 = u64::MAX;

/// `MNCK_WATCH`, on `file`.
pub(super) fn watch(file: &File, argument: &Argument) -> Result {
    let mut watch: mnck_watch = argument.read()?;
    let is_admin = opener::is_admin(file);

    if watch.flags & !MNCK_WATCH_ALL != 0 || watch.reserved != 0 {
        return Err(EINVAL);
    }
    let is_of_all = watch.flags & MNCK_WATCH_ALL != 0;
    if is_of_all && watch.pid != 0 {
        return Err(EINVAL);
    }
    if is_of_all && !is_admin {
        return Err(EPERM);
    }
    let limit_ns = Some(u64::from(watch.latency_limit_us) * 1000).filter(|limit| *limit != 0);

    // First, so that there are counts to clear.
    let held = WatchHeld::new()?;
    let unseen_before = Unseen::now();
    // The process and its mm cannot go, nor can others get their addresses, until it is watched.
    let target = if is_of_all {
        None
    } else {
        Some(target::Target::find(file, watch.pid)?)
    };
    let followee = target.as_ref().map(|target| Followee {
        process: target.process(),
        mm: target.mm(),
        sees_secrets: is_admin,
    });
    let recording = OpenRecording::begin(followee, limit_ns, observe::clear_counts)?;
    // If it has executed a program meanwhile, that was not seen.
    if target.is_some_and(|target| !target.is_same(file, watch.pid)) {
        return Err(ESRCH);
    }
    let new = NewRecordFile::new(Arc::new(
        WatchFile {
            recording,
            _held: held,
            unseen_before,
            is_admin,
            summary: Atomic::new(NO_SUMMARY),
        },
        GFP_KERNEL_ACCOUNT,
    )?)?;

    watch.fd = new.number() as i32;
    watch.size = argument.size();
    argument.write(&watch)?;
    new.install();
    Ok(())
}

impl WatchFile {
    fn has_summary(&self) -> bool {
        self.summary.load(Relaxed) != NO_SUMMARY
    }

    /// Writes the next record to the user. Returns its size, or `None` if there is none and the call does
    /// not wait. Sleeps.
    fn next(&self, to: &mut UserSliceWriter, waits: bool) -> Result<Option<usize>> {
        if let Some(event) = self.recording.take(waits, || self.has_summary())? {
            return write(to, &event);
        }
        let last = self.summary.load(Relaxed);
        if last == NO_SUMMARY {
            return Ok(None);
        }
        let next = observe::callback_after(last, self.recording.number());
        let reached = next.as_ref().map_or(NO_SUMMARY, |callback| callback.key);

        // If several tasks read, each gets another item. Another may also have asked for it again.
        if self.summary.cmpxchg(last, reached, Relaxed).is_err() {
            return Ok(None);
        }
        match next {
            Some(callback) => write(to, &of_callback(&callback)),
            None => write(to, &self.unseen()),
        }
    }

    /// `MNCK_PREARM`.
    fn prearm(&self, argument: &Argument) -> Result {
        let prearm: mnck_prearm = argument.read()?;
        let name = CStr::from_bytes_until_nul(&prearm.function).map_err(|_| EINVAL)?;
        let number = match prearm.callback {
            MNCK_PREARM_START => MNCK_CALLBACK_START,
            MNCK_PREARM_END => MNCK_CALLBACK_END,
            MNCK_PREARM_INVALIDATE => MNCK_CALLBACK_INVALIDATE,
            MNCK_PREARM_INVALIDATE_START => MNCK_CALLBACK_INVALIDATE_START,
            MNCK_PREARM_INVALIDATE_FINISH => MNCK_CALLBACK_INVALIDATE_FINISH,
            _ => return Err(EINVAL),
        };

        if !self.is_admin {
            return Err(EPERM);
        }
        if name.is_empty() {
            return Err(EINVAL);
        }
        observe::probe_ahead(name, number)
    }

    fn unseen(&self) -> mnck_record_unseen {
        let unseen = Unseen::now().since(self.unseen_before);
        let flag = |is_set: bool, flag: u32| if is_set { flag } else { 0 };

        mnck_record_unseen {
            size: size_of::<mnck_record_unseen>() as u32,
            type_: MNCK_RECORD_UNSEEN,
            flags: flag(unseen.has_earlier, MNCK_UNSEEN_EARLIER)
                | flag(unseen.has_core, MNCK_UNSEEN_CORE),
            reserved: 0,
            calls: unseen.calls,
            ends: unseen.ends,
            sequences: unseen.sequences,
            drivers: unseen.drivers,
            findings: unseen.findings,
            records: self.recording.lost_in_all(),
            processes: self.recording.unfollowed(),
            late: unseen.late,
        }
    }
}

impl RecordFile for WatchFile {
    const NAME: &'static CStr = c"[mnck]";

    fn read(&self, mut to: UserSliceWriter, waits: bool) -> Result<usize> {
        let mut written = 0_usize;

        if to.len() < MNCK_RECORD_MAX as usize {
            return Err(EINVAL);
        }
        while to.len() >= MNCK_RECORD_MAX as usize {
            match self.next(&mut to, waits && written == 0) {
                Ok(Some(len)) => written = written.saturating_add(len),
                Ok(None) if written == 0 && waits => (),
                Ok(None) if written == 0 => return Err(EAGAIN),
                Err(error) if written == 0 => return Err(error),
                _ => break,
            }
        }
        Ok(written)
    }

    fn poll(&self, file: &File, table: &PollTable<'_>) -> bool {
        table.register_wait(file, self.recording.changed());
        self.has_summary() || self.recording.has_record()
    }

    fn ioctl(&self, cmd: u32, argument: UserPtr) -> Result {
        match cmd {
            call::SUMMARY => {
                // So that all that has happened is told before.
                Work::finish(WorkItem::Arm);
                // A range that a task has not ended before its exit is found by a sweep.
                finish_sweep();
                Work::finish(WorkItem::Report);
                self.summary.store(0, Relaxed);
                self.recording.wake();
                Ok(())
            }
            _ if call::PREARM.has_number(cmd) => self.prearm(&call::PREARM.argument(argument)?),
            _ => Err(ENOTTY),
        }
    }
}

/// Writes a record to the user. Returns its size.
fn write<T: AsBytes>(to: &mut UserSliceWriter, record: &T) -> Result<Option<usize>> {
    to.write(record)?;
    Ok(Some(size_of::<T>()))
}

fn of_callback(callback: &observe::Callback) -> mnck_record_callback {
    let counts = &callback.counts;

    mnck_record_callback {
        size: size_of::<mnck_record_callback>() as u32,
        type_: MNCK_RECORD_CALLBACK,
        calls: counts
            .histogram
            .iter()
            .fold(0, |calls, count| calls.saturating_add(*count)),
        refusals: counts.refused,
        longest: counts.longest_ns,
        missed: callback.missed as u64,
        histogram: counts.histogram,
        name: record_text(fmt!("{}", callback.function)),
        callback: record_text(fmt!("{}", callback.callback)),
    }
}
