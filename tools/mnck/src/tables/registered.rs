// SPDX-License-Identifier: GPL-2.0

//! The table `registered`: all subscriptions of all drivers.

use crate::report::text;

/// What the table says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registered {
    /// The processes that have subscriptions, in the order of the table.
    pub processes: Vec<Process>,
    /// Why there is no more, if the module says so.
    pub failure: Option<String>,
    /// How many lines this tool does not understand.
    pub unknown: u64,
}

/// A process to which drivers have subscribed.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    pub pid: u32,
    pub comm: String,
    pub subscriptions: Vec<Subscription>,
}

/// A subscription of a driver.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// Its table of callbacks, as in `kvm_mmu_notifier_ops [kvm]`.
    pub driver: String,
    /// The addresses and the state of the process, if it is not to the whole process.
    pub interval: Option<Interval>,
    pub callbacks: Vec<String>,
    /// What has registered it, if the module has seen that.
    pub origin: Option<Origin>,
}

/// An interval, and what the core keeps for all intervals of its process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Half-open.  An end of all ones is the end of all addresses.
    pub range: (u64, u64),
    /// Odd while a range is being changed.
    pub sequence: u64,
    /// How many ranges are being changed.
    pub open: u64,
}

/// What has registered a subscription.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    pub function: String,
    pub seconds_ago: u64,
}

impl Process {
    /// Returns the sequence and the open ranges, which all its intervals share.
    pub fn state(&self) -> Option<(u64, u64)> {
        self.subscriptions
            .iter()
            .find_map(|subscription| subscription.interval)
            .map(|interval| (interval.sequence, interval.open))
    }

    /// Returns its name and its id.
    pub fn name(&self) -> String {
        format!("{}[{}]", self.comm, self.pid)
    }
}

/// The name of a process has so many characters in the table, and may have any in it.
const COMM: usize = 15;

/// Reads the table.
pub fn parse(text: &str) -> Registered {
    let mut all = Registered::default();
    let mut rest = text;

    while !rest.is_empty() {
        if let Some((pid, comm, subscription, behind)) = line(rest) {
            match all.processes.last_mut() {
                Some(process) if process.pid == pid => process.subscriptions.push(subscription),
                _ => all.processes.push(Process {
                    pid,
                    comm,
                    subscriptions: vec![subscription],
                }),
            }
            rest = behind;
            continue;
        }
        let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
        if line.starts_with("no list") {
            all.failure = Some(text::printable(line));
        } else if !line.starts_with("DRIVER ") {
            all.unknown += 1;
        }
        rest = behind;
    }
    all
}

/// Returns what the first line says, and what is behind it.
fn line(text: &str) -> Option<(u32, String, Subscription, &str)> {
    let (driver, pid, rest) = driver_and_pid(text)?;
    // A newline in a name does not end the line.
    let (at, _) = rest.char_indices().nth(COMM)?;
    let (comm, rest) = rest.split_at(at);
    let (what, behind) = rest.split_once('\n').unwrap_or((rest, ""));
    let comm = text::printable(comm.trim_end());

    Some((
        pid,
        comm,
        subscription(driver, what.strip_prefix(' ')?)?,
        behind,
    ))
}

/// Splits `ops [module]   142 ` off.
fn driver_and_pid(text: &str) -> Option<(String, u32, &str)> {
    let line = &text[..text.find('\n').unwrap_or(text.len())];
    let mut end = line.find(' ')?;
    let mut rest = line[end..].trim_start();

    if rest.starts_with('[') {
        let module = rest.find(' ')?;
        end = line.len() - rest.len() + module;
        rest = rest[module..].trim_start();
    }
    let pid = &rest[..rest.find(' ')?];
    let behind = line.len() - rest.len() + pid.len() + 1;

    Some((
        text::printable(&line[..end]),
        pid.parse().ok()?,
        &text[behind..],
    ))
}

fn subscription(driver: String, what: &str) -> Option<Subscription> {
    let (what, origin) = match what.split_once(" by ") {
        Some((what, origin)) => (what, Some(self::origin(origin)?)),
        None => (what, None),
    };
    let (interval, callbacks) = if what.starts_with("0x") {
        interval(what)?
    } else {
        (None, what)
    };

    Some(Subscription {
        driver,
        interval,
        callbacks: callbacks
            .split(',')
            .filter(|name| !name.is_empty())
            .map(text::printable)
            .collect(),
        origin,
    })
}

/// Reads `0x1000-0x2000 seq 4 open 0 `; returns it and what is behind it.
fn interval(what: &str) -> Option<(Option<Interval>, &str)> {
    let mut words = what.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let mut number = |name| {
        (words.next()? == name)
            .then(|| words.next()?.parse().ok())
            .flatten()
    };
    let sequence = number("seq")?;
    let open = number("open")?;
    let (start, end) = (text::address(start)?, text::address(end)?);
    // The module adds 1 to the last address.
    let end = if end == 0 { u64::MAX } else { end };

    Some((
        Some(Interval {
            range: (start, end),
            sequence,
            open,
        }),
        words.next().unwrap_or(""),
    ))
}

/// Reads `function [module] 3 s ago`.
fn origin(text: &str) -> Option<Origin> {
    let (function, seconds) = text.strip_suffix(" s ago")?.rsplit_once(' ')?;

    Some(Origin {
        function: text::printable(function),
        seconds_ago: seconds.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TABLE: &str = "\
DRIVER                                           PID COMM            WHAT
kvm_mmu_notifier_ops [kvm]                       142 kvm             start,end,clear_young,release
rxe_mn_ops [rdma_rxe]                            152 odp client      0x300000000-0x300400000 seq 2 open 0 invalidate
dmirror_min_ops [test_hmm]                       152 odp client      0x1000-0x0 seq 2 open 0 invalidate by open [test_hmm] 3 s ago
";

    #[test]
    fn the_table_is_read() {
        let all = parse(TABLE);

        assert_eq!((0, None), (all.unknown, all.failure.clone()));
        let [kvm, odp] = &all.processes[..] else {
            panic!("{all:?}");
        };
        assert_eq!(("kvm[142]", None), (&*kvm.name(), kvm.state()));
        assert_eq!("kvm_mmu_notifier_ops [kvm]", kvm.subscriptions[0].driver);
        assert_eq!(
            vec!["start", "end", "clear_young", "release"],
            kvm.subscriptions[0].callbacks
        );
        assert_eq!(
            ("odp client[152]", Some((2, 0))),
            (&*odp.name(), odp.state())
        );
        assert_eq!(
            Some((0x1000, u64::MAX)),
            odp.subscriptions[1].interval.map(|interval| interval.range)
        );
        assert_eq!(
            Some(Origin {
                function: "open [test_hmm]".into(),
                seconds_ago: 3
            }),
            odp.subscriptions[1].origin
        );
    }

    #[test]
    fn a_name_may_have_any_characters() {
        let all = parse(&format!(
            "built_in_ops {:>35} {:<15} start\nx [y] {:>42} {:<15} 0x0-0x1000 seq 3 open 1 \n",
            7, "a 9 \n\x1b[31m é", 8, "by me 1 s ago"
        ));

        assert_eq!((2, 0), (all.processes.len(), all.unknown));
        assert_eq!("a 9 ??[31m é[7]", all.processes[0].name());
        assert_eq!(vec!["start"], all.processes[0].subscriptions[0].callbacks);
        assert_eq!(Some((3, 1)), all.processes[1].state());
        assert!(all.processes[1].subscriptions[0].callbacks.is_empty());
    }

    #[test]
    fn the_reason_why_there_is_no_list_is_kept() {
        let all = parse("DRIVER PID COMM WHAT\nno list: error -12\n");

        assert_eq!(Some("no list: error -12".into()), all.failure);
        assert_eq!((0, 0), (all.processes.len(), all.unknown));
    }

    #[test]
    fn a_line_of_another_kind_is_counted() {
        let all = parse(&format!("{TABLE}what is this\n\nhalf_a_line [x]   1"));

        assert_eq!((2, 3), (all.processes.len(), all.unknown));
    }

    #[test]
    fn nothing_is_an_empty_list() {
        assert_eq!(Registered::default(), parse(""));
    }

    proptest! {
        #[test]
        fn any_text_does_no_harm(text in "\\PC*|(.|\n)*") {
            parse(&text);
        }

        #[test]
        fn a_table_with_junk_in_it_does_no_harm(at in 0..TABLE.len(), len in 0..99_usize, junk in "(.|\n){0,9}") {
            let end = TABLE.len().min(at + len);
            parse(&format!("{}{junk}{}", &TABLE[..at], &TABLE[end..]));
        }

        #[test]
        fn what_the_module_prints_is_read(
            module in proptest::option::of("[a-z_]{1,50}"),
            pid in 1_u32..=i32::MAX as u32,
            comm in "[^\0]{1,5}",
            range in proptest::option::of(any::<(u64, u64, u64)>()),
            origin in proptest::option::of(any::<u32>()),
        ) {
            let driver = format!("ops{}", module.map_or(String::new(), |name| format!(" [{name}]")));
            let interval = range.map_or(String::new(), |(start, last, seq)| {
                format!("{start:#x}-{:#x} seq {seq} open 1 ", last.wrapping_add(1))
            });
            let by = origin.map_or(String::new(), |age| format!(" by f [m] {age} s ago"));
            let all = parse(&format!("{driver:<44} {pid:>7} {comm:<15} {interval}start,end{by}\n"));

            prop_assert_eq!((1, 0), (all.processes.len(), all.unknown), "{:?}", all);
            let subscription = &all.processes[0].subscriptions[0];
            prop_assert_eq!(pid, all.processes[0].pid);
            prop_assert_eq!(&driver, &subscription.driver);
            prop_assert_eq!(vec!["start", "end"], subscription.callbacks.clone());
            prop_assert_eq!(range.is_some(), subscription.interval.is_some());
            prop_assert_eq!(origin.is_some(), subscription.origin.is_some());
        }
    }
}
