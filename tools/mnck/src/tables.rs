// SPDX-License-Identifier: GPL-2.0

//! The tables of the module in debugfs, as their users read them.

use std::{fs, io};

use anyhow::{anyhow, Result};

use crate::{device, report::text};

pub mod registered;
pub mod running;

const DIRECTORY: &str = "/sys/kernel/debug/mnck";

/// Reads a table.
///
/// # Errors
///
/// The text says what to do.
pub fn read(name: &str) -> Result<String> {
    let path = format!("{DIRECTORY}/{name}");

    let bytes = fs::read(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound if !device::is_loaded() => {
            anyhow!("the module mnck is not loaded: run 'insmod mnck.ko' as root")
        }
        io::ErrorKind::NotFound if !fs::exists(DIRECTORY).unwrap_or(false) => anyhow!(
            "{DIRECTORY} is missing: run 'mount -t debugfs debugfs /sys/kernel/debug' as root, or \
             use a kernel with CONFIG_DEBUG_FS"
        ),
        io::ErrorKind::NotFound => {
            anyhow!("the module mnck that is loaded is older than this tool: it has no {path}")
        }
        io::ErrorKind::PermissionDenied => anyhow!(
            "{path} may not be read: run this as root; a locked-down kernel forbids it to root too"
        ),
        _ => anyhow!("{path}: {error}"),
    })?;
    // Names of tasks may be anything.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Tells the user of lines of a table that this tool does not know, if there were any.
pub fn complain_of_unknown(lines: u64) {
    if lines != 0 {
        complain!(
            "mnck: {} of the module's table can't be read: load the module that was built with \
             this tool",
            text::count(lines, "line")
        );
    }
}
