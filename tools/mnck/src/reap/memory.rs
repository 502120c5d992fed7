// SPDX-License-Identifier: GPL-2.0

//! How much memory a process has.

use std::{fs, io};

/// Returns how many bytes of anonymous memory a thread has: what the OOM killer frees.
///
/// # Errors
///
/// The thread has given its memory back.
pub fn anonymous(pid: u32, thread: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/task/{thread}/status"))?;

    parse(&status).ok_or(io::Error::from_raw_os_error(libc::ESRCH))
}

/// Parses `/proc/PID/status`.
fn parse(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;

    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_status_of_a_process_is_read() {
        let own = std::process::id();

        assert_eq!(
            Some(4 << 20),
            parse("Name:\tx\nVmRSS:\t 9 kB\nRssAnon:\t    4096 kB\nRssFile:\t 1 kB\n")
        );
        assert!(anonymous(own, own).unwrap() > 0);
    }

    #[test]
    fn a_zombie_has_no_memory() {
        assert_eq!(None, parse("Name:\tx\nState:\tZ (zombie)\n"));
    }

    proptest! {
        #[test]
        fn any_text_does_no_harm(text in "(RssAnon|:|[0-9 ]|kB|\n|.){0,40}") {
            let _ = parse(&text);
        }
    }
}
