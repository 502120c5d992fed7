// SPDX-License-Identifier: GPL-2.0

//! The table `running`: the callbacks that run, and the tasks that wait for them.

use crate::report::text;

/// What the table says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Running {
    pub calls: Vec<Call>,
    /// How many lines this tool does not understand.
    pub unknown: u64,
}

/// A callback that runs, or a function of the core that waits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    /// The callback, as in `kvm_mmu_notifier_invalidate_range_start [kvm]`; a subscriber of mnck, as
    /// in `counter 12`; or `core`.
    pub subscriber: String,
    /// What it does, as in `start` or `unregister`.
    pub activity: String,
    pub range: Option<Range>,
    /// How long it has been doing that, in ms.
    pub age: u64,
    pub comm: String,
    pub tid: u32,
    /// The function of mm for which the callback runs, if it is known.
    pub initiator: Option<String>,
}

/// The range that a callback is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    pub event: String,
    pub addresses: (u64, u64),
    pub is_blockable: bool,
}

impl Call {
    /// Returns the name and the id of the task.
    pub fn task(&self) -> String {
        format!("{}[{}]", self.comm, self.tid)
    }
}

/// Reads the table.
pub fn parse(text: &str) -> Running {
    let mut all = Running::default();

    for line in text.lines() {
        match call(line) {
            Some(call) => all.calls.push(call),
            None if line.starts_with("SUBSCRIBER ") => (),
            None => all.unknown += 1,
        }
    }
    all
}

/// The activities that have two words.
const LONG: [&str; 2] = ["chain start", "chain end"];

fn call(line: &str) -> Option<Call> {
    let words: Vec<_> = words(line).collect();
    // The range and the age have a form of their own; what is before it and behind it may have spaces.
    let (at, range, age) = (2..words.len()).find_map(|at| {
        let [(_, event), (_, addresses), (_, mode), (_, age), ..] = words[at..] else {
            return None;
        };
        Some((at, range(event, addresses, mode)?, age.parse().ok()?))
    })?;
    let before = line[..words[at].0].trim_end();
    let (age_at, age_word) = words[at + 3];
    let behind = &line[age_at + age_word.len()..];

    let short = words[at - 1].1;
    let activity = LONG
        .into_iter()
        .find(|name| before.ends_with(&format!(" {name}")))
        .unwrap_or(short);
    let subscriber = before.strip_suffix(activity)?.trim_end();
    let (comm, tid, initiator) = task(behind.trim_start())?;

    Some(Call {
        subscriber: text::printable(subscriber),
        activity: text::printable(activity),
        range,
        age,
        comm,
        tid,
        initiator,
    })
}

/// Returns the words of a line, with their places.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    line.split(' ')
        .scan(0, |at, word| {
            let here = *at;
            *at += word.len() + 1;
            Some((here, word))
        })
        .filter(|(_, word)| !word.is_empty())
}

/// Reads three columns: `CLEAR 0x1000-0x2000 blockable`, or three times `-`.
fn range(event: &str, addresses: &str, mode: &str) -> Option<Option<Range>> {
    if (event, addresses, mode) == ("-", "-", "-") {
        return Some(None);
    }
    let (start, end) = addresses.split_once('-')?;

    Some(Some(Range {
        event: text::printable(event),
        addresses: (text::address(start)?, text::address(end)?),
        is_blockable: match mode {
            "blockable" => true,
            "non-blockable" => false,
            _ => return None,
        },
    }))
}

/// Reads `name of task[142]   initiator`.
fn task(text: &str) -> Option<(String, u32, Option<String>)> {
    // The name may have brackets, too, but it comes first; no module's name is a number.
    let (open, close, tid) = text.match_indices('[').rev().find_map(|(open, _)| {
        let close = open + text[open..].find(']')?;
        let is_end = text[close + 1..].is_empty() || text[close + 1..].starts_with(' ');
        let tid = text[open + 1..close].parse().ok()?;
        is_end.then_some((open, close, tid))
    })?;
    let initiator = text[close + 1..].trim();

    Some((
        text::printable(&text[..open]),
        tid,
        (!["", "-"].contains(&initiator)).then(|| text::printable(initiator)),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TABLE: &str = "\
SUBSCRIBER           CALLBACK    EVENT           RANGE                                 MODE            AGE_MS TASK                       INITIATOR
hanging_start [notifier_mistakes] start       UNMAP           0x100000000-0x100001000               blockable        12034 my task[1] x[142]          unmap_vmas
chain 3              chain start CLEAR           0x1000-0x2000                         non-blockable        0 a[7]                       zap [kvm]
core                 unregister  -               -                                     -                  900 stall[171]                 -
";

    fn calls() -> Vec<Call> {
        let all = parse(TABLE);
        assert_eq!(0, all.unknown);
        all.calls
    }

    #[test]
    fn a_callback_is_read() {
        assert_eq!(
            Call {
                subscriber: "hanging_start [notifier_mistakes]".into(),
                activity: "start".into(),
                range: Some(Range {
                    event: "UNMAP".into(),
                    addresses: (0x100000000, 0x100001000),
                    is_blockable: true,
                }),
                age: 12034,
                comm: "my task[1] x".into(),
                tid: 142,
                initiator: Some("unmap_vmas".into()),
            },
            calls()[0]
        );
    }

    #[test]
    fn an_activity_may_have_two_words() {
        let call = &calls()[1];

        assert_eq!(
            ("chain 3", "chain start"),
            (&*call.subscriber, &*call.activity)
        );
        assert_eq!(Some("zap [kvm]".into()), call.initiator);
        assert!(call.range.as_ref().is_some_and(|range| !range.is_blockable));
    }

    #[test]
    fn a_task_that_waits_is_read() {
        let call = &calls()[2];

        assert_eq!(("core", "unregister"), (&*call.subscriber, &*call.activity));
        assert_eq!(
            ("stall[171]", 900, None, None),
            (
                &*call.task(),
                call.age,
                call.range.clone(),
                call.initiator.clone()
            )
        );
    }

    #[test]
    fn a_line_of_another_kind_is_counted() {
        let all = parse(&format!("{TABLE}\nhalf [a line] start UNMAP 0x1000-\n"));

        assert_eq!((3, 2), (all.calls.len(), all.unknown));
    }

    #[test]
    fn nothing_is_an_empty_table() {
        assert_eq!(Running::default(), parse(""));
    }

    proptest! {
        #[test]
        fn any_text_does_no_harm(text in "(.|\n)*") {
            parse(&text);
        }

        #[test]
        fn a_table_with_junk_in_it_does_no_harm(at in 0..TABLE.len(), len in 0..99_usize, junk in "(.|\n){0,9}") {
            let end = TABLE.len().min(at + len);
            parse(&format!("{}{junk}{}", &TABLE[..at], &TABLE[end..]));
        }

        #[test]
        fn what_the_module_prints_is_read(
            subscriber in "[a-z_]{1,50}( \\[[a-z_0-9]{1,9}\\]| [0-9]{1,5})?",
            activity in "start|end|release|young|chain end|remove|read_begin",
            age in any::<u32>(),
            comm in "[ -~]{0,15}",
            tid in 1_u32..9_999_999,
            initiator in "-|[a-z_]{1,50}( \\[[a-z]{1,9}\\])?",
        ) {
            let all = parse(&format!(
                "{subscriber:<20} {activity:<11} {:<15} {:<37} {:<13} {age:>8} {:<26} {initiator}\n",
                "CLEAR", "0x1000-0x2000", "blockable", format!("{comm}[{tid}]")
            ));

            prop_assert_eq!((1, 0), (all.calls.len(), all.unknown));
            let call = &all.calls[0];
            prop_assert_eq!(subscriber, &*call.subscriber);
            prop_assert_eq!(activity, &*call.activity);
            prop_assert_eq!((u64::from(age), tid), (call.age, call.tid));
            prop_assert_eq!(comm.trim_start(), &*call.comm);
        }
    }
}
