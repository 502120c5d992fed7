// SPDX-License-Identifier: GPL-2.0

//! The rules as tests, for CI: JUnit XML and KTAP.

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::report::{findings::Findings, text};

/// What came of a rule.
enum Verdict {
    /// No driver broke it.
    Kept,
    /// The lines say which driver broke it, and how.
    Broken(Vec<String>),
    /// Why it was not judged.
    NotJudged(&'static str),
}

/// The rules that are judged for the drivers of a machine, in the order of the reports.
const JUDGED: [&str; 10] = [
    "pairing",
    "failure",
    "failing-end",
    "non-block",
    "sequence",
    "lifetime",
    "latency",
    "stall",
    "finish",
    "range",
];

/// What was seen, and so what can be said of a rule that no driver was seen to break.
pub struct Sight {
    /// Why no rule was judged for certain, if so.
    pub gap: Option<&'static str>,
    /// Whether the module looks at allocations.
    pub has_probes: bool,
}

/// Returns each rule with what came of it.
fn verdicts(findings: &Findings, sight: &Sight) -> Vec<(&'static str, Verdict)> {
    let of = |rule: &'static str| {
        let lines: Vec<_> = findings
            .broken()
            .filter(|finding| finding.first.rule == rule)
            .map(|finding| {
                let times = text::count(finding.count, "time");
                format!("{} ({times})", text::violation(&finding.first))
            })
            .collect();
        match (lines.is_empty(), sight.gap) {
            (false, _) => Verdict::Broken(lines),
            (true, Some(gap)) => Verdict::NotJudged(gap),
            (true, None) => Verdict::Kept,
        }
    };
    let mut verdicts: Vec<_> = JUDGED.into_iter().map(|rule| (rule, of(rule))).collect();

    verdicts.push(match of("reclaim") {
        Verdict::Kept if !sight.has_probes => {
            ("reclaim", Verdict::NotJudged("the module has probes=0"))
        }
        verdict => ("reclaim", verdict),
    });
    verdicts.push((
        "lock-order",
        Verdict::NotJudged("lockdep reports it in the kernel's log"),
    ));
    verdicts
}

/// Writes a test for each rule as KTAP.
///
/// # Errors
///
/// `out` can't be written.
pub fn ktap(out: &mut dyn Write, findings: &Findings, sight: &Sight) -> io::Result<()> {
    let verdicts = verdicts(findings, sight);

    writeln!(out, "KTAP version 1\n1..{}", verdicts.len())?;
    for (nr, (rule, verdict)) in (1..).zip(&verdicts) {
        match verdict {
            Verdict::Kept => writeln!(out, "ok {nr} {rule}")?,
            Verdict::NotJudged(why) => writeln!(out, "ok {nr} {rule} # SKIP {why}")?,
            Verdict::Broken(lines) => {
                for line in lines {
                    writeln!(out, "# {line}")?;
                }
                writeln!(out, "not ok {nr} {rule}")?;
            }
        }
    }
    Ok(())
}

/// Writes a test for each rule as JUnit XML; `command` is the name of the suite.
///
/// # Errors
///
/// `out` can't be written.
pub fn junit(
    out: &mut dyn Write,
    command: &str,
    findings: &Findings,
    sight: &Sight,
) -> io::Result<()> {
    let mut suite = TestSuite::new(command);

    for (rule, verdict) in verdicts(findings, sight) {
        let status = match verdict {
            Verdict::Kept => TestCaseStatus::success(),
            Verdict::NotJudged(why) => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(why);
                status
            }
            Verdict::Broken(lines) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(lines.first().cloned().unwrap_or_default());
                status.set_description(lines.join("\n"));
                status
            }
        };
        suite.add_test_case(TestCase::new(rule, status));
    }

    let mut report = Report::new("mnck");
    report.add_test_suite(suite);
    report.serialize(out).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        record::{Event, Record},
        uapi::RULES,
    };

    const ALL_BUT_PROBES: Sight = Sight {
        gap: None,
        has_probes: false,
    };

    #[test]
    fn what_was_not_seen_is_not_judged() {
        let mut out = vec![];
        let sight = Sight {
            gap: Some("not all was seen"),
            has_probes: true,
        };
        ktap(&mut out, &findings(), &sight).unwrap();
        let text = String::from_utf8(out).unwrap();

        assert!(
            text.contains("\nok 1 pairing # SKIP not all was seen\n"),
            "{text}"
        );
        assert!(text.contains("\nnot ok 2 failure\n"), "{text}");
        assert!(
            text.contains("\nok 11 reclaim # SKIP not all was seen\n"),
            "{text}"
        );
    }

    fn findings() -> Findings {
        let mut findings = Findings::default();
        findings.add(&Record::Violation(Event {
            rule: "failure",
            driver: "wrong_code_start [notifier_mistakes]".into(),
            what: "start failed with -22 & <more>".into(),
            comm: "client".into(),
            tid: 7,
            is_broken: true,
            ..Default::default()
        }));
        findings
    }

    #[test]
    fn ktap_has_each_rule() {
        let mut out = vec![];
        ktap(&mut out, &findings(), &ALL_BUT_PROBES).unwrap();
        let text = String::from_utf8(out).unwrap();

        assert!(
            text.starts_with("KTAP version 1\n1..12\nok 1 pairing\n# failure: wrong_code_start")
        );
        assert!(
            text.contains("\nnot ok 2 failure\nok 3 failing-end\n"),
            "{text}"
        );
        assert!(
            text.contains("\nok 11 reclaim # SKIP the module has probes=0\n"),
            "{text}"
        );
    }

    #[test]
    fn junit_escapes_what_xml_must() {
        let mut out = vec![];
        junit(&mut out, "a <program>", &findings(), &ALL_BUT_PROBES).unwrap();
        let text = String::from_utf8(out).unwrap();

        assert!(
            text.contains("tests=\"12\" ") && text.contains("failures=\"1\""),
            "{text}"
        );
        assert!(text.contains("-22 &amp; &lt;more&gt;"), "{text}");
    }

    #[test]
    fn no_rule_is_forgotten() {
        // Rule release is not judged for these drivers at all: see Documentation/observe.md.
        for rule in RULES.into_iter().filter(|rule| *rule != "release") {
            assert!(
                JUDGED.contains(&rule) || ["reclaim", "lock-order"].contains(&rule),
                "{rule}"
            );
        }
    }
}
