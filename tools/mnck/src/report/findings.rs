// SPDX-License-Identifier: GPL-2.0

//! What drivers did wrong: each rule that a callback broke once, with how often.

use crate::record::{Event, Record};

/// A rule that a callback broke, or a callback that was slow.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The first time.
    pub first: Event,
    /// How often.
    pub count: u64,
    /// The longest time that the callback took, in ns, if the rule is about that; else 0.
    pub longest: u64,
}

/// All findings, in the order of their first times.
#[derive(Clone, Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds what a record says, if it is about a violation or a slow callback.
    pub fn add(&mut self, record: &Record) {
        let Record::Violation(event) = record else {
            return;
        };
        let known = self.0.iter_mut().find(|finding| {
            let first = &finding.first;
            (first.rule, first.is_broken) == (event.rule, event.is_broken)
                && first.driver == event.driver
        });

        match known {
            Some(finding) => {
                finding.count += 1;
                finding.longest = finding.longest.max(event.took);
                if event.time < finding.first.time {
                    finding.first = event.clone();
                }
            }
            None => self.0.push(Finding {
                first: event.clone(),
                count: 1,
                longest: event.took,
            }),
        }
    }

    /// Returns the rules that were broken.
    pub fn broken(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter().filter(|finding| finding.first.is_broken)
    }

    /// Returns the callbacks that were slow, but broke no rule.
    pub fn slow(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter().filter(|finding| !finding.first.is_broken)
    }

    /// Returns whether no rule was broken.
    pub fn is_clean(&self) -> bool {
        self.broken().next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(time: u64, rule: &'static str, driver: &str, is_broken: bool) -> Record {
        Record::Violation(Event {
            time,
            rule,
            driver: driver.into(),
            is_broken,
            took: time,
            ..Default::default()
        })
    }

    #[test]
    fn a_rule_that_a_driver_breaks_again_is_counted() {
        let mut findings = Findings::default();

        for record in [
            violation(5, "failure", "a", true),
            violation(3, "failure", "a", true),
            violation(4, "failure", "b", true),
            violation(4, "range", "a", true),
            violation(4, "latency", "a", false),
            Record::Unknown,
        ] {
            findings.add(&record);
        }

        let broken: Vec<_> = findings
            .broken()
            .map(|f| (f.count, f.first.time, f.longest))
            .collect();
        assert_eq!(vec![(2, 3, 5), (1, 4, 4), (1, 4, 4)], broken);
        assert_eq!(1, findings.slow().count());
        assert!(!findings.is_clean());
    }

    #[test]
    fn a_slow_callback_breaks_no_rule() {
        let mut findings = Findings::default();

        findings.add(&violation(5, "latency", "a", false));
        assert!(findings.is_clean());
    }
}
