// SPDX-License-Identifier: GPL-2.0

//! What the output is written to.

use std::{
    env,
    io::{self, IsTerminal},
    os::fd::AsFd,
};

use crate::sys;

/// Takes it for no error that a reader has had enough.
///
/// # Errors
///
/// That of `result`, if it is another.
pub fn unless_closed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// How a text is emphasised on a terminal.
#[derive(Clone, Copy)]
pub enum Style {
    Bad,
    Good,
    Heading,
}

/// Where lines go to: how wide it is, and whether it has colours.
#[derive(Clone, Copy)]
pub struct Terminal {
    /// In columns.  Of a file or a pipe: `None`, nothing is cut or folded there.
    pub width: Option<usize>,
    has_colours: bool,
}

impl Terminal {
    /// Returns that of a file, such as [`std::io::stdout()`].
    ///
    /// The variable COLUMNS gives the width of a file or a pipe, too.
    pub fn of(file: &(impl IsTerminal + AsFd)) -> Self {
        let asked = env::var("COLUMNS").ok().and_then(|text| text.parse().ok());

        if !file.is_terminal() {
            return Self {
                width: asked,
                has_colours: false,
            };
        }
        Self {
            width: asked.or_else(|| Some(sys::columns(file).unwrap_or(80))),
            has_colours: env::var_os("NO_COLOR").is_none()
                && env::var_os("TERM").is_some_and(|term| term != "dumb"),
        }
    }

    /// Returns that of a file or a pipe.
    #[cfg(test)]
    pub const fn plain() -> Self {
        Self {
            width: None,
            has_colours: false,
        }
    }

    /// Returns one without colours.
    pub const fn of_width(width: usize) -> Self {
        Self {
            width: Some(width),
            has_colours: false,
        }
    }

    /// Returns `text` with what colours it.
    pub fn paint(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Bad => "1;31",
            Style::Good => "32",
            Style::Heading => "1",
        };
        if self.has_colours {
            format!("\x1b[{code}m{text}\x1b[m")
        } else {
            text.to_owned()
        }
    }

    /// Returns `text` cut to the width, with a mark if something was cut.
    pub fn cut(&self, text: &str) -> String {
        match self.width {
            Some(width) if text.chars().count() > width => text
                .chars()
                .take(width.saturating_sub(1))
                .chain(['…'])
                .collect(),
            _ => text.to_owned(),
        }
    }

    /// Returns `text` with its spaces, if it fits the width; else folded.
    pub fn fold_if_long(&self, text: &str, indent: usize) -> String {
        match self.width {
            Some(width) if text.chars().count() > width => self.fold(text, indent),
            _ => text.to_owned(),
        }
    }

    /// Returns `text` folded between words to the width, with further lines indented.
    pub fn fold(&self, text: &str, indent: usize) -> String {
        let Some(width) = self.width else {
            return text.to_owned();
        };
        let mut folded = String::new();
        let mut column = 0;

        // The words of the first line keep its own indentation.
        let own = text.len() - text.trim_start().len();
        folded.push_str(&text[..own]);
        column += own;
        for (nr, word) in text.split_whitespace().enumerate() {
            let len = word.chars().count();
            if nr == 0 {
            } else if column + 1 + len > width {
                folded.push('\n');
                folded.extend(std::iter::repeat_n(' ', indent));
                column = indent;
            } else {
                folded.push(' ');
                column += 1;
            }
            folded.push_str(word);
            column += len;
        }
        folded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NARROW: Terminal = Terminal {
        width: Some(10),
        has_colours: true,
    };

    #[test]
    fn a_pipe_gets_all_and_no_colour() {
        let long = "x".repeat(300);

        assert_eq!(long, Terminal::plain().cut(&long));
        assert_eq!("a  b", Terminal::plain().fold("a  b", 2));
        assert_eq!("a", Terminal::plain().paint(Style::Bad, "a"));
    }

    #[test]
    fn a_line_is_cut_with_a_mark() {
        assert_eq!("123456789…", NARROW.cut("12345678901"));
        assert_eq!("1234567890", NARROW.cut("1234567890"));
    }

    #[test]
    fn a_line_is_folded_between_words() {
        assert_eq!(
            "  one two\n    three\n    four",
            NARROW.fold("  one two three four", 4)
        );
        assert_eq!("\x1b[1;31ma\x1b[m", NARROW.paint(Style::Bad, "a"));
    }
}
