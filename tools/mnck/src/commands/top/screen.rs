// SPDX-License-Identifier: GPL-2.0

//! A terminal that is drawn anew as a whole.

use std::io::{self, IsTerminal, Stdin, Write};

use crate::{report::terminal::Terminal, sys};

/// The keys of a user.
pub type Keys = sys::Keys<Stdin>;

/// Another screen, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
/// The cursor, and the screen from before.
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// To the upper left corner.
const HOME: &str = "\x1b[H";
/// Nothing in the rest of a line, and of the screen.
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_REST: &str = "\x1b[J";

/// The terminal at the standard output, which is as before once this is dropped.
pub struct Screen;

impl Screen {
    /// Keeps what is on the screen, and clears it.
    ///
    /// # Errors
    ///
    /// The terminal can't be written.
    pub fn open() -> io::Result<Self> {
        // If this fails half way, the drop mends it.
        let mut screen = Self;

        screen.write_all(ENTER.as_bytes())?;
        screen.flush()?;
        Ok(screen)
    }

    /// Returns the keys that are pressed, if `is_wanted` and the standard input is a terminal.
    ///
    /// # Errors
    ///
    /// The terminal can't be changed.
    pub fn keys(is_wanted: bool) -> io::Result<Option<Keys>> {
        (is_wanted && io::stdin().is_terminal())
            .then(|| sys::Keys::read_from(io::stdin()))
            .transpose()
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // If this fails, the terminal is gone.
        let _ = self.write_all(LEAVE.as_bytes());
        let _ = self.flush();
    }
}

/// Returns the terminal, which may have another size than before, and its rows.
pub fn size() -> (Terminal, usize) {
    let out = io::stdout();

    (
        Terminal::of(&out),
        sys::size(&out).map_or(24, |(_, rows)| rows),
    )
}

/// Replaces what is on the screen.
///
/// # Errors
///
/// The terminal can't be written.
pub fn draw(out: &mut dyn Write, text: &str) -> io::Result<()> {
    // In one write, so that it does not flicker.
    let mut all = HOME.to_owned();

    for line in text.lines() {
        all += line;
        all += CLEAR_LINE;
        all.push('\n');
    }
    all += CLEAR_REST;
    out.write_all(all.as_bytes())?;
    out.flush()
}

/// Returns as many lines as there are rows for, with a mark if some are left out.
pub fn fit(text: &str, rows: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    // The cursor stands in the last row.
    let room = rows.saturating_sub(1).max(1);

    if lines.len() <= room {
        return text.to_owned();
    }
    let kept = room - 1;
    format!(
        "{}{}… {} more lines\n",
        lines[..kept].join("\n"),
        if kept == 0 { "" } else { "\n" },
        lines.len() - kept
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_table_is_cut_at_the_last_row() {
        let text = "1\n2\n3\n4\n";

        assert_eq!(text, fit(text, 5));
        assert_eq!("1\n2\n… 2 more lines\n", fit(text, 4));
        assert_eq!("… 4 more lines\n", fit(text, 1));
        assert_eq!("… 4 more lines\n", fit(text, 0));
    }

    #[test]
    fn a_screen_is_replaced_in_one_write() {
        let mut out = vec![];

        draw(&mut out, "a\nb").unwrap();
        assert_eq!("\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J".as_bytes(), out);
    }
}
