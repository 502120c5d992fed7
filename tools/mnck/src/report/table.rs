// SPDX-License-Identifier: GPL-2.0

//! The table of callbacks.

use std::io::{self, Write};

use crate::{
    record::Callback,
    report::{
        histogram::percentile,
        terminal::{Style, Terminal},
        text,
    },
};

/// How wide the numbers are.
const NUMBERS: usize = 40;

/// Prints the callbacks that were called, the busiest first.
///
/// # Errors
///
/// `out` can't be written.
pub fn callbacks(
    out: &mut dyn Write,
    terminal: Terminal,
    callbacks: &[Callback],
) -> io::Result<()> {
    let mut called: Vec<_> = callbacks
        .iter()
        .filter(|callback| callback.calls != 0)
        .collect();
    called.sort_by_key(|callback| std::cmp::Reverse(callback.calls));
    let longest = called
        .iter()
        .map(|callback| callback.name.chars().count())
        .max();
    let room = terminal
        .width
        .map_or(usize::MAX, |width| width.saturating_sub(NUMBERS + 1));
    let width = longest.unwrap_or(0).max("CALLBACK".len()).min(room.max(16));
    let name = Terminal::of_width(width);

    let heading = format!(
        "{:width$} {:>8} {:>7} {:>7} {:>7} {:>7}",
        "CALLBACK", "CALLS", "REFUSED", "P50", "P99", "MAX"
    );
    writeln!(out, "{}", terminal.paint(Style::Heading, &heading))?;
    for callback in called {
        let percentile = |percent| percentile(&callback.histogram, callback.longest, percent);
        writeln!(
            out,
            "{:width$} {:>8} {:>7} {:>7} {:>7} {:>7}",
            name.cut(&callback.name),
            callback.calls,
            callback.refusals,
            text::short_time(percentile(50)),
            text::short_time(percentile(99)),
            text::short_time(callback.longest),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callback(name: &str, calls: u64) -> Callback {
        let mut histogram = [0; 40];
        histogram[10] = calls;
        Callback {
            name: name.into(),
            callback: "start".into(),
            calls,
            refusals: 0,
            longest: 1500,
            missed: 0,
            histogram,
        }
    }

    fn print(terminal: Terminal, called: &[Callback]) -> String {
        let mut out = vec![];
        callbacks(&mut out, terminal, called).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_busiest_comes_first_and_idle_ones_are_left_out() {
        let rows = [
            callback("idle", 0),
            callback("one", 1),
            callback("many", 300),
        ];

        assert_eq!(
            "CALLBACK    CALLS REFUSED     P50     P99     MAX\n\
             many          300       0  1.50us  1.50us  1.50us\n\
             one             1       0  1.50us  1.50us  1.50us\n",
            print(Terminal::plain(), &rows)
        );
    }

    #[test]
    fn a_long_name_is_cut_on_a_terminal_only() {
        let rows = [callback(&"x".repeat(100), 1)];
        let narrow = Terminal::of_width(80);

        assert!(print(narrow, &rows)
            .lines()
            .all(|line| line.chars().count() <= 80));
        assert!(print(Terminal::plain(), &rows).contains(&"x".repeat(100)));
    }
}
