// SPDX-License-Identifier: GPL-2.0

//! Things that have a line each, and more to say than fits one.

use std::io::{self, Write};

use super::terminal::{Style, Terminal};

/// What is said of a thing in further lines is indented so.
const INDENT: usize = 6;

/// Prints a thing: its `head`, and `detail` behind that.
///
/// In a pipe that is one line.  On a terminal the detail has lines of its own if it does not fit.
///
/// # Errors
///
/// `out` can't be written.
pub fn print(out: &mut dyn Write, terminal: Terminal, head: &str, detail: &str) -> io::Result<()> {
    let line = format!("{head}  {detail}");
    let head = head.trim_end();

    if detail.is_empty() {
        writeln!(out, "{}", terminal.fold_if_long(head, INDENT))
    } else if terminal
        .width
        .is_none_or(|width| line.chars().count() <= width)
    {
        writeln!(out, "{line}")
    } else {
        let detail = format!("{:INDENT$}{detail}", "");

        writeln!(out, "{}", terminal.fold_if_long(head, INDENT))?;
        writeln!(out, "{}", terminal.fold(&detail, INDENT))
    }
}

/// Prints a heading.
///
/// # Errors
///
/// `out` can't be written.
pub fn heading(out: &mut dyn Write, terminal: Terminal, text: &str) -> io::Result<()> {
    writeln!(
        out,
        "{}",
        terminal.paint(Style::Heading, &terminal.cut(text.trim_end()))
    )
}

/// Returns how wide a column must be for all of `texts`.
pub fn width<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
    texts
        .into_iter()
        .map(|text| text.chars().count())
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(terminal: Terminal, head: &str, detail: &str) -> String {
        let mut out = vec![];
        print(&mut out, terminal, head, detail).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_fits_is_one_line() {
        let narrow = Terminal::of_width(20);

        assert_eq!("a   b   c d\n", printed(narrow, "a   b ", "c d"));
        assert_eq!("a   b\n", printed(narrow, "a   b", ""));
        assert_eq!(
            "a   b\n      c c c c c c c\n      d\n",
            printed(narrow, "a   b", "c c c c c c c d")
        );
    }

    #[test]
    fn a_pipe_gets_one_line() {
        let long = "x ".repeat(99);

        assert_eq!(
            format!("a  {long}\n"),
            printed(Terminal::plain(), "a", &long)
        );
    }
}
