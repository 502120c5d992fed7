// SPDX-License-Identifier: GPL-2.0

//! Compares JSON with Documentation/mnck.schema.json, for the unit tests.
//!
//! It knows the keywords that the schema uses, and no others.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

const SCHEMA: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../Documentation/mnck.schema.json"
));

/// The pattern of addresses.
const ADDRESS: &str = "^0x[0-9a-f]+$";

/// Returns `value`, which must be as the schema has it, and have no member that it does not.
pub fn documented(value: Value) -> Value {
    if let Err(error) = Schema::new().compare(&value) {
        panic!("{error}\n{value:#}");
    }
    value
}

struct Schema {
    root: Value,
}

/// The members that are documented, or how the value differs.
type Compared = Result<BTreeSet<String>, String>;

impl Schema {
    fn new() -> Self {
        Self {
            root: serde_json::from_str(SCHEMA).unwrap(),
        }
    }

    fn compare(&self, value: &Value) -> Result<(), String> {
        self.whole(&self.root, value, "$")
    }

    /// Compares a value, each member of which must be documented.
    fn whole(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let documented = self.part(schema, value, at)?;
        let mut members = value.as_object().into_iter().flat_map(Map::keys);

        match members.find(|member| !documented.contains(*member)) {
            Some(member) => Err(format!("{at}.{member} is not in the schema")),
            None => Ok(()),
        }
    }

    fn part(&self, schema: &Value, value: &Value, at: &str) -> Compared {
        let mut documented = BTreeSet::new();

        for (keyword, wanted) in schema.as_object().unwrap() {
            let is_right = match keyword.as_str() {
                "$schema" | "$comment" | "$defs" | "title" | "description" => true,
                "$ref" => {
                    documented.extend(self.part(self.referred(wanted), value, at)?);
                    true
                }
                "allOf" => {
                    for schema in wanted.as_array().unwrap() {
                        documented.extend(self.part(schema, value, at)?);
                    }
                    true
                }
                "oneOf" => {
                    documented.extend(self.one_of(wanted.as_array().unwrap(), value, at)?);
                    true
                }
                "properties" => {
                    for (name, schema) in wanted.as_object().unwrap() {
                        if let Some(member) = value.get(name) {
                            self.whole(schema, member, &format!("{at}.{name}"))?;
                            documented.insert(name.clone());
                        }
                    }
                    true
                }
                "items" => {
                    for (nr, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.whole(wanted, item, &format!("{at}[{nr}]"))?;
                    }
                    true
                }
                "required" => wanted
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|name| value.get(name.as_str().unwrap()).is_some()),
                "const" => value == wanted,
                "enum" => wanted.as_array().unwrap().contains(value),
                "type" => match wanted.as_array() {
                    Some(types) => types.iter().any(|name| has_type(value, name)),
                    None => has_type(value, wanted),
                },
                "minimum" => value.as_i64() >= wanted.as_i64(),
                "pattern" => {
                    assert_eq!(ADDRESS, wanted, "no other pattern is known here");
                    value.as_str().is_some_and(is_address)
                }
                _ => panic!("the keyword {keyword} is not known here"),
            };
            if !is_right {
                return Err(format!("{at} is not as \"{keyword}\": {wanted} wants it"));
            }
        }
        Ok(documented)
    }

    fn one_of(&self, schemas: &[Value], value: &Value, at: &str) -> Compared {
        let compared = schemas.iter().map(|schema| self.part(schema, value, at));
        let (mut right, wrong): (Vec<_>, Vec<_>) = compared.partition(Result::is_ok);

        match right.pop() {
            Some(documented) if right.is_empty() => documented,
            Some(_) => Err(format!(
                "{at} is as more than one part of \"oneOf\" wants it"
            )),
            None => {
                let errors: Vec<_> = wrong.into_iter().filter_map(Result::err).collect();
                Err(errors.join("\nor "))
            }
        }
    }

    fn referred(&self, reference: &Value) -> &Value {
        let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();

        self.root
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{reference} refers to nothing"))
    }
}

fn has_type(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        other => panic!("the type {other} is not known here"),
    }
}

fn is_address(text: &str) -> bool {
    text.strip_prefix("0x").is_some_and(|digits| {
        !digits.is_empty()
            && digits
                .bytes()
                .all(|digit| digit.is_ascii_hexdigit() && !digit.is_ascii_uppercase())
    })
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;
    use serde_json::json;

    use super::*;
    use crate::{
        device::Summary,
        record::{Callback, Event, Record, Unseen},
        report::{
            findings::Findings,
            json,
            of_run::{End, Report},
        },
        uapi::MNCK_UNSEEN_CORE,
    };

    fn event() -> Event {
        Event {
            time: 57_203_018_000,
            pid: 142,
            tid: 143,
            comm: "client".into(),
            rule: "latency",
            event: "UNMAP",
            range: Some((0x1000, 0x3000)),
            is_broken: true,
            took: 5_000_000,
            driver: "slow_start [driver]".into(),
            what: "start took 5 ms, the limit is 1 ms".into(),
            caller: "unmap_vmas".into(),
            ..Default::default()
        }
    }

    /// Returns a record of each kind, with all that it can have, and with as little as it can.
    fn records() -> Vec<Record> {
        let slow = Event {
            is_broken: false,
            ..event()
        };
        let bare = Event {
            range: None,
            took: 0,
            caller: String::new(),
            rule: "failure",
            ..event()
        };

        vec![
            Record::Registered(event()),
            Record::Unregistered(bare.clone()),
            Record::Violation(event()),
            Record::Violation(slow),
            Record::Violation(bare),
        ]
    }

    #[test]
    fn each_line_of_mnck_watch_is_documented() {
        let lines: Vec<_> = records().iter().filter_map(json::record).collect();

        assert_eq!(5, lines.len());
        for line in lines {
            documented(line);
        }
    }

    #[test]
    fn the_report_of_mnck_run_is_documented() {
        let mut unseen = Unseen::zeroed();
        unseen.flags = MNCK_UNSEEN_CORE;
        let callback = Callback {
            name: "slow_start [driver]".into(),
            callback: "start".into(),
            calls: 1,
            refusals: 0,
            longest: 5_000_000,
            missed: 0,
            histogram: [0; 40],
        };

        for (end, broken) in [(End::Exited(3), 2), (End::Killed(9), 0)] {
            let mut findings = Findings::default();
            if broken != 0 {
                records().iter().for_each(|record| findings.add(record));
            }
            let report = Report {
                command: vec!["client".into()],
                end,
                findings,
                summary: Summary {
                    callbacks: vec![callback.clone()],
                    unseen,
                },
            };
            let report = documented(report.json());
            assert_eq!(Some(broken), report["broken"].as_array().map(Vec::len));
        }
    }

    fn schema() -> Schema {
        Schema {
            root: json!({
                "$defs": {
                    "address": { "type": "string", "pattern": ADDRESS },
                    "named": {
                        "type": "object",
                        "required": ["name"],
                        "properties": { "name": { "enum": ["a", "b"] } },
                    },
                },
                "allOf": [{ "$ref": "#/$defs/named" }],
                "oneOf": [{ "required": ["start"] }, { "required": ["list"] }],
                "properties": {
                    "start": { "$ref": "#/$defs/address" },
                    "list": { "type": "array", "items": { "type": "integer", "minimum": 1 } },
                    "maybe": { "type": ["integer", "null"] },
                },
            }),
        }
    }

    #[test]
    fn what_is_right_is_right() {
        for value in [
            json!({ "name": "a", "start": "0x1f" }),
            json!({ "name": "b", "list": [1, 2], "maybe": null }),
        ] {
            assert_eq!(Ok(()), schema().compare(&value));
        }
    }

    #[test]
    fn each_difference_is_found() {
        for (value, error) in [
            (json!({ "start": "0x1" }), "required"),
            (
                json!({ "name": "c", "start": "0x1" }),
                "$.name is not as \"enum\"",
            ),
            (
                json!({ "name": "a", "start": "1" }),
                "$.start is not as \"pattern\"",
            ),
            (
                json!({ "name": "a", "start": "0xA" }),
                "$.start is not as \"pattern\"",
            ),
            (json!({ "name": "a", "start": 1 }), "$.start is not as"),
            (
                json!({ "name": "a", "list": [1, 0] }),
                "$.list[1] is not as \"minimum\"",
            ),
            (
                json!({ "name": "a", "list": 1 }),
                "$.list is not as \"type\"",
            ),
            (
                json!({ "name": "a", "list": [], "maybe": "x" }),
                "$.maybe is not as \"type\"",
            ),
            (
                json!({ "name": "a", "list": [], "start": "0x1" }),
                "more than one",
            ),
            (json!({ "name": "a" }), "or $ is not as \"required\""),
            (
                json!({ "name": "a", "list": [], "more": 1 }),
                "$.more is not in the schema",
            ),
        ] {
            let found = schema().compare(&value).unwrap_err();
            assert!(found.contains(error), "{found}");
        }
    }
}
