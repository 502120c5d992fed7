// SPDX-License-Identifier: GPL-2.0

//! `mnck list`: which driver has a subscription to which process.

use std::{
    fs,
    io::{self, Write},
    thread,
    time::Duration,
};

use anyhow::{bail, Result};
use serde_json::{json, Value};

use crate::{
    cli::{self, By},
    report::{
        item,
        terminal::{Style, Terminal},
        text,
    },
    tables::{
        self,
        registered::{self, Process, Registered, Subscription},
    },
};

/// How long a sequence that is odd is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Lists the subscriptions.
pub fn list(options: &cli::List) -> Result<u8> {
    let mut all = registered::parse(&tables::read("registered")?);

    if let Some(pid) = options.pid {
        all.processes.retain(|process| process.pid == pid);
        if all.processes.is_empty() && !fs::exists(format!("/proc/{pid}")).unwrap_or(true) {
            bail!("there is no process {pid}");
        }
    }
    let mut stuck = vec![];
    if all.processes.iter().any(is_open) {
        thread::sleep(LOOK);
        let later = registered::parse(&tables::read("registered")?);
        stuck = find_stuck(&all, &later);
    }

    let mut out = io::BufWriter::new(io::stdout().lock());
    let terminal = Terminal::of(out.get_ref());
    match (options.json, options.by) {
        (true, by) => writeln!(out, "{:#}", json(&all, by, &stuck))?,
        (false, _) if all.processes.is_empty() && all.failure.is_none() => match options.pid {
            Some(pid) => writeln!(out, "no driver has a subscription to process {pid}")?,
            None => writeln!(out, "no driver has a subscription to any process")?,
        },
        (false, By::Process) => by_process(&mut out, terminal, &all, &stuck)?,
        (false, By::Driver) => by_driver(&mut out, terminal, &all)?,
    }
    out.flush()?;

    tables::complain_of_unknown(all.unknown);
    match all.failure {
        Some(failure) if all.processes.is_empty() => bail!("{failure}"),
        Some(failure) => bail!("the list is not complete: {failure}"),
        None => Ok(0),
    }
}

/// Returns whether a range of the process is being changed.
fn is_open(process: &Process) -> bool {
    process
        .state()
        .is_some_and(|(sequence, _)| sequence % 2 == 1)
}

/// Returns the processes in which a range is open all the time.
fn find_stuck(before: &Registered, after: &Registered) -> Vec<u32> {
    before
        .processes
        .iter()
        .filter(|process| is_open(process))
        .filter(|process| {
            after.processes.iter().any(|later| {
                let (Some(then), Some(now)) = (process.state(), later.state()) else {
                    return false;
                };
                later.pid == process.pid && then.0 == now.0
            })
        })
        .map(|process| process.pid)
        .collect()
}

fn by_process(
    out: &mut dyn Write,
    terminal: Terminal,
    all: &Registered,
    stuck: &[u32],
) -> io::Result<()> {
    for (nr, process) in all.processes.iter().enumerate() {
        if nr != 0 {
            writeln!(out)?;
        }
        item::heading(out, terminal, &process.name())?;
        if let Some(text) = state(process, stuck) {
            let text = terminal.fold(&format!("  {text}"), 4);
            writeln!(out, "{}", terminal.paint(Style::Bad, &text))?;
        }

        let rows = &process.subscriptions;
        let ranges: Vec<_> = rows.iter().map(memory).collect();
        let driver = item::width(rows.iter().map(|row| &*row.driver));
        let range = item::width(ranges.iter().map(|range| &**range));
        for (row, memory) in rows.iter().zip(&ranges) {
            let head = format!("  {:driver$}  {memory:range$}", row.driver);
            item::print(out, terminal, &head, &detail(row))?;
        }
    }
    Ok(())
}

/// Returns what is said of a process in which a range is open.
fn state(process: &Process, stuck: &[u32]) -> Option<String> {
    let (sequence, open) = process.state()?;
    let open = text::count(open, "range");

    if stuck.contains(&process.pid) {
        Some(format!(
            "sequence {sequence}, odd for more than a second, {open} open: drivers of intervals wait \
             until it is even; for ever, if a range was refused (see Documentation/core-bugs.md)"
        ))
    } else if sequence % 2 == 1 {
        Some(format!(
            "sequence {sequence}, {open} open: memory was being changed just now"
        ))
    } else {
        None
    }
}

/// Returns to what memory a driver has subscribed.
fn memory(subscription: &Subscription) -> String {
    subscription
        .interval
        .map_or("whole process".into(), |interval| {
            text::range(interval.range)
        })
}

/// Returns the callbacks, and what has registered them.
fn detail(subscription: &Subscription) -> String {
    let mut text = subscription.callbacks.join(", ");

    if let Some(origin) = &subscription.origin {
        if !text.is_empty() {
            text += "; ";
        }
        text += &format!("by {}, {} s ago", origin.function, origin.seconds_ago);
    }
    text
}

/// The subscriptions of a driver.
struct Driver<'a> {
    name: &'a str,
    subscriptions: u64,
    processes: Vec<&'a Process>,
}

/// Returns the drivers, that with most processes first.
fn drivers(all: &Registered) -> Vec<Driver<'_>> {
    let mut drivers: Vec<Driver<'_>> = vec![];

    for process in &all.processes {
        for subscription in &process.subscriptions {
            let name = &*subscription.driver;
            let at = drivers
                .iter()
                .position(|driver| driver.name == name)
                .unwrap_or_else(|| {
                    drivers.push(Driver {
                        name,
                        subscriptions: 0,
                        processes: vec![],
                    });
                    drivers.len() - 1
                });
            let driver = &mut drivers[at];
            driver.subscriptions += 1;
            if driver.processes.last().map(|last| last.pid) != Some(process.pid) {
                driver.processes.push(process);
            }
        }
    }
    drivers.sort_by_key(|driver| std::cmp::Reverse((driver.processes.len(), driver.subscriptions)));
    drivers
}

fn by_driver(out: &mut dyn Write, terminal: Terminal, all: &Registered) -> io::Result<()> {
    let drivers = drivers(all);
    let width = item::width(drivers.iter().map(|driver| driver.name).chain(["DRIVER"]));

    item::heading(
        out,
        terminal,
        &format!(
            "{:width$} {:>9} {:>13}",
            "DRIVER", "PROCESSES", "SUBSCRIPTIONS"
        ),
    )?;
    for driver in drivers {
        let names: Vec<_> = driver.processes.iter().map(|p| p.name()).collect();
        let head = format!(
            "{:width$} {:>9} {:>13}",
            driver.name,
            names.len(),
            driver.subscriptions
        );
        item::print(out, terminal, &head, &names.join(", "))?;
    }
    Ok(())
}

fn json(all: &Registered, by: By, stuck: &[u32]) -> Value {
    let mut value = json!({ "mnck": 1, "command": "list" });

    match by {
        By::Process => {
            let processes: Vec<_> = all
                .processes
                .iter()
                .map(|process| process_json(process, stuck))
                .collect();
            value["processes"] = processes.into();
        }
        By::Driver => {
            let drivers: Vec<_> = drivers(all)
                .iter()
                .map(|driver| {
                    let id =
                        |process: &&Process| json!({ "pid": process.pid, "comm": process.comm });
                    json!({
                        "driver": driver.name,
                        "subscriptions": driver.subscriptions,
                        "processes": driver.processes.iter().map(id).collect::<Vec<_>>(),
                    })
                })
                .collect();
            value["drivers"] = drivers.into();
        }
    }
    value
}

fn process_json(process: &Process, stuck: &[u32]) -> Value {
    let subscriptions: Vec<_> = process
        .subscriptions
        .iter()
        .map(subscription_json)
        .collect();
    let mut value = json!({
        "pid": process.pid,
        "comm": process.comm,
        "subscriptions": subscriptions,
    });

    if let Some((sequence, open)) = process.state() {
        value["sequence"] = sequence.into();
        value["open_ranges"] = open.into();
        value["is_stuck"] = stuck.contains(&process.pid).into();
    }
    value
}

fn subscription_json(subscription: &Subscription) -> Value {
    let mut value = json!({
        "driver": subscription.driver,
        "kind": if subscription.interval.is_some() { "interval" } else { "process" },
        "callbacks": subscription.callbacks,
    });

    if let Some(interval) = subscription.interval {
        let (start, end) = interval.range;
        value["start"] = format!("{start:#x}").into();
        value["end"] = format!("{end:#x}").into();
    }
    if let Some(origin) = &subscription.origin {
        value["registered_by"] = origin.function.as_str().into();
        value["age_ns"] = (origin.seconds_ago.saturating_mul(1_000_000_000)).into();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::schema::documented;

    const TABLE: &str = "\
DRIVER                                           PID COMM            WHAT
kvm_mmu_notifier_ops [kvm]                       142 kvm             start,end,clear_flush_young,clear_young,test_young,release
clean_ops [notifier_mistakes]                    152 client          start,end by begin_subscription [notifier_mistakes] 3 s ago
rxe_mn_ops [rdma_rxe]                            152 client          0x300000000-0x300400000 seq 5 open 1 invalidate
rxe_mn_ops [rdma_rxe]                            152 client          0x500000000-0x500400000 seq 5 open 1 invalidate
kvm_mmu_notifier_ops [kvm]                       160 kvm             start
";

    fn text(print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = vec![];
        print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_process_has_its_drivers_below_it() {
        let mut all = registered::parse(TABLE);
        all.processes.truncate(2);

        assert_eq!(
            "\
kvm[142]
  kvm_mmu_notifier_ops [kvm]  whole process
      start, end, clear_flush_young, clear_young, test_young, release

client[152]
  sequence 5, 1 range open: memory was being changed just now
  clean_ops [notifier_mistakes]  whole process
      start, end; by begin_subscription [notifier_mistakes], 3 s ago
  rxe_mn_ops [rdma_rxe]          0x300000000-0x300400000  invalidate
  rxe_mn_ops [rdma_rxe]          0x500000000-0x500400000  invalidate
",
            text(|out| by_process(out, Terminal::of_width(80), &all, &[]))
        );
    }

    #[test]
    fn a_pipe_gets_a_line_for_each() {
        let all = registered::parse(TABLE);
        let text = text(|out| by_process(out, Terminal::plain(), &all, &[]));

        assert!(text
            .contains("clean_ops [notifier_mistakes]  whole process            start, end; by "));
        // The names of the processes, a line for each subscription, and the state of one process.
        assert_eq!(3 + 5 + 1 + 2, text.lines().count(), "{text}");
    }

    #[test]
    fn a_driver_has_its_processes_behind_it() {
        let all = registered::parse(TABLE);

        assert_eq!(
            "\
DRIVER                        PROCESSES SUBSCRIPTIONS
kvm_mmu_notifier_ops [kvm]            2             2  kvm[142], kvm[160]
rxe_mn_ops [rdma_rxe]                 1             2  client[152]
clean_ops [notifier_mistakes]         1             1  client[152]
",
            text(|out| by_driver(out, Terminal::of_width(80), &all))
        );
    }

    #[test]
    fn a_range_that_stays_open_is_stuck() {
        let before = registered::parse(TABLE);
        let other = registered::parse(&TABLE.replace("seq 5", "seq 7"));

        assert_eq!(vec![152], find_stuck(&before, &before));
        assert!(find_stuck(&before, &other).is_empty());
        assert!(find_stuck(&before, &Registered::default()).is_empty());
        let said = state(&before.processes[1], &[152]).unwrap();
        assert!(said.starts_with("sequence 5, odd for more than a second, 1 range open: "));
    }

    #[test]
    fn json_has_all_of_a_subscription() {
        let all = registered::parse(TABLE);
        let value = documented(json(&all, By::Process, &[152]));

        assert_eq!(
            json!({
                "pid": 152,
                "comm": "client",
                "sequence": 5,
                "open_ranges": 1,
                "is_stuck": true,
                "subscriptions": [
                    {
                        "driver": "clean_ops [notifier_mistakes]",
                        "kind": "process",
                        "callbacks": ["start", "end"],
                        "registered_by": "begin_subscription [notifier_mistakes]",
                        "age_ns": 3_000_000_000_u64,
                    },
                    {
                        "driver": "rxe_mn_ops [rdma_rxe]",
                        "kind": "interval",
                        "callbacks": ["invalidate"],
                        "start": "0x300000000",
                        "end": "0x300400000",
                    },
                    {
                        "driver": "rxe_mn_ops [rdma_rxe]",
                        "kind": "interval",
                        "callbacks": ["invalidate"],
                        "start": "0x500000000",
                        "end": "0x500400000",
                    },
                ],
            }),
            value["processes"][1]
        );
        let value = documented(json(&all, By::Driver, &[]));
        assert_eq!(
            2,
            value["drivers"][0]["processes"].as_array().unwrap().len()
        );
    }
}
