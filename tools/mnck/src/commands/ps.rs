// SPDX-License-Identifier: GPL-2.0

//! `mnck ps`: which callbacks run now, and which tasks wait for them.
//!
//! This is for a machine that hangs.  It reads `running`, for which the module takes no lock, and
//! nothing in `/proc` for which the kernel needs the memory of another process.

mod blame;

use std::{
    fs,
    io::{self, Write},
};

use anyhow::Result;
use serde_json::{json, Value};

use crate::{
    cli, device,
    report::{
        item,
        terminal::{Style, Terminal},
        text,
    },
    tables::{
        self,
        running::{self, Call},
    },
};

use blame::{Blame, State};

/// What the user may do if only mnck's own subscribers are known.
const UNWATCHED: &str = "only mnck's own subscribers are shown, as the module does not watch the \
                         others: run 'echo 1 > /sys/module/mnck/parameters/watch' as root, and \
                         callbacks that begin after that are shown";

/// Shows the callbacks and the tasks.
pub fn ps(options: &cli::Ps) -> Result<u8> {
    let running = running::parse(&tables::read("running")?);
    let unknown = running.unknown;
    let state = State::of(running.calls, are_of_one_process);
    let is_watched = state.has_foreign() || is_watched();

    let mut out = io::BufWriter::new(io::stdout().lock());
    let terminal = Terminal::of(out.get_ref());
    if options.json {
        writeln!(out, "{:#}", json(&state, is_watched))?;
    } else {
        print(&mut out, terminal, &state)?;
    }
    out.flush()?;

    if !is_watched {
        complain!("mnck: {}", Terminal::of(&io::stderr()).fold(UNWATCHED, 2));
    }
    tables::complain_of_unknown(unknown);
    Ok(0)
}

/// Returns whether two threads are of one process.
///
/// Asks for neither's memory.
fn are_of_one_process(one: u32, other: u32) -> bool {
    fs::exists(format!("/proc/{one}/task/{other}")).unwrap_or(false)
}

/// Returns whether the module watches all drivers: for its parameter, or for a program.
fn is_watched() -> bool {
    device::parameter("watch").is_ok_and(|value| value != "0") || has_watch_file()
}

/// Returns whether any program has a file of `MNCK_WATCH` open.
fn has_watch_file() -> bool {
    let entries = |path: &str| fs::read_dir(path).into_iter().flatten().flatten();

    entries("/proc")
        .filter(|process| {
            let name = process.file_name();
            name.as_encoded_bytes().iter().all(u8::is_ascii_digit)
        })
        .flat_map(|process| entries(&format!("{}/fd", process.path().display())))
        .any(|file| {
            fs::read_link(file.path()).is_ok_and(|name| name.as_os_str() == "anon_inode:[mnck]")
        })
}

fn print(out: &mut dyn Write, terminal: Terminal, state: &State) -> io::Result<()> {
    if state.callbacks.is_empty() && state.waiters.is_empty() {
        return writeln!(out, "no callback runs, and no task waits for one");
    }
    let blames = state.blames();
    for blame in &blames {
        let text = terminal.fold(&sentence(blame), 2);
        writeln!(out, "{}", terminal.paint(Style::Bad, &text))?;
    }
    if !blames.is_empty() {
        writeln!(out)?;
    }

    if state.callbacks.is_empty() {
        writeln!(out, "no callback runs")?;
    } else {
        let (names, tasks) = (
            columns(&state.callbacks, name),
            columns(&state.callbacks, Call::task),
        );
        let (name, task) = (names.width("CALLBACK"), tasks.width("TASK"));

        item::heading(
            out,
            terminal,
            &format!("{:name$}  {:>7}  {:task$}  FOR", "CALLBACK", "AGE", "TASK"),
        )?;
        for (nr, call) in state.callbacks.iter().enumerate() {
            let head = format!(
                "{:name$}  {:>7}  {:task$}",
                names.texts[nr],
                age(call.age),
                tasks.texts[nr]
            );
            item::print(out, terminal, &head, &purpose(call))?;
        }
    }

    if !state.waiters.is_empty() {
        let tasks = columns(&state.waiters, Call::task);
        let task = tasks.width("WAITING TASK");

        writeln!(out)?;
        item::heading(
            out,
            terminal,
            &format!("{:task$}  {:>7}  IN", "WAITING TASK", "AGE"),
        )?;
        for (nr, call) in state.waiters.iter().enumerate() {
            let head = format!("{:task$}  {:>7}", tasks.texts[nr], age(call.age));
            let of = match &*call.subscriber {
                _ if blame::is_of_core(call) => ": its process exits".into(),
                "core" | "-" => String::new(),
                own => format!(" of {own}"),
            };
            item::print(out, terminal, &head, &format!("{}{of}", function(call)))?;
        }
    }
    Ok(())
}

/// The texts of a column.
struct Column {
    texts: Vec<String>,
}

fn columns(calls: &[Call], text: impl Fn(&Call) -> String) -> Column {
    Column {
        texts: calls.iter().map(text).collect(),
    }
}

impl Column {
    fn width(&self, heading: &str) -> usize {
        item::width(self.texts.iter().map(|text| &**text).chain([heading]))
    }
}

/// Returns what runs: a callback, or the core if that is all that is known.
fn name(call: &Call) -> String {
    if blame::is_of_core(call) {
        "(not observed)".into()
    } else if call.subscriber.ends_with(']') {
        call.subscriber.clone()
    } else {
        // A subscriber of mnck has several callbacks.
        format!("{} {}", call.subscriber, call.activity)
    }
}

/// Returns for what a callback runs.
fn purpose(call: &Call) -> String {
    let mut parts = vec![];

    if let Some(range) = &call.range {
        let mode = if range.is_blockable {
            "blockable"
        } else {
            "non-blockable"
        };
        parts.push(format!(
            "{} {} {mode}",
            range.event,
            text::range(range.addresses)
        ));
    } else if !blame::is_of_core(call) {
        parts.push(call.activity.clone());
    }
    if let Some(initiator) = &call.initiator {
        parts.push(format!("in {initiator}"));
    }
    parts.join(", ")
}

/// Returns the function of the core in which a task waits.
fn function(call: &Call) -> &str {
    match &*call.activity {
        "unregister" => "mmu_notifier_unregister",
        "remove" => "mmu_interval_notifier_remove",
        "read_begin" => "mmu_interval_read_begin",
        "range" => "__mmu_notifier_release",
        other => other,
    }
}

/// Returns an age, in ms, with a unit.
fn age(ms: u64) -> String {
    if ms == 0 {
        return "0 ms".into();
    }
    text::time(ms.saturating_mul(1_000_000))
}

/// Returns why tasks wait, in words.
fn sentence(blame: &Blame<'_>) -> String {
    let waiting = |number: usize| match number {
        1 => "1 task waits".to_owned(),
        number => format!("{number} tasks wait"),
    };

    match *blame {
        Blame::Callback {
            callback,
            waiters,
            others,
        } => {
            let others = match others {
                0 => String::new(),
                1 => ", and for 1 other callback".into(),
                others => format!(", and for {others} other callbacks"),
            };
            format!(
                "{} for {}, which has run for {} in {}{others}",
                waiting(waiters),
                name(callback),
                age(callback.age),
                callback.task()
            )
        }
        Blame::Nothing { waiters } => format!(
            "{} for a range of its process to end, and no callback runs: if this lasts, 'mnck list' \
             shows which sequence is stuck",
            waiting(waiters)
        ),
    }
}

fn json(state: &State, is_watched: bool) -> Value {
    let callbacks: Vec<_> = state.callbacks.iter().map(callback_json).collect();
    let waiters: Vec<_> = state
        .waiters
        .iter()
        .map(|call| {
            let mut value = task_json(call);
            value["function"] = function(call).into();
            if let Some(callback) = state.culprit(call) {
                value["waits_for"] = callback_json(callback);
            }
            value
        })
        .collect();

    json!({
        "mnck": 1,
        "command": "ps",
        "is_watched": is_watched,
        "callbacks": callbacks,
        "waiting": waiters,
    })
}

fn task_json(call: &Call) -> Value {
    json!({
        "tid": call.tid,
        "comm": call.comm,
        "age_ns": call.age.saturating_mul(1_000_000),
    })
}

fn callback_json(call: &Call) -> Value {
    let mut value = task_json(call);

    if !blame::is_of_core(call) {
        value["subscriber"] = call.subscriber.as_str().into();
        value["callback"] = call.activity.as_str().into();
    }
    if let Some(range) = &call.range {
        let (start, end) = range.addresses;
        value["event"] = range.event.as_str().into();
        value["start"] = format!("{start:#x}").into();
        value["end"] = format!("{end:#x}").into();
        value["blockable"] = range.is_blockable.into();
    }
    if let Some(initiator) = &call.initiator {
        value["caller"] = initiator.as_str().into();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::schema::documented;

    const TABLE: &str = "\
SUBSCRIBER CALLBACK EVENT RANGE MODE AGE_MS TASK INITIATOR
core                 unregister  -               -                                     -                  900 other[171] -
counter 1            unregister  -               -                                     -                 1900 own[172] -
core                 range       UNMAP           0x100000000-0x100001000               blockable        12035 hung[142] unmap_vmas
hanging_start [notifier_mistakes] start UNMAP 0x100000000-0x100001000 blockable 12034 hung[142] unmap_vmas
trylock 3            start       CLEAR           0x1000-0x2000                         blockable            0 busy[7] zap_vma
";

    fn state(table: &str) -> State {
        State::of(running::parse(table).calls, |one, other| one == other)
    }

    fn printed(table: &str) -> String {
        let mut out = vec![];
        print(&mut out, Terminal::of_width(80), &state(table)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_culprit_is_named_first() {
        assert_eq!(
            "\
2 tasks wait for hanging_start [notifier_mistakes], which has run for 12.0 s in
  hung[142]

CALLBACK                               AGE  TASK       FOR
hanging_start [notifier_mistakes]   12.0 s  hung[142]
      UNMAP 0x100000000-0x100001000 blockable, in unmap_vmas
trylock 3 start                       0 ms  busy[7]
      CLEAR 0x1000-0x2000 blockable, in zap_vma

WAITING TASK      AGE  IN
own[172]       1.90 s  mmu_notifier_unregister of counter 1
other[171]     900 ms  mmu_notifier_unregister
",
            printed(TABLE)
        );
    }

    #[test]
    fn an_empty_table_is_a_sentence() {
        assert_eq!("no callback runs, and no task waits for one\n", printed(""));
    }

    #[test]
    fn a_wait_without_a_callback_is_explained() {
        let text = printed("core remove - - - 900 other[171] -\n");

        assert!(text
            .starts_with("1 task waits for a range of its process to end, and no callback runs:"));
        assert!(text.contains("\nno callback runs\n"));
        assert!(text.contains("\nother[171]     900 ms  mmu_interval_notifier_remove\n"));
    }

    #[test]
    fn json_has_the_culprit_of_each() {
        let value = documented(json(&state(TABLE), true));

        assert_eq!(
            json!({
                "tid": 171,
                "comm": "other",
                "age_ns": 900_000_000,
                "function": "mmu_notifier_unregister",
                "waits_for": {
                    "tid": 142,
                    "comm": "hung",
                    "age_ns": 12_034_000_000_u64,
                    "subscriber": "hanging_start [notifier_mistakes]",
                    "callback": "start",
                    "event": "UNMAP",
                    "start": "0x100000000",
                    "end": "0x100001000",
                    "blockable": true,
                    "caller": "unmap_vmas",
                },
            }),
            value["waiting"][1]
        );
        assert_eq!(2, value["callbacks"].as_array().unwrap().len());
    }
}
