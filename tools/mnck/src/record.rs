// SPDX-License-Identifier: GPL-2.0

//! The records that are read from a file of `MNCK_WATCH`.

use anyhow::{bail, Result};
use bytemuck::{AnyBitPattern, NoUninit, Zeroable};

use crate::{report::text::printable, uapi::*};

/// What a record says.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // a few at a time
pub enum Record {
    /// A driver has subscribed to a process.
    Registered(Event),
    /// A driver has ended a subscription.
    Unregistered(Event),
    /// A driver or the core broke a rule, or was slow.
    Violation(Event),
    /// What is known of a callback.
    Callback(Callback),
    /// What was not seen.  It ends a summary.
    Unseen(Unseen),
    /// A later version of the module has told something that this one does not know.
    Unknown,
}

impl Record {
    /// Returns how many records were lost just before, if any.
    pub fn lost(&self) -> Option<u64> {
        match self {
            Self::Registered(event) | Self::Unregistered(event) | Self::Violation(event) => {
                Some(event.lost).filter(|lost| *lost != 0)
            }
            _ => None,
        }
    }
}

/// Something that happened at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// When, in ns of CLOCK_MONOTONIC.
    pub time: u64,
    /// How many records were lost just before.
    pub lost: u64,
    /// The process concerned; 0 if it is not known.
    pub pid: i32,
    /// The thread in which it happened.
    pub tid: i32,
    /// The name of that thread.
    pub comm: String,
    /// The rule, of a violation.
    pub rule: &'static str,
    /// The event of the range, if it has one.
    pub event: &'static str,
    /// The addresses, half-open, if there are any.
    pub range: Option<(u64, u64)>,
    /// Whether the callbacks of the range may sleep.
    pub is_blockable: bool,
    /// Whether a rule was broken; else the callback was only slow.
    pub is_broken: bool,
    /// How long the callback took, in ns, for rule latency; else 0.
    pub took: u64,
    /// The callback, or "core"; of a subscription its table of callbacks.
    pub driver: String,
    /// What it did; of a subscription, the callbacks that it has.
    pub what: String,
    /// The initiator of the range, or what has registered a subscription; may be empty.
    pub caller: String,
}

/// What is known of a callback.
#[derive(Clone, Debug, PartialEq)]
pub struct Callback {
    /// Its function, as in `kvm_mmu_notifier_invalidate_range_start [kvm]`.
    pub name: String,
    /// Which callback of its driver it is, as in `start`.
    pub callback: String,
    /// How often it was called.
    pub calls: u64,
    /// How often it refused a range or failed.
    pub refusals: u64,
    /// The longest time that it took, in ns.
    pub longest: u64,
    /// How many calls of its driver were not seen.
    pub missed: u64,
    /// How many calls took from 2^n to less than 2^(n+1) ns.
    pub histogram: [u64; MNCK_HISTOGRAM as usize],
}

/// What was not seen, see `struct mnck_record_unseen`.
pub type Unseen = mnck_record_unseen;

impl Unseen {
    /// Returns a sentence for each kind of thing that was missed.
    pub fn sentences(&self) -> Vec<String> {
        let counts = [
            (self.calls, "calls that the kernel did not report"),
            (self.ends, "ends of ranges whose start was not seen"),
            (
                self.sequences,
                "refusals or reads at which rule sequence was not judged",
            ),
            (
                self.drivers,
                "registrations of drivers that can't be observed",
            ),
            (
                self.late,
                "ranges that began before a new driver was observed",
            ),
            (
                self.findings,
                "findings that were dropped, since too many came at once",
            ),
            (self.records, "records that came faster than they were read"),
            (
                self.processes,
                "processes that were not watched: there were too many, or they execute a program that \
                 you may not trace",
            ),
        ];
        let flags = [
            (
                MNCK_UNSEEN_EARLIER,
                "the subscriptions from before the watch",
            ),
            (
                MNCK_UNSEEN_CORE,
                "the core's ranges, after calls were missed",
            ),
        ];

        counts
            .into_iter()
            .filter(|(count, _)| *count != 0)
            .map(|(count, what)| format!("{count} {what}"))
            .chain(
                flags
                    .into_iter()
                    .filter(|(flag, _)| self.flags & flag != 0)
                    .map(|(_, what)| what.to_owned()),
            )
            .collect()
    }
}

/// Splits what was read into records.
///
/// # Errors
///
/// The bytes are not whole records.
pub fn parse(mut bytes: &[u8]) -> Result<Vec<Record>> {
    let mut records = vec![];

    while !bytes.is_empty() {
        let size = word(bytes, 0)? as usize;
        if size < 8 || size > bytes.len() {
            bail!(
                "the module sent a record of {size} bytes in {}",
                bytes.len()
            );
        }
        let (record, rest) = bytes.split_at(size);
        records.push(parse_one(word(record, 4)?, record));
        bytes = rest;
    }
    Ok(records)
}

fn word(bytes: &[u8], at: usize) -> Result<u32> {
    match bytes.get(at..at + 4) {
        Some(word) => Ok(bytemuck::pod_read_unaligned(word)),
        None => bail!("the module sent half a record"),
    }
}

fn parse_one(kind: u32, bytes: &[u8]) -> Record {
    match kind {
        MNCK_RECORD_REGISTERED => Record::Registered(event(bytes)),
        MNCK_RECORD_UNREGISTERED => Record::Unregistered(event(bytes)),
        MNCK_RECORD_VIOLATION => Record::Violation(event(bytes)),
        MNCK_RECORD_CALLBACK => Record::Callback(callback(bytes)),
        MNCK_RECORD_UNSEEN => Record::Unseen(copy(bytes)),
        _ => Record::Unknown,
    }
}

/// Copies what a record and its type have in common.  The rest is 0: the module is older.
fn copy<T: AnyBitPattern + NoUninit + Zeroable>(bytes: &[u8]) -> T {
    let mut value = T::zeroed();
    let len = bytes.len().min(size_of::<T>());

    bytemuck::bytes_of_mut(&mut value)[..len].copy_from_slice(&bytes[..len]);
    value
}

/// Returns a text up to its NUL.
fn text(bytes: &[libc::c_char]) -> String {
    let bytes: &[u8] = bytemuck::cast_slice(bytes);
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());

    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn name(names: &[&'static str], number: u32) -> &'static str {
    names.get(number as usize).copied().unwrap_or("unknown")
}

fn event(bytes: &[u8]) -> Event {
    let raw: mnck_record_event = copy(bytes);
    let has_range = raw.flags & MNCK_RECORD_HAS_RANGE != 0;

    Event {
        time: raw.time,
        lost: raw.lost,
        pid: raw.pid,
        tid: raw.tid,
        comm: printable(&text(&raw.comm)),
        rule: name(&RULES, raw.rule),
        event: name(&EVENTS, raw.event),
        range: has_range.then_some((raw.start, raw.end)),
        is_blockable: raw.flags & MNCK_RECORD_BLOCKABLE != 0,
        is_broken: raw.flags & MNCK_RECORD_BROKEN != 0,
        took: raw.took,
        driver: text(&raw.driver),
        what: text(&raw.what),
        caller: text(&raw.caller),
    }
}

fn callback(bytes: &[u8]) -> Callback {
    let raw: mnck_record_callback = copy(bytes);

    Callback {
        name: text(&raw.name),
        callback: text(&raw.callback),
        calls: raw.calls,
        refusals: raw.refusals,
        longest: raw.longest,
        missed: raw.missed,
        histogram: raw.histogram,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the bytes of a record that was sent with `size`.
    fn sent<T: NoUninit>(record: &T, size: usize) -> Vec<u8> {
        let mut bytes = bytemuck::bytes_of(record).to_vec();
        bytes.resize(size, 0xff);
        bytes[..4].copy_from_slice(&(size as u32).to_ne_bytes());
        bytes
    }

    fn a_violation() -> mnck_record_event {
        let mut raw = mnck_record_event::zeroed();
        raw.type_ = MNCK_RECORD_VIOLATION;
        raw.rule = MNCK_RULE_FAILURE;
        raw.flags = MNCK_RECORD_HAS_RANGE | MNCK_RECORD_BROKEN;
        (raw.start, raw.end) = (0x1000, 0x3000);
        raw.driver[..2].copy_from_slice(&[b'd' as _, b'r' as _]);
        raw
    }

    #[test]
    fn a_record_is_read() {
        let size = size_of::<mnck_record_event>();
        let records = parse(&sent(&a_violation(), size)).unwrap();
        let [Record::Violation(event)] = &records[..] else {
            panic!("{records:?}");
        };

        assert_eq!("failure", event.rule);
        assert_eq!("dr", event.driver);
        assert_eq!(Some((0x1000, 0x3000)), event.range);
        assert!(event.is_broken && !event.is_blockable);
    }

    #[test]
    fn a_longer_record_of_a_later_module_is_read() {
        let long = sent(&a_violation(), size_of::<mnck_record_event>() + 24);
        let two = [long.clone(), long].concat();

        assert_eq!(2, parse(&two).unwrap().len());
    }

    #[test]
    fn an_unknown_record_is_skipped() {
        let mut unknown = vec![0; 16];
        unknown[..4].copy_from_slice(&16_u32.to_ne_bytes());
        unknown[4..8].copy_from_slice(&99_u32.to_ne_bytes());

        assert!(matches!(parse(&unknown).unwrap()[..], [Record::Unknown]));
    }

    #[test]
    fn all_that_was_missed_is_said() {
        let mut unseen = Unseen::zeroed();
        assert!(unseen.sentences().is_empty());

        // Behind the size, the type and the reserved word each bit and count matters.
        let whole = bytemuck::bytes_of(&unseen).len();
        for at in (16..whole).step_by(8) {
            let mut one = Unseen::zeroed();
            bytemuck::bytes_of_mut(&mut one)[at] = 1;
            assert_eq!(1, one.sentences().len(), "the count at byte {at}");
        }
        unseen.flags = MNCK_UNSEEN_EARLIER | MNCK_UNSEEN_CORE;
        assert_eq!(2, unseen.sentences().len());
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn any_record_does_no_harm(kind in 0_u32..8, rest in proptest::collection::vec(any::<u8>(), 0..1016)) {
            let mut bytes = ((rest.len() + 8) as u32).to_ne_bytes().to_vec();
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(&rest);
            prop_assert_eq!(1, parse(&bytes).unwrap().len());
        }
    }
}
