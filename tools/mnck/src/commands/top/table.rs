// SPDX-License-Identifier: GPL-2.0

//! What happened between two summaries.

use std::{
    cmp::Reverse,
    io::{self, Write},
    time::Duration,
};

use crate::{
    record::{Callback, Unseen},
    report::{
        findings::Findings,
        histogram::percentile,
        item,
        terminal::{Style, Terminal},
        text,
    },
};

/// How wide the numbers are.
const NUMBERS: usize = 47;

/// The calls of a callback between two summaries.
#[derive(Debug, PartialEq)]
pub struct Interval {
    pub name: String,
    pub calls: u64,
    pub refusals: u64,
    pub histogram: Vec<u64>,
    /// The longest time, in ns.  The end of a bucket, if an earlier call took longer.
    pub longest: u64,
}

impl Interval {
    /// Returns that of all callbacks that were called, the busiest first.
    pub fn all(before: &[Callback], after: &[Callback]) -> Vec<Self> {
        let mut all: Vec<_> = after
            .iter()
            .map(|now| {
                let then = before
                    .iter()
                    .find(|then| (&then.name, &then.callback) == (&now.name, &now.callback));
                Self::between(then, now)
            })
            .filter(|interval| interval.calls != 0)
            .collect();

        all.sort_by_key(|interval| Reverse(interval.calls));
        all
    }

    fn between(before: Option<&Callback>, now: &Callback) -> Self {
        // Its module may have been removed and loaded again.
        let before = before.filter(|before| before.calls <= now.calls);
        let histogram: Vec<_> = now
            .histogram
            .iter()
            .enumerate()
            .map(|(at, count)| count.saturating_sub(before.map_or(0, |b| b.histogram[at])))
            .collect();
        let longest = match before {
            Some(before) if before.longest >= now.longest => {
                percentile(&histogram, now.longest, 100)
            }
            _ => now.longest,
        };

        Self {
            name: now.name.clone(),
            calls: now.calls - before.map_or(0, |before| before.calls),
            refusals: now
                .refusals
                .saturating_sub(before.map_or(0, |before| before.refusals)),
            histogram,
            longest,
        }
    }
}

/// What is shown at one time.
pub struct Table<'a> {
    pub rows: Vec<Interval>,
    /// How long the interval was.
    pub time: Duration,
    /// How long the watch has been.
    pub since_begin: Duration,
    pub findings: &'a Findings,
    pub unseen: &'a Unseen,
}

impl Table<'_> {
    /// Prints all of it.
    ///
    /// # Errors
    ///
    /// `out` can't be written.
    pub fn print(&self, out: &mut dyn Write, terminal: Terminal) -> io::Result<()> {
        self.print_headline(out, terminal)?;
        if self.rows.is_empty() {
            writeln!(out, "no callback was called")?;
        } else {
            self.print_rows(out, terminal)?;
        }
        self.print_findings(out, terminal)
    }

    fn print_headline(&self, out: &mut dyn Write, terminal: Terminal) -> io::Result<()> {
        let calls = self
            .rows
            .iter()
            .fold(0_u64, |sum, row| sum.saturating_add(row.calls));
        let broken: u64 = self.findings.broken().map(|finding| finding.count).sum();
        let headline = format!(
            "watched for {} s: {} calls/s, {}",
            self.since_begin.as_secs(),
            rate(calls, self.time),
            text::count(broken, "violation"),
        );

        item::heading(out, terminal, &headline)?;
        let unseen = self.unseen.sentences();
        if unseen.is_empty() {
            return Ok(());
        }
        let unseen = terminal.fold(&format!("not seen: {}", unseen.join("; ")), 2);
        writeln!(out, "{}", terminal.paint(Style::Bad, &unseen))
    }

    fn print_rows(&self, out: &mut dyn Write, terminal: Terminal) -> io::Result<()> {
        let room = terminal
            .width
            .map_or(usize::MAX, |width| width.saturating_sub(NUMBERS + 1).max(8));
        let width =
            item::width(self.rows.iter().map(|row| &*row.name).chain(["CALLBACK"])).min(room);

        let heading = format!(
            "{:width$} {:>8} {:>7} {:>7} {:>7} {:>7} {:>6}",
            "CALLBACK", "CALLS/S", "REFUSED", "P50", "P99", "MAX", "BROKEN"
        );
        item::heading(out, terminal, &heading)?;
        for row in &self.rows {
            let percentile =
                |percent| text::short_time(percentile(&row.histogram, row.longest, percent));
            let line = format!(
                "{:width$} {:>8} {:>7} {:>7} {:>7} {:>7} {:>6}",
                text::cut_function(&row.name, width),
                rate(row.calls, self.time),
                row.refusals,
                percentile(50),
                percentile(99),
                text::short_time(row.longest),
                self.broken(&row.name),
            );
            let line = terminal.cut(&line);

            match self.broken(&row.name) {
                0 => writeln!(out, "{line}")?,
                _ => writeln!(out, "{}", terminal.paint(Style::Bad, &line))?,
            }
        }
        Ok(())
    }

    /// Returns how often a callback broke a rule since the watch began.
    fn broken(&self, name: &str) -> u64 {
        self.findings
            .broken()
            .filter(|finding| finding.first.driver == name)
            .map(|finding| finding.count)
            .sum()
    }

    /// Prints which rules were broken.
    fn print_findings(&self, out: &mut dyn Write, terminal: Terminal) -> io::Result<()> {
        for (nr, finding) in self.findings.broken().enumerate() {
            if nr == 0 {
                writeln!(out)?;
            }
            let line = format!(
                "BROKEN {}: {}: {} ({})",
                finding.first.rule,
                finding.first.driver,
                finding.first.what,
                text::count(finding.count, "time")
            );
            let line = terminal.fold(&line, 4);
            writeln!(out, "{}", terminal.paint(Style::Bad, &line))?;
        }
        Ok(())
    }
}

/// Returns how many calls there were in a second.
fn rate(calls: u64, time: Duration) -> String {
    let rate = calls as f64 / time.as_secs_f64().max(1e-9);

    if calls != 0 && rate < 9.95 {
        format!("{rate:.1}")
    } else {
        format!("{rate:.0}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{Event, Record};

    fn callback(name: &str, calls: u64, longest: u64) -> Callback {
        let mut histogram = [0; 40];
        histogram[10] = calls;
        Callback {
            name: name.into(),
            callback: "start".into(),
            calls,
            refusals: calls / 10,
            longest,
            missed: 0,
            histogram,
        }
    }

    fn print(rows: Vec<Interval>, findings: &Findings, unseen: &Unseen, width: usize) -> String {
        let mut out = vec![];
        let table = Table {
            rows,
            time: Duration::from_secs(2),
            since_begin: Duration::from_millis(12_300),
            findings,
            unseen,
        };
        table.print(&mut out, Terminal::of_width(width)).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn nothing_unseen() -> Unseen {
        bytemuck::Zeroable::zeroed()
    }

    #[test]
    fn only_the_calls_since_the_last_table_count() {
        let before = [callback("idle", 5, 9000), callback("busy", 100, 9000)];
        let after = [
            callback("idle", 5, 9000),
            callback("new", 3, 1500),
            callback("busy", 300, 9000),
        ];
        let all = Interval::all(&before, &after);

        let rows: Vec<_> = all
            .iter()
            .map(|row| (&*row.name, row.calls, row.refusals, row.longest))
            .collect();
        // The longest call of all was before: this one took less than 2048 ns.
        assert_eq!(vec![("busy", 200, 20, 2048), ("new", 3, 0, 1500)], rows);
    }

    #[test]
    fn a_longer_call_is_exact() {
        let all = Interval::all(&[callback("f", 1, 1100)], &[callback("f", 2, 1700)]);

        assert_eq!(1700, all[0].longest);
    }

    #[test]
    fn a_module_that_was_loaded_again_begins_anew() {
        let all = Interval::all(&[callback("f", 90, 1100)], &[callback("f", 20, 1100)]);

        assert_eq!((20, 2), (all[0].calls, all[0].refusals));
    }

    #[test]
    fn the_busiest_comes_first_and_the_broken_rules_last() {
        let mut findings = Findings::default();
        let violation = Record::Violation(Event {
            rule: "failure",
            driver: "busy_start [bad]".into(),
            what: "start failed with -22".into(),
            is_broken: true,
            ..Default::default()
        });
        findings.add(&violation);
        findings.add(&violation);
        let rows = Interval::all(
            &[],
            &[
                callback("calm [m]", 3, 1500),
                callback("busy_start [bad]", 40, 1500),
            ],
        );
        let mut unseen = nothing_unseen();
        unseen.calls = 7;

        assert_eq!(
            "\
watched for 12 s: 22 calls/s, 2 violations
not seen: 7 calls that the kernel did not report
CALLBACK          CALLS/S REFUSED     P50     P99     MAX BROKEN
busy_start [bad]       20       4  1.50us  1.50us  1.50us      2
calm [m]              1.5       0  1.50us  1.50us  1.50us      0

BROKEN failure: busy_start [bad]: start failed with -22 (2 times)
",
            print(rows, &findings, &unseen, 80)
        );
    }

    #[test]
    fn nothing_is_a_sentence() {
        assert_eq!(
            "watched for 12 s: 0 calls/s, 0 violations\nno callback was called\n",
            print(vec![], &Findings::default(), &nothing_unseen(), 80)
        );
    }

    proptest! {
        #[test]
        fn any_summaries_fit_the_terminal(
            before in any::<[u64; 44]>(),
            after in any::<[u64; 44]>(),
            name in "\\PC{0,100}( \\[\\PC{0,60}\\])?",
            width in 20_usize..120,
        ) {
            let callback = |numbers: [u64; 44]| Callback {
                name: name.clone(),
                callback: "start".into(),
                calls: numbers[0],
                refusals: numbers[1],
                longest: numbers[2],
                missed: numbers[3],
                histogram: numbers[4..].try_into().unwrap(),
            };
            let rows = Interval::all(&[callback(before)], &[callback(after)]);
            let text = print(rows, &Findings::default(), &nothing_unseen(), width);

            for line in text.lines().filter(|line| !line.starts_with("no callback")) {
                prop_assert!(line.chars().count() <= width, "{}", line);
            }
        }
    }
}
