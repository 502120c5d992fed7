// SPDX-License-Identifier: GPL-2.0

//! Times, addresses and events as text.

use crate::record::Event;

/// Returns a time, in ns, with three digits and a unit.
pub fn time(ns: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1, "ns"),
        (1_000, "us"),
        (1_000_000, "ms"),
        (1_000_000_000, "s"),
    ];
    // 999.6 us are 1.00 ms.
    let (unit, name) = UNITS
        .into_iter()
        .rev()
        .find(|(unit, _)| ns.saturating_mul(2) >= unit * 2 - unit / 1000)
        .unwrap_or(UNITS[0]);
    let value = ns as f64 / unit as f64;

    match value {
        _ if unit == 1 => format!("{ns} ns"),
        v if v < 9.995 => format!("{v:.2} {name}"),
        v if v < 99.95 => format!("{v:.1} {name}"),
        v => format!("{v:.0} {name}"),
    }
}

/// Returns [`time()`] without the space before its unit, for a column.
pub fn short_time(ns: u64) -> String {
    time(ns).replace(' ', "")
}

/// Returns a time of CLOCK_MONOTONIC, in ns, as the kernel's log has it.
pub fn moment(ns: u64) -> String {
    format!("[{:5}.{:06}]", ns / 1_000_000_000, ns / 1000 % 1_000_000)
}

/// Returns addresses, half-open.
pub fn range((start, end): (u64, u64)) -> String {
    format!("{start:#x}-{end:#x}")
}

/// Returns the number of an address, such as `0x1000`.
pub fn address(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// Returns `text` with a mark for each character that a terminal would obey.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_control() { '?' } else { char })
        .collect()
}

/// Returns the name of a function cut to a width, with its module.
pub fn cut_function(name: &str, width: usize) -> String {
    let len = name.chars().count();
    let module = name.rfind(" [").map_or("", |at| &name[at..]);
    let function = name.strip_suffix(module).unwrap_or(name);
    let left = width.saturating_sub(module.chars().count() + 1);

    if len <= width {
        name.to_owned()
    } else if left < 4 {
        name.chars()
            .take(width.saturating_sub(1))
            .chain(['…'])
            .collect()
    } else {
        function
            .chars()
            .take(left)
            .chain(['…'])
            .chain(module.chars())
            .collect()
    }
}

/// Returns a number and a noun.
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };

    format!("{number} {noun}{plural}")
}

/// Returns what a callback did, and for which range, as the kernel's log has it.
pub fn violation(event: &Event) -> String {
    format!("{}: {}: {}", event.rule, event.driver, circumstances(event))
}

/// Returns [`violation()`] without the rule and the driver.
pub fn circumstances(event: &Event) -> String {
    let mut text = event.what.clone();

    if let Some(addresses) = event.range {
        let mode = if event.is_blockable {
            "blockable"
        } else {
            "non-blockable"
        };
        text += &format!(": {} {} {mode}", event.event, range(addresses));
    }
    if !event.caller.is_empty() {
        text += &format!(", in {}", event.caller);
    }
    text + &format!(", {}[{}]", event.comm, event.tid)
}

/// Returns what a driver has subscribed to.
pub fn subscription(event: &Event) -> String {
    let mut text = format!("{} ({})", event.driver, event.what);

    if let Some(addresses) = event.range {
        text += &format!(" {}", range(addresses));
    }
    text += &format!(" of process {}", event.pid);
    if !event.caller.is_empty() {
        text += &format!(", by {}", event.caller);
    }
    text + &format!(", {}[{}]", event.comm, event.tid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_digits() {
        for (ns, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 us"),
            (9_994, "9.99 us"),
            (9_996, "10.0 us"),
            (99_960, "100 us"),
            (999_400, "999 us"),
            (999_600, "1.00 ms"),
            (12_340_000, "12.3 ms"),
            (61_000_000_000, "61.0 s"),
        ] {
            assert_eq!(text, time(ns));
        }
    }

    #[test]
    fn a_terminal_obeys_no_name() {
        assert_eq!("a?[31m é?", printable("a\x1b[31m é\n"));
    }

    #[test]
    fn a_function_that_is_cut_keeps_its_module() {
        let name = "kvm_mmu_notifier_invalidate_range_start [kvm]";

        assert_eq!(name, cut_function(name, 45));
        assert_eq!("kvm_mmu_notifier_i… [kvm]", cut_function(name, 25));
        assert_eq!("kvm_mm…", cut_function(name, 7));
        assert_eq!("unmap_…", cut_function("unmap_vmas", 7));
        for width in 0..50 {
            assert!(cut_function(name, width).chars().count() <= width.max(1));
        }
    }

    #[test]
    fn a_moment_is_like_the_log() {
        assert_eq!("[   57.203018]", moment(57_203_018_999));
    }

    #[test]
    fn a_violation_is_like_the_log() {
        let event = Event {
            tid: 142,
            comm: "observed".into(),
            rule: "failure",
            event: "CLEAR",
            range: Some((0x1000, 0x3000)),
            driver: "wrong_code_start [notifier_mistakes]".into(),
            what: "start failed with -22".into(),
            caller: "zap_vma_for_reaping".into(),
            ..Default::default()
        };

        assert_eq!(
            "failure: wrong_code_start [notifier_mistakes]: start failed with -22: \
             CLEAR 0x1000-0x3000 non-blockable, in zap_vma_for_reaping, observed[142]",
            violation(&event)
        );
    }
}
