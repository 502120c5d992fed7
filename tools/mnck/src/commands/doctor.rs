// SPDX-License-Identifier: GPL-2.0

//! `mnck doctor`: says whether the drivers of this kernel can be watched, and what to do if not.

mod checks;
mod facts;
mod parse;

use std::io::{self, Write};

use anyhow::Result;
use serde_json::{json, Value};

use crate::{
    cli,
    report::terminal::{unless_closed, Style, Terminal},
};

use checks::{Check, State};
use facts::Facts;

/// The exit status if the drivers can't be watched.
const CANNOT: u8 = 1;

/// Where the second column and the third begin.
const COLUMNS: [usize; 2] = [9, 20];

/// Prints what was found; returns whether the drivers can be watched.
pub fn doctor(options: &cli::Doctor) -> Result<u8> {
    let checks = checks::all(&Facts::collect());
    let mut out = io::stdout().lock();

    unless_closed(if options.json {
        writeln!(out, "{:#}", to_json(&checks))
    } else {
        let terminal = Terminal::of(&out);
        print(&mut out, terminal, &checks)
    })?;
    Ok(if can_watch(&checks) { 0 } else { CANNOT })
}

fn can_watch(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.state != State::Problem)
}

fn print(out: &mut dyn Write, terminal: Terminal, checks: &[Check]) -> io::Result<()> {
    let [second, third] = COLUMNS;
    let folded = |text: &str| {
        let indented = format!("{:third$}{text}", "");
        terminal.fold(&indented, third)[third..].to_owned()
    };

    for check in checks {
        let state = format!("{:second$}", check.state.name());
        let state = match check.state {
            State::Ok => terminal.paint(Style::Good, &state),
            State::Note => state,
            State::Problem => terminal.paint(Style::Bad, &state),
        };
        writeln!(
            out,
            "{state}{:1$}{2}",
            check.name,
            third - second,
            folded(&check.found)
        )?;
        if let Some(advice) = &check.advice {
            writeln!(out, "{:third$}{}", "", folded(advice))?;
        }
    }
    let problems = checks
        .iter()
        .filter(|check| check.state == State::Problem)
        .count();
    let (style, verdict) = match problems {
        0 => (
            Style::Good,
            "the drivers of this kernel can be watched".to_owned(),
        ),
        1 => (
            Style::Bad,
            "the drivers can't be watched until the problem is solved".to_owned(),
        ),
        n => (
            Style::Bad,
            format!("the drivers can't be watched until {n} problems are solved"),
        ),
    };
    writeln!(out, "\nmnck: {}", terminal.paint(style, &verdict))
}

fn to_json(checks: &[Check]) -> Value {
    let check = |check: &Check| {
        let mut value = json!({
            "name": check.name,
            "state": check.state.name(),
            "found": check.found,
        });

        if let Some(advice) = &check.advice {
            value["advice"] = advice.as_str().into();
        }
        value
    };

    json!({
        "mnck": 1,
        "command": "doctor",
        "can_watch": can_watch(checks),
        "checks": checks.iter().map(check).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::schema::documented;

    fn some() -> Vec<Check> {
        vec![
            Check::ok("module", "the module mnck is loaded"),
            Check::note("tracefs", "there is no timeline").with("mount tracefs"),
        ]
    }

    fn text(terminal: Terminal, checks: &[Check]) -> String {
        let mut out = vec![];
        print(&mut out, terminal, checks).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_check_is_a_line_and_the_verdict_comes_last() {
        assert_eq!(
            "ok       module     the module mnck is loaded\n\
             note     tracefs    there is no timeline\n\
             \x20                   mount tracefs\n\
             \n\
             mnck: the drivers of this kernel can be watched\n",
            text(Terminal::plain(), &some())
        );
    }

    #[test]
    fn a_problem_decides() {
        let mut checks = some();
        assert!(can_watch(&checks));
        checks.push(Check::new(State::Problem, "watch", "no"));

        assert!(!can_watch(&checks));
        assert!(text(Terminal::plain(), &checks).contains("until the problem is solved"));
        assert_eq!(false, to_json(&checks)["can_watch"]);
        checks.push(Check::new(State::Problem, "ftrace", "off"));
        assert!(text(Terminal::plain(), &checks).contains("until 2 problems are solved"));
    }

    #[test]
    fn a_long_line_is_folded_under_itself() {
        let checks = [Check::ok("module", "one two three four five six seven")];
        let folded = text(Terminal::of_width(40), &checks);

        assert!(folded.starts_with(
            "ok       module     one two three four\n                    five six seven\n"
        ));
    }

    #[test]
    fn json_has_the_same() {
        assert_eq!(
            json!({
                "mnck": 1,
                "command": "doctor",
                "can_watch": true,
                "checks": [
                    { "name": "module", "state": "ok", "found": "the module mnck is loaded" },
                    {
                        "name": "tracefs",
                        "state": "note",
                        "found": "there is no timeline",
                        "advice": "mount tracefs",
                    },
                ],
            }),
            documented(to_json(&some()))
        );
    }
}
