// SPDX-License-Identifier: GPL-2.0

//! `mnck top`: how often and how long the callbacks of all drivers run, again and again.

mod screen;
mod table;

use std::{
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    cli,
    device::{Scope, Watch},
    report::{findings::Findings, terminal::Terminal},
    sys::Signals,
};

use screen::Screen;
use table::{Interval, Table};

/// A shorter delay would be a busy loop.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Prints tables until a signal or the key q comes, or there are enough.
pub fn top(options: &cli::Top) -> Result<u8> {
    let signals = Signals::of_the_end()?;
    let mut watch = Watch::begin(Scope::All, None)?;
    let mut findings = Findings::default();
    let delay = options.delay.clamp(SHORTEST, LONGEST);
    let begin = Instant::now();
    let mut last = begin;
    let mut before = watch.summary()?.1.callbacks;
    let mut printed = 0;

    let is_full = !options.batch && io::stdout().is_terminal();
    let mut out: Box<dyn Write> = if is_full {
        Box::new(Screen::open()?)
    } else {
        Box::new(io::BufWriter::new(io::stdout().lock()))
    };
    let keys = Screen::keys(is_full)?;
    if is_full && options.iterations != Some(0) {
        screen::draw(
            &mut *out,
            "mnck top: the first table comes soon; q ends it\n",
        )?;
    }

    while options.iterations.is_none_or(|number| printed < number) {
        if !wait(
            &mut watch,
            &signals,
            keys.as_ref(),
            last + delay,
            &mut findings,
        )? {
            break;
        }

        let (records, summary) = watch.summary()?;
        records.iter().for_each(|record| findings.add(record));
        let now = Instant::now();
        let table = Table {
            rows: Interval::all(&before, &summary.callbacks),
            time: now - last,
            since_begin: now - begin,
            findings: &findings,
            unseen: &summary.unseen,
        };

        if is_full {
            let (terminal, rows) = screen::size();
            let mut text = vec![];
            table.print(&mut text, terminal)?;
            screen::draw(
                &mut *out,
                &screen::fit(&String::from_utf8_lossy(&text), rows),
            )?;
        } else {
            if printed != 0 {
                writeln!(out)?;
            }
            table.print(&mut *out, Terminal::of(&io::stdout()))?;
            out.flush()?;
        }
        before = summary.callbacks;
        last = now;
        printed += 1;
    }
    Ok(0)
}

/// Waits until `end`, and adds up what the module finds; returns whether to go on.
fn wait(
    watch: &mut Watch,
    signals: &Signals,
    keys: Option<&screen::Keys>,
    end: Instant,
    findings: &mut Findings,
) -> Result<bool> {
    let others: Vec<_> = [signals.as_fd()]
        .into_iter()
        .chain(keys.map(|keys| keys.as_fd()))
        .collect();

    loop {
        let left = end.saturating_duration_since(Instant::now());
        let (has_records, ready) = watch.wait(&others, Some(left))?;

        if has_records {
            watch.read()?.iter().for_each(|record| findings.add(record));
        }
        if ready[0] {
            return Ok(false);
        }
        if let (Some(keys), Some(true)) = (keys, ready.get(1)) {
            let pressed = keys.read()?;
            // The terminal is gone if there is no key.
            if pressed.is_empty() || pressed.iter().any(|key| b"qQ".contains(key)) {
                return Ok(false);
            }
        }
        if left.is_zero() {
            return Ok(true);
        }
    }
}
