// SPDX-License-Identifier: GPL-2.0

//! The program that is killed and held.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File},
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    thread,
    time::Duration,
};

use anyhow::{anyhow, bail, Context, Result};

use crate::{
    commands::run,
    report::of_run::End,
    sys::{self, Change},
};

/// What the program gets from this one.
#[derive(Default)]
pub struct Inherited {
    /// The members of a cgroup, which it joins.
    pub cgroup: Option<File>,
    /// A file that it has under this number.
    pub ready: Option<(OwnedFd, i32)>,
}

/// The program, a child of this process.  The drop kills it.
pub struct Victim {
    pid: u32,
    process: OwnedFd,
    /// Its threads that have stopped in their exit.
    held: BTreeSet<u32>,
    end: Option<End>,
    helper: Option<Helper>,
}

/// A child of this process that makes a call for it, which may take long.
struct Helper {
    pid: u32,
    result: Option<io::Result<()>>,
}

impl Victim {
    /// Starts the program; or says why it can't be, and returns the exit status for that.
    pub fn start(command: &[OsString], inherited: Inherited) -> Result<Result<Self, u8>> {
        // The command line has at least one word.
        let mut program = std::process::Command::new(&command[0]);

        program.args(&command[1..]);
        // So that no file which the start of the program needs gets the number.
        let _reserved = match &inherited.ready {
            Some((file, number)) => sys::reserve(file, *number)
                .with_context(|| format!("the program can't have file descriptor {number}"))?,
            None => None,
        };
        let pid = match sys::start(&mut program, inherited.cgroup, inherited.ready) {
            Ok(pid) => pid,
            Err(error) => return Ok(Err(run::not_started(&command[0], &error))),
        };
        Ok(Ok(Self {
            pid,
            process: sys::pidfd_open(pid).context("cannot follow the program")?,
            held: BTreeSet::new(),
            end: None,
            helper: None,
        }))
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the ids of its threads, of which the first may have exited before the others.
    pub fn ids(&self) -> Vec<u32> {
        self.held
            .iter()
            .copied()
            .chain([self.pid])
            .chain(self.threads())
            .collect()
    }

    /// Returns how the program has ended, if it has.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// From now on each of its threads stops in its exit, also those that are started later.
    ///
    /// # Errors
    ///
    /// The text says what to do.  The program may have ended.
    pub fn trace(&self) -> Result<()> {
        let mut seized = BTreeSet::new();

        // A thread that is not seized yet may start others.
        loop {
            let new: Vec<_> = self
                .threads()
                .into_iter()
                .filter(|thread| !seized.contains(thread))
                .collect();
            if new.is_empty() {
                break;
            }
            for thread in new {
                match sys::trace_exit(thread) {
                    Ok(()) => (),
                    // It has exited, or a thread that is traced has just started it.
                    Err(_) if !self.is_alive(thread) || self.is_traced(thread) => (),
                    Err(error) if error.raw_os_error() == Some(libc::EPERM) => bail!(
                        "the program may not be traced: run this as root, and without another \
                         tracer, such as strace or gdb, on the program"
                    ),
                    Err(error) => return Err(error).context("the program can't be traced"),
                }
                seized.insert(thread);
            }
        }
        if seized.is_empty() {
            bail!("the program has ended");
        }
        Ok(())
    }

    /// Kills the program.  It stops in its exit if it is traced.
    pub fn kill(&self) -> Result<()> {
        sys::kill(self.pid, libc::SIGKILL).context("cannot kill the program")
    }

    /// Takes notice of what its threads and the helper have done since the last time.
    pub fn turn(&mut self) -> Result<()> {
        while let Some((pid, change)) = sys::wait_any()? {
            match &mut self.helper {
                Some(helper) if helper.pid == pid => helper.result = result(change),
                _ => self.has_changed(pid, change),
            }
        }
        Ok(())
    }

    fn has_changed(&mut self, thread: u32, change: Change) {
        let is_own = self.has_thread(thread);

        match change {
            Change::Exited(status) if thread == self.pid => {
                self.end = Some(End::Exited(status as u8));
            }
            Change::Killed(signal) if thread == self.pid => {
                self.end = Some(End::Killed(signal));
            }
            Change::Exited(_) | Change::Killed(_) => {
                self.held.remove(&thread);
            }
            Change::Exiting if is_own => {
                self.held.insert(thread);
            }
            // It may have been killed since it has stopped.
            Change::Stopped(signal) if is_own => drop(sys::go_on(thread, signal)),
            // A process that shares the memory, but is none of the threads.
            Change::Exiting | Change::Stopped(_) => drop(sys::detach(thread)),
        }
    }

    /// Returns a thread that keeps the memory.
    pub fn holder(&self) -> Option<u32> {
        self.held.first().copied()
    }

    /// Returns the threads that live, but have not stopped in their exit.
    pub fn unstopped(&self) -> Vec<u32> {
        self.threads()
            .into_iter()
            .filter(|thread| !self.held.contains(thread) && self.is_alive(*thread))
            .collect()
    }

    /// Lets it exit.
    pub fn release(&mut self) {
        for thread in std::mem::take(&mut self.held) {
            let _ = sys::detach(thread);
        }
    }

    /// Has a helper begin to make a `call`.
    pub fn begin(&mut self, call: impl FnOnce(BorrowedFd<'_>) -> io::Result<()>) -> Result<()> {
        let pid = sys::fork(|| call(self.process.as_fd()))
            .map_err(|error| anyhow!("cannot fork: {error}"))?;

        self.helper = Some(Helper { pid, result: None });
        Ok(())
    }

    /// Returns what the call has returned, once, if it has.
    pub fn result(&mut self) -> Option<io::Result<()>> {
        let helper = self.helper.take_if(|helper| helper.result.is_some())?;

        helper.result
    }

    /// Ends the call early.
    pub fn cancel(&mut self) {
        if let Some(Helper { pid, result: None }) = self.helper.take() {
            let _ = sys::kill(pid, libc::SIGKILL);
        }
    }

    fn threads(&self) -> Vec<u32> {
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.pid)) else {
            return vec![];
        };

        threads
            .filter_map(|thread| thread.ok()?.file_name().to_str()?.parse().ok())
            .collect()
    }

    fn has_thread(&self, thread: u32) -> bool {
        fs::exists(format!("/proc/{}/task/{thread}", self.pid)).unwrap_or(false)
    }

    fn is_alive(&self, thread: u32) -> bool {
        self.status(thread).is_some_and(|status| is_alive(&status))
    }

    fn is_traced(&self, thread: u32) -> bool {
        self.status(thread)
            .is_some_and(|status| field(&status, "TracerPid") == Some(&own_pid()))
    }

    fn status(&self, thread: u32) -> Option<String> {
        fs::read_to_string(format!("/proc/{}/task/{thread}/status", self.pid)).ok()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.cancel();
        if self.end.is_some() || self.kill().is_err() {
            return;
        }
        // A thread that stops in its exit must go on.  If one does not come as far, it goes on when
        // this process has ended.
        for _ in 0..500 {
            if self.turn().is_err() || self.end.is_some() {
                break;
            }
            self.release();
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Returns what the call of a helper has returned, if that has ended.
fn result(change: Change) -> Option<io::Result<()>> {
    match change {
        Change::Exited(0) => Some(Ok(())),
        Change::Exited(errno) => Some(Err(io::Error::from_raw_os_error(errno))),
        Change::Killed(_) => Some(Err(io::ErrorKind::Interrupted.into())),
        Change::Exiting | Change::Stopped(_) => None,
    }
}

fn own_pid() -> String {
    std::process::id().to_string()
}

/// Returns the first word of a line of `/proc/PID/status`.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?
        .split_whitespace()
        .next()
}

/// Returns whether a thread with this `/proc/PID/status` may still run.
fn is_alive(status: &str) -> bool {
    !matches!(field(status, "State"), None | Some("Z" | "X"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_zombie_is_not_alive() {
        assert!(is_alive("Name:\tState:\nState:\tD (disk sleep)\n"));
        assert!(!is_alive("Name:\tx\nState:\tZ (zombie)\n"));
        assert!(!is_alive(""));
        assert_eq!(Some("7"), field("TracerPid:\t7\n", "TracerPid"));
    }

    proptest! {
        #[test]
        fn any_text_does_no_harm(text in "(State|:|Z|\n|.){0,20}") {
            let _ = is_alive(&text);
        }
    }
}
