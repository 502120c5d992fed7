// SPDX-License-Identifier: GPL-2.0

//! `mnck watch`: a line for each thing that happens.

use std::{
    io::{self, Write},
    os::fd::AsFd,
};

use anyhow::{bail, Result};

use crate::{
    cli,
    device::{Scope, Watch},
    record::Record,
    report::{
        json,
        terminal::{Style, Terminal},
        text,
    },
    sys,
    sys::Signals,
};

/// Watches until a signal comes, or the process has ended.
pub fn watch(options: &cli::Watch) -> Result<u8> {
    let signals = Signals::of_the_end()?;
    let process = match options.pid {
        Some(pid) => match sys::pidfd_open(pid) {
            Ok(process) => Some(process),
            Err(_) => bail!("there is no process {pid}"),
        },
        None => None,
    };
    let scope = options.pid.map_or(Scope::All, Scope::Process);
    let mut watch = Watch::begin(scope, options.slow)?;
    watch.prearm_all();
    match options.pid {
        Some(pid) => complain!("mnck: watching process {pid} until it ends; Ctrl-C ends the watch"),
        None => complain!("mnck: watching all processes; Ctrl-C ends the watch"),
    }
    let mut out = io::stdout().lock();
    let terminal = Terminal::of(&out);
    let others: Vec<_> = [signals.as_fd()]
        .into_iter()
        .chain(process.iter().map(|process| process.as_fd()))
        .collect();

    loop {
        let (has_records, ended) = watch.wait(&others, None)?;

        if has_records {
            for record in watch.read()? {
                show(&mut out, terminal, options.json, &record)?;
            }
            out.flush()?;
        }
        if ended.contains(&true) {
            break;
        }
    }

    let (records, summary) = watch.summary()?;
    for record in records {
        show(&mut out, terminal, options.json, &record)?;
    }
    out.flush()?;
    for sentence in summary.unseen.sentences() {
        complain!("mnck: not seen: {sentence}");
    }
    Ok(0)
}

fn show(out: &mut dyn Write, terminal: Terminal, as_json: bool, record: &Record) -> Result<()> {
    if let (Some(lost), false) = (record.lost(), as_json) {
        writeln!(
            out,
            "(then came {} that {} lost)",
            text::count(lost, "record"),
            if lost == 1 { "was" } else { "were" }
        )?;
    }
    if as_json {
        if let Some(value) = json::record(record) {
            writeln!(out, "{value}")?;
        }
    } else if let Some(text) = line(terminal, record) {
        writeln!(out, "{text}")?;
    }
    Ok(())
}

/// Returns the line of what happened, folded on a terminal.
fn line(terminal: Terminal, record: &Record) -> Option<String> {
    let (style, word, event, text) = match record {
        Record::Registered(event) => (None, "registered", event, text::subscription(event)),
        Record::Unregistered(event) => (None, "unregistered", event, text::subscription(event)),
        Record::Violation(event) if event.is_broken => {
            (Some(Style::Bad), "BROKEN", event, text::violation(event))
        }
        Record::Violation(event) => {
            let text = format!("{}: {}", event.driver, text::circumstances(event));
            (None, "slow", event, text)
        }
        _ => return None,
    };
    let line = terminal.fold(&format!("{} {word} {text}", text::moment(event.time)), 4);

    Some(match style {
        Some(style) => line.replacen(word, &terminal.paint(style, word), 1),
        None => line,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Event;

    #[test]
    fn each_thing_has_a_line() {
        let event = Event {
            time: 57_203_018_000,
            pid: 142,
            tid: 143,
            comm: "client".into(),
            rule: "failure",
            driver: "clean_ops [notifier_mistakes]".into(),
            what: "start,end".into(),
            caller: "begin_subscription [notifier_mistakes]".into(),
            is_broken: true,
            ..Default::default()
        };

        assert_eq!(
            "[   57.203018] registered clean_ops [notifier_mistakes] (start,end) of process 142, by \
             begin_subscription [notifier_mistakes], client[143]",
            line(Terminal::plain(), &Record::Registered(event.clone())).unwrap()
        );
        assert!(line(Terminal::plain(), &Record::Violation(event))
            .unwrap()
            .starts_with("[   57.203018] BROKEN failure: clean_ops [notifier_mistakes]: "));
        assert!(line(Terminal::plain(), &Record::Unknown).is_none());
    }
}
