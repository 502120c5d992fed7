// SPDX-License-Identifier: GPL-2.0

//! The report on a program whose memory was taken away.

use std::io::{self, Write};

use serde_json::{json, Value};

use crate::{
    cli,
    record::{Callback, Record, Unseen},
    report::{
        findings::Findings,
        histogram::percentile,
        json,
        of_run::{print_findings, print_missed},
        table,
        terminal::{Style, Terminal},
        text, //
    },
};

/// What came of the reaping.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// All memory was freed that can be.
    Freed,
    /// Not all, since a driver refused.
    Refused,
    /// The user did not wait for the end.
    Unfinished,
}

/// What was found before the reaping, in it, and after it.
#[derive(Debug, Default)]
pub struct Phases {
    before: Findings,
    during: Findings,
    after: Findings,
    phase: usize,
}

impl Phases {
    /// Adds records of this phase.
    pub fn add(&mut self, records: &[Record]) {
        let findings = match self.phase {
            0 => &mut self.before,
            1 => &mut self.during,
            _ => &mut self.after,
        };

        records.iter().for_each(|record| findings.add(record));
    }

    /// Begins the next phase.
    pub fn next(&mut self) {
        self.phase += 1;
    }

    fn is_clean(&self) -> bool {
        [&self.before, &self.during, &self.after]
            .iter()
            .all(|findings| findings.is_clean())
    }
}

/// What was seen while a program was reaped.
pub struct Report {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Whether the kernel's thread `oom_reaper` has done it; else process_mrelease(2).
    pub is_by_reaper: bool,
    pub outcome: Outcome,
    /// How often it was tried, if that is known.
    pub tries: Option<u32>,
    /// Threads of the program that did not die.
    pub unstopped: Vec<u32>,
    /// Whether it has ended when its exit was not held any more.
    pub has_ended: bool,
    /// Its anonymous memory before and after the reaping, in bytes.
    pub before: u64,
    pub after: u64,
    pub phases: Phases,
    /// The callbacks, with their calls in the reaping.
    pub callbacks: Vec<Callback>,
    pub unseen: Unseen,
}

impl Report {
    /// Returns the exit status of the command.
    pub fn status(&self) -> u8 {
        match self.outcome {
            _ if !self.phases.is_clean() => cli::BROKEN,
            Outcome::Unfinished => crate::FAILED,
            _ if !self.has_ended => crate::FAILED,
            Outcome::Freed | Outcome::Refused => 0,
        }
    }

    /// Prints the report for people: the culprits first.
    ///
    /// # Errors
    ///
    /// `out` can't be written.
    pub fn print(&self, out: &mut dyn Write, terminal: Terminal) -> io::Result<()> {
        let Phases {
            before,
            during,
            after,
            ..
        } = &self.phases;
        let (style, verdict) = self.verdict();

        writeln!(out, "\nmnck: {}", terminal.paint(style, &verdict))?;
        print_findings(out, terminal, &during.broken().collect::<Vec<_>>())?;
        for callback in self.refusing() {
            writeln!(
                out,
                "\n  refused: {} ({} of {})",
                terminal.paint(Style::Heading, &callback.name),
                callback.refusals,
                text::count(callback.calls, "call"),
            )?;
        }
        writeln!(out, "\n{}", terminal.fold(&self.freed(), 2))?;
        if self.is_idle() {
            let hint = format!(
                "  {} itself has no notifier; the programs that it has started are not reaped, and still run",
                self.command[0]
            );
            writeln!(out, "{}", terminal.fold(&hint, 4))?;
        }
        if !self.unstopped.is_empty() {
            let threads: Vec<_> = self.unstopped.iter().map(u32::to_string).collect();
            let threads = format!("  threads that did not die: {}", threads.join(", "));
            writeln!(out, "{}", terminal.fold(&threads, 4))?;
        }
        if !self.has_ended && self.outcome != Outcome::Unfinished {
            let hint = "  the program does not end: 'mnck ps' shows what it waits for";
            writeln!(out, "{}", terminal.fold(hint, 4))?;
        }
        for (heading, findings) in [("Before that:", before), ("After that:", after)] {
            if !findings.is_clean() {
                writeln!(out, "\n{heading}")?;
                print_findings(out, terminal, &findings.broken().collect::<Vec<_>>())?;
            }
        }
        if !self.is_idle() {
            writeln!(out)?;
            table::callbacks(out, terminal, &self.callbacks)?;
        }
        print_missed(out, terminal, &self.unseen)
    }

    fn verdict(&self) -> (Style, String) {
        let during = self.phases.during.broken().count();

        match (during, self.outcome) {
            (1, _) => (Style::Bad, "a rule was broken in the reaping".to_owned()),
            (2.., _) => (
                Style::Bad,
                format!("rules were broken in {during} ways in the reaping"),
            ),
            (0, Outcome::Unfinished) => (
                Style::Bad,
                "interrupted before the reaping had ended".to_owned(),
            ),
            _ if !self.phases.is_clean() => (
                Style::Bad,
                "rules were broken, but not in the reaping".to_owned(),
            ),
            (0, Outcome::Refused) => (
                Style::Bad,
                "memory was not freed, since a driver refused, which breaks no rule".to_owned(),
            ),
            (0, Outcome::Freed) if self.is_idle() => (
                Style::Good,
                "the memory was freed, and no driver was called".to_owned(),
            ),
            (0, Outcome::Freed) => (
                Style::Good,
                "the memory was freed, and no driver broke a rule".to_owned(),
            ),
        }
    }

    /// Returns how much memory was freed, and how.
    fn freed(&self) -> String {
        let by = match self.is_by_reaper {
            true => "the kernel's oom_reaper",
            false => "process_mrelease(2)",
        };
        let tries = match self.tries {
            Some(tries @ 2..) => format!(" in {tries} tries"),
            _ => String::new(),
        };

        format!(
            "mnck: {by} freed {} of {} of anonymous memory{tries}",
            size(self.before.saturating_sub(self.after)),
            size(self.before),
        )
    }

    fn is_idle(&self) -> bool {
        self.callbacks.iter().all(|callback| callback.calls == 0)
    }

    fn refusing(&self) -> impl Iterator<Item = &Callback> {
        self.callbacks
            .iter()
            .filter(|callback| callback.refusals != 0)
    }

    /// Returns the report for programs.
    pub fn json(&self) -> Value {
        let called = self.callbacks.iter().filter(|callback| callback.calls != 0);

        json!({
            "mnck": 1,
            "command": "oom",
            "arguments": self.command,
            "by": if self.is_by_reaper { "oom_reaper" } else { "process_mrelease" },
            "outcome": match self.outcome {
                Outcome::Freed => "freed",
                Outcome::Refused => "refused",
                Outcome::Unfinished => "unfinished",
            },
            "tries": self.tries,
            "anonymous_before_bytes": self.before,
            "anonymous_after_bytes": self.after,
            "unstopped_threads": self.unstopped,
            "ended": self.has_ended,
            "broken": json::broken(&self.phases.during),
            "broken_before": json::broken(&self.phases.before),
            "broken_after": json::broken(&self.phases.after),
            "callbacks": called.map(json::callback).collect::<Vec<_>>(),
            "missed": self.unseen.sentences(),
        })
    }
}

/// Returns the calls between two summaries.
pub fn since(after: &[Callback], before: &[Callback]) -> Vec<Callback> {
    after
        .iter()
        .map(|after| {
            let is_same = |before: &&Callback| {
                (&before.name, &before.callback) == (&after.name, &after.callback)
            };
            match before.iter().find(is_same) {
                Some(before) => difference(after, before),
                None => after.clone(),
            }
        })
        .collect()
}

fn difference(after: &Callback, before: &Callback) -> Callback {
    let mut since = after.clone();

    for (count, before) in since.histogram.iter_mut().zip(&before.histogram) {
        *count = count.saturating_sub(*before);
    }
    since.calls = after.calls.saturating_sub(before.calls);
    since.refusals = after.refusals.saturating_sub(before.refusals);
    since.missed = after.missed.saturating_sub(before.missed);
    // If an earlier call took longer, the longest since then is known to within a factor of two.
    since.longest = percentile(&since.histogram, after.longest, 100);
    since
}

/// Returns a number of bytes with a unit.
fn size(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    match bytes {
        GIB.. => format!("{:.1} GiB", bytes as f64 / GIB as f64),
        MIB.. => format!("{:.1} MiB", bytes as f64 / MIB as f64),
        _ => format!("{} KiB", bytes / 1024),
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;
    use crate::{record::Event, report::schema::documented};

    fn callback(calls: u64, refusals: u64, longest: u64) -> Callback {
        let mut histogram = [0; 40];
        histogram[longest.ilog2() as usize] = calls;
        Callback {
            name: "odp_start [odp]".into(),
            callback: "start".into(),
            calls,
            refusals,
            longest,
            missed: 0,
            histogram,
        }
    }

    fn report(outcome: Outcome, callbacks: Vec<Callback>) -> Report {
        Report {
            command: vec!["client".into()],
            is_by_reaper: false,
            outcome,
            tries: Some(1),
            unstopped: vec![],
            has_ended: true,
            before: 4_300_800,
            after: 0,
            phases: Phases::default(),
            callbacks,
            unseen: Unseen::zeroed(),
        }
    }

    fn violation() -> Record {
        Record::Violation(Event {
            rule: "non-block",
            driver: "sleepy_start [odp]".into(),
            what: "start slept 1 time".into(),
            comm: "mnck".into(),
            tid: 7,
            is_broken: true,
            ..Default::default()
        })
    }

    fn text(report: &Report) -> String {
        let mut out = vec![];
        report.print(&mut out, Terminal::plain()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_clean_reaping() {
        let clean = report(Outcome::Freed, vec![callback(23, 0, 1500)]);

        assert_eq!(
            "\nmnck: the memory was freed, and no driver broke a rule\n\n\
             mnck: process_mrelease(2) freed 4.1 MiB of 4.1 MiB of anonymous memory\n\n\
             CALLBACK           CALLS REFUSED     P50     P99     MAX\n\
             odp_start [odp]       23       0  1.50us  1.50us  1.50us\n\n\
             mnck: nothing was missed\n",
            text(&clean)
        );
        assert_eq!(0, clean.status());
    }

    #[test]
    fn a_refusal_breaks_no_rule() {
        let refused = Report {
            tries: Some(10),
            after: 4_300_800,
            ..report(Outcome::Refused, vec![callback(230, 230, 1500)])
        };
        let text = text(&refused);

        assert!(
            text.starts_with(
                "\nmnck: memory was not freed, since a driver refused, which breaks no rule\n\n  \
                 refused: odp_start [odp] (230 of 230 calls)\n\n\
                 mnck: process_mrelease(2) freed 0 KiB of 4.1 MiB of anonymous memory in 10 tries\n"
            ),
            "{text}"
        );
        assert_eq!(0, refused.status());
        assert_eq!("refused", documented(refused.json())["outcome"]);
    }

    #[test]
    fn a_broken_rule_comes_first() {
        let mut broken = report(Outcome::Freed, vec![]);
        broken.phases.next();
        broken.phases.add(&[violation()]);

        assert!(text(&broken).starts_with(
            "\nmnck: a rule was broken in the reaping\n\n  non-block: sleepy_start [odp]\n"
        ));
        assert_eq!(cli::BROKEN, broken.status());
        assert_eq!("non-block", documented(broken.json())["broken"][0]["rule"]);
    }

    #[test]
    fn a_rule_that_is_broken_earlier_or_later_counts() {
        for phases in [0, 2] {
            let mut broken = report(Outcome::Unfinished, vec![]);
            assert_eq!(crate::FAILED, broken.status());
            (0..phases).for_each(|_| broken.phases.next());
            broken.phases.add(&[violation()]);

            let heading = ["Before that:", "", "After that:"][phases];
            assert!(text(&broken).contains(&format!("\n\n{heading}\n\n  non-block: ")));
            assert_eq!(cli::BROKEN, broken.status());
        }
    }

    #[test]
    fn the_calls_between_two_summaries_are_counted() {
        let mut later = callback(5, 2, 1500);
        later.histogram[12] = 1;
        later.calls = 6;
        later.longest = 6000;

        let calls = since(&[later.clone()], &[callback(4, 1, 1500)]);
        assert_eq!(
            (2, 1, 6000),
            (calls[0].calls, calls[0].refusals, calls[0].longest)
        );
        assert_eq!(vec![later.clone()], since(&[later.clone()], &[]));
        // The longest was earlier.
        let calls = since(
            &[later.clone()],
            &[Callback {
                histogram: {
                    let mut h = later.histogram;
                    h[10] = 0;
                    h
                },
                ..later
            }],
        );
        assert_eq!(2048, calls[0].longest);
    }

    #[test]
    fn a_size_has_a_unit() {
        for (bytes, text) in [
            (0, "0 KiB"),
            (1023 << 10, "1023 KiB"),
            (4 << 20, "4.0 MiB"),
            (3 << 29, "1.5 GiB"),
        ] {
            assert_eq!(text, size(bytes));
        }
    }
}
