// SPDX-License-Identifier: GPL-2.0

//! The report on a program that was run under watch.

use std::io::{self, Write};

use serde_json::{json, Value};

use crate::{
    device::Summary,
    record::Unseen,
    report::{
        findings::{Finding, Findings},
        json, table,
        terminal::{Style, Terminal},
        text,
    },
};

/// How a program has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// With this status.
    Exited(u8),
    /// By this signal.
    Killed(i32),
}

impl End {
    /// Returns the exit status that a shell would give it.
    pub fn status(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Killed(signal) => 128_u8.saturating_add(signal as u8),
        }
    }
}

/// What was seen while a program ran.
pub struct Report {
    /// The program and its arguments.
    pub command: Vec<String>,
    pub end: End,
    pub findings: Findings,
    pub summary: Summary,
}

impl Report {
    /// Prints the report for people: the culprits first.
    ///
    /// # Errors
    ///
    /// `out` can't be written.
    pub fn print(&self, out: &mut dyn Write, terminal: Terminal) -> io::Result<()> {
        let broken: Vec<_> = self.findings.broken().collect();
        let slow: Vec<_> = self.findings.slow().collect();
        let is_idle = self.is_idle();

        if let End::Killed(signal) = self.end {
            writeln!(
                out,
                "\nmnck: {} was killed by signal {signal}",
                self.command[0]
            )?;
        } else {
            writeln!(out)?;
        }
        let (style, verdict) = match broken.len() {
            0 if is_idle => (
                Style::Good,
                "no driver was called for this program".to_owned(),
            ),
            0 if !self.is_complete() => (
                Style::Heading,
                "no broken rule was seen, but not all was seen".to_owned(),
            ),
            0 => (Style::Good, "no driver broke a rule".to_owned()),
            1 => (Style::Bad, "a rule was broken".to_owned()),
            n => (Style::Bad, format!("rules were broken in {n} ways")),
        };
        writeln!(out, "mnck: {}", terminal.paint(style, &verdict))?;
        print_findings(out, terminal, &broken)?;
        if !slow.is_empty() {
            writeln!(out, "\nSlow callbacks, which break no rule:")?;
            print_findings(out, terminal, &slow)?;
        }
        if !is_idle {
            writeln!(out)?;
            table::callbacks(out, terminal, &self.summary.callbacks)?;
        }
        print_missed(out, terminal, &self.summary.unseen)
    }

    /// Returns the report for programs.
    pub fn json(&self) -> Value {
        let (callbacks, missed) = json::summary(&self.summary);

        json!({
            "mnck": 1,
            "command": "run",
            "arguments": self.command,
            "exit": match self.end {
                End::Exited(status) => json!({ "status": status }),
                End::Killed(signal) => json!({ "signal": signal }),
            },
            "broken": json::broken(&self.findings),
            "slow": json::slow(&self.findings),
            "callbacks": callbacks,
            "missed": missed,
        })
    }

    fn is_idle(&self) -> bool {
        self.summary
            .callbacks
            .iter()
            .all(|callback| callback.calls == 0)
    }

    /// Returns why it is not certain that no rule was broken, if so.
    pub fn gap(&self) -> Option<&'static str> {
        if !self.is_complete() {
            Some("not all was seen")
        } else if self.is_idle() {
            Some("no driver was called")
        } else {
            None
        }
    }

    /// Returns whether all was seen.
    pub fn is_complete(&self) -> bool {
        self.summary.unseen.sentences().is_empty()
    }
}

/// Prints findings, each with its first time.
pub fn print_findings(
    out: &mut dyn Write,
    terminal: Terminal,
    findings: &[&Finding],
) -> io::Result<()> {
    for finding in findings {
        let event = &finding.first;
        let times = match (finding.count, finding.longest) {
            (1, _) => String::new(),
            (count, 0) => format!(" ({count} times)"),
            (count, longest) => {
                format!(" ({count} times, at most for {})", text::time(longest))
            }
        };
        let driver = terminal.paint(Style::Heading, &event.driver);
        writeln!(out, "\n  {}: {driver}{times}", event.rule)?;
        let how = format!("      {}", text::circumstances(event));
        writeln!(out, "{}", terminal.fold(&how, 6))?;
    }
    Ok(())
}

/// Prints what was not seen.
pub fn print_missed(out: &mut dyn Write, terminal: Terminal, unseen: &Unseen) -> io::Result<()> {
    let missed = unseen.sentences();

    if missed.is_empty() {
        return writeln!(out, "\nmnck: nothing was missed");
    }
    writeln!(
        out,
        "\nmnck: {}",
        terminal.paint(Style::Bad, "not all was seen:")
    )?;
    for sentence in missed {
        writeln!(out, "{}", terminal.fold(&format!("  {sentence}"), 4))?;
    }
    Ok(())
}
