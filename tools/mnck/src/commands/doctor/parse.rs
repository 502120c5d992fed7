// SPDX-License-Identifier: GPL-2.0

//! Reads the texts that the kernel has on itself.

use std::{
    collections::BTreeSet,
    io::{self, BufRead},
};

/// How mnck probes a function, as its table `drivers` has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Probed {
    /// With its module, if it has one.
    pub function: String,
    /// Whether it is a function of the core, and not a callback.
    pub is_core: bool,
    /// `fprobe`, `kretprobe` or `not probed`.
    pub by: String,
}

/// Reads the table `drivers`.
///
/// A name may be longer than its column, and have a space; the columns behind it are numbers.
pub fn drivers(table: &str) -> Vec<Probed> {
    let row = |line: &str| {
        let mut words: Vec<_> = line.split_whitespace().collect();
        let numbers = words.split_off(words.len().checked_sub(4)?);
        if !numbers
            .iter()
            .all(|word| *word == "-" || word.parse::<u64>().is_ok())
        {
            return None;
        }
        let by = match words.pop()? {
            "probed" if words.pop()? == "not" => "not probed",
            by @ ("fprobe" | "kretprobe") => by,
            _ => return None,
        };
        let is_core = words.pop()? == "-";

        Some(Probed {
            function: (!words.is_empty()).then(|| words.join(" "))?,
            is_core,
            by: by.into(),
        })
    };

    table.lines().filter_map(row).collect()
}

/// Returns which of the functions `wanted` are in /proc/kallsyms, without those of modules.
pub fn symbols(
    kallsyms: impl BufRead,
    wanted: &[&'static str],
) -> io::Result<BTreeSet<&'static str>> {
    let mut found = BTreeSet::new();

    for line in kallsyms.split(b'\n') {
        let line = line?;
        let mut words = line.split(|byte| *byte == b' ');
        let Some(name) = words.nth(2) else {
            continue;
        };
        // Those of modules come last, with the module behind a tab.
        if name.contains(&b'\t') || found.len() == wanted.len() {
            break;
        }
        found.extend(wanted.iter().find(|wanted| wanted.as_bytes() == name));
    }
    Ok(found)
}

/// Returns the names of the modules in /proc/modules.
pub fn modules(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

/// Returns which of the words is chosen, as in `none [integrity] confidentiality`.
pub fn chosen(text: &str) -> Option<&str> {
    text.split_once('[')?
        .1
        .split_once(']')
        .map(|(chosen, _)| chosen)
}

/// Returns whether /proc/self/status has an effective capability.
pub fn has_capability(status: &str, capability: u32) -> bool {
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let set = set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());

    set.is_some_and(|set| set & (1 << capability) != 0)
}

/// Returns whether /proc/self/uid_map is that of the initial user namespace.
pub fn is_initial_namespace(uid_map: &str) -> bool {
    uid_map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// Returns whether lockdep has turned itself off, by /proc/lockdep_stats.
pub fn is_lockdep_off(stats: &str) -> bool {
    let mut values = stats
        .lines()
        .filter_map(|line| line.split_once("debug_locks:"));

    values.any(|(_, value)| value.trim() == "0")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DRIVERS: &str = "\
FUNCTION                                                 CALLBACK   STATE           CALLS  REFUSED     MAX_US   MISSED
__mmu_notifier_invalidate_range_start                    -          fprobe              -        -          -        0
kvm_mmu_notifier_release [kvm]                           release    kretprobe          21        0       4239        0
a_function_that_has_a_name_that_is_longer_than_its_column [driver] start      not probed          0        0          0        0
(subscribers from before the watch are not observed)
(3 ranges ended whose start was not seen)
";

    #[test]
    fn the_table_of_drivers_is_read() {
        let row = |function: &str, is_core, by: &str| Probed {
            function: function.into(),
            is_core,
            by: by.into(),
        };

        assert_eq!(
            vec![
                row("__mmu_notifier_invalidate_range_start", true, "fprobe"),
                row("kvm_mmu_notifier_release [kvm]", false, "kretprobe"),
                row(
                    "a_function_that_has_a_name_that_is_longer_than_its_column [driver]",
                    false,
                    "not probed"
                ),
            ],
            drivers(DRIVERS)
        );
        assert!(drivers("off: write 1 to /sys/module/mnck/parameters/watch\n").is_empty());
    }

    #[test]
    fn functions_of_the_kernel_are_found() {
        let text = "0000000000000000 T register_kprobe\n\
                    0000000000000000 t register_kprobes\n\
                    0000000000000000 t register_fprobe_ips\t[driver]\n";
        let wanted = ["register_kprobe", "register_fprobe_ips"];
        let found = symbols(text.as_bytes(), &wanted).unwrap();

        assert!(found.into_iter().eq(["register_kprobe"]));
    }

    #[test]
    fn the_other_texts_are_read() {
        assert_eq!(
            ["kvm", "mnck"],
            modules("kvm 1 0 - Live 0x0\nmnck 2 0 - Live 0x0 (O)\n")[..]
        );
        assert_eq!(
            Some("integrity"),
            chosen("none [integrity] confidentiality\n")
        );
        assert_eq!(None, chosen(""));
        assert!(has_capability("Name:\tsh\nCapEff:\t000001ffffffffff\n", 21));
        assert!(!has_capability("CapEff:\t0000000000000000\n", 21));
        assert!(!has_capability("", 21));
        assert!(is_initial_namespace("         0          0 4294967295\n"));
        assert!(!is_initial_namespace("0 1000 1\n"));
        assert!(is_lockdep_off(
            " lock-classes:  2\n debug_locks:          0\n"
        ));
        assert!(!is_lockdep_off(" debug_locks:          1\n"));
    }

    proptest! {
        #[test]
        fn any_text_does_no_harm(text in "(\\PC|[ \n\t:\\[\\]-])*") {
            drivers(&text);
            symbols(text.as_bytes(), &["a"]).unwrap();
            modules(&text);
            chosen(&text);
            has_capability(&text, 21);
            is_initial_namespace(&text);
            is_lockdep_off(&text);
        }
    }
}
