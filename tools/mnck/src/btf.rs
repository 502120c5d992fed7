// SPDX-License-Identifier: GPL-2.0

//! Finds callbacks of MMU notifiers by the kernel's type information, BTF.

mod format;

use std::{collections::BTreeMap, fs, io};

use anyhow::Context;

use crate::uapi::*;

use format::Btf;

const DIRECTORY: &str = "/sys/kernel/btf";
/// The file of the kernel itself, on which those of the modules build.
const KERNEL: &str = "vmlinux";
/// The module whose own callbacks are not watched.
const OWN: &str = "mnck";

/// The prototypes of callbacks, as [`Btf::prototype()`] has them; see include/linux/mmu_notifier.h.
///
/// No function of the core itself has one of these.
const PROTOTYPES: [(mnck_prearm_callback, &str); 5] = [
    (
        MNCK_PREARM_START,
        "int (struct mmu_notifier *, struct mmu_notifier_range *)",
    ),
    (
        MNCK_PREARM_END,
        "void (struct mmu_notifier *, struct mmu_notifier_range *)",
    ),
    (
        MNCK_PREARM_INVALIDATE,
        "bool (struct mmu_interval_notifier *, struct mmu_notifier_range *, unsigned long)",
    ),
    (
        MNCK_PREARM_INVALIDATE_START,
        "bool (struct mmu_interval_notifier *, struct mmu_notifier_range *, unsigned long, \
         struct mmu_interval_notifier_finish **)",
    ),
    (
        MNCK_PREARM_INVALIDATE_FINISH,
        "void (struct mmu_interval_notifier_finish *)",
    ),
];

/// A function that may be a callback, since it has the prototype of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Which callback.
    pub callback: mnck_prearm_callback,
    /// `NAME`, or `MODULE:NAME`.
    pub function: String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Candidates {
    /// The functions of the kernel, then those of its modules.
    pub functions: Vec<Candidate>,
    /// A sentence for each file of BTF that could not be used.
    pub skipped: Vec<String>,
}

/// Finds the functions of the kernel and of all loaded modules that may be callbacks.
pub fn candidates() -> Candidates {
    let mut files = BTreeMap::new();

    match fs::read_dir(DIRECTORY) {
        Ok(entries) => {
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                files.insert(name, fs::read(entry.path()));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let skipped = vec![format!(
                "the kernel has no {DIRECTORY}: it lacks CONFIG_DEBUG_INFO_BTF"
            )];
            return Candidates {
                functions: vec![],
                skipped,
            };
        }
        Err(error) => {
            let skipped = vec![format!("{DIRECTORY}: {error}")];
            return Candidates {
                functions: vec![],
                skipped,
            };
        }
    }
    candidates_in(files)
}

/// Finds the functions that may be callbacks in files of BTF, by their names.
fn candidates_in(mut files: BTreeMap<String, io::Result<Vec<u8>>>) -> Candidates {
    let mut found = Candidates::default();
    let parsed = |file: Option<io::Result<Vec<u8>>>, base| {
        let bytes = file.context("the file is missing")??;
        Btf::parse(bytes, base)
    };

    let kernel = match parsed(files.remove(KERNEL), None) {
        Ok(kernel) => kernel,
        Err(error) => {
            // Those of the modules can't be read without it.
            found
                .skipped
                .push(format!("{DIRECTORY}/{KERNEL}: {error:#}"));
            return found;
        }
    };
    found.functions.extend(callbacks(&kernel, ""));

    for (module, file) in files {
        if module == OWN {
            continue;
        }
        match parsed(Some(file), Some(&kernel)) {
            Ok(btf) => found
                .functions
                .extend(callbacks(&btf, &format!("{module}:"))),
            Err(error) => found
                .skipped
                .push(format!("{DIRECTORY}/{module}: {error:#}")),
        }
    }
    found
}

/// Returns the functions that have the prototype of a callback.
fn callbacks(btf: &Btf<'_>, module: &str) -> Vec<Candidate> {
    btf.functions()
        .filter_map(|(name, prototype)| {
            let (callback, _) = PROTOTYPES
                .into_iter()
                .find(|(_, text)| *text == prototype)?;
            Some(Candidate {
                callback,
                function: format!("{module}{name}"),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
