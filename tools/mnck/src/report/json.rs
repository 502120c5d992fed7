// SPDX-License-Identifier: GPL-2.0

//! What was seen as JSON, as Documentation/mnck.schema.json describes it.

use serde_json::{json, Value};

use crate::{
    device::Summary,
    record::{Callback, Event, Record},
    report::{
        findings::{Finding, Findings},
        histogram::percentile,
    },
};

/// Returns what happened, or `None` if the record is none of that.
pub fn record(record: &Record) -> Option<Value> {
    let (kind, event) = match record {
        Record::Registered(event) => ("registered", event),
        Record::Unregistered(event) => ("unregistered", event),
        Record::Violation(event) if event.is_broken => ("violation", event),
        Record::Violation(event) => ("slow", event),
        _ => return None,
    };
    let mut value = self::event(event);

    value["type"] = kind.into();
    if let Some(lost) = record.lost() {
        value["lost"] = lost.into();
    }
    if matches!(record, Record::Violation(_)) {
        value["rule"] = event.rule.into();
        add_mode(&mut value, event);
    }
    Some(value)
}

/// Adds what the range of a callback has beside its addresses.
fn add_mode(value: &mut Value, event: &Event) {
    if event.range.is_some() {
        value["event"] = event.event.into();
        value["blockable"] = event.is_blockable.into();
    }
}

fn event(event: &Event) -> Value {
    let mut value = json!({
        "time_ns": event.time,
        "pid": event.pid,
        "tid": event.tid,
        "comm": event.comm,
        "driver": event.driver,
        "what": event.what,
    });

    if let Some((start, end)) = event.range {
        value["start"] = format!("{start:#x}").into();
        value["end"] = format!("{end:#x}").into();
    }
    if !event.caller.is_empty() {
        value["caller"] = event.caller.as_str().into();
    }
    if event.took != 0 {
        value["took_ns"] = event.took.into();
    }
    value
}

/// Returns the rules that were broken.
pub fn broken(findings: &Findings) -> Vec<Value> {
    findings.broken().map(finding).collect()
}

/// Returns the callbacks that were slow.
pub fn slow(findings: &Findings) -> Vec<Value> {
    findings.slow().map(finding).collect()
}

fn finding(finding: &Finding) -> Value {
    let mut first = event(&finding.first);
    add_mode(&mut first, &finding.first);
    let mut value = json!({
        "rule": finding.first.rule,
        "driver": finding.first.driver,
        "count": finding.count,
        "first": first,
    });

    if finding.longest != 0 {
        value["longest_ns"] = finding.longest.into();
    }
    value
}

/// Returns what is known of a callback.
pub fn callback(callback: &Callback) -> Value {
    let percentile = |percent| percentile(&callback.histogram, callback.longest, percent);

    json!({
        "function": callback.name,
        "callback": callback.callback,
        "calls": callback.calls,
        "refusals": callback.refusals,
        "p50_ns": percentile(50),
        "p99_ns": percentile(99),
        "longest_ns": callback.longest,
        "missed": callback.missed,
        "histogram": callback.histogram.to_vec(),
    })
}

/// Returns the callbacks that were called, and what was not seen.
pub fn summary(summary: &Summary) -> (Vec<Value>, Vec<String>) {
    let called = summary
        .callbacks
        .iter()
        .filter(|callback| callback.calls != 0);

    (called.map(callback).collect(), summary.unseen.sentences())
}
