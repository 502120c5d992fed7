// SPDX-License-Identifier: GPL-2.0

//! A memory cgroup in which a program runs out of memory, so that the kernel's own OOM killer takes
//! it.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::OpenOptionsExt, //
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{anyhow, bail, Context, Result};

const ROOT: &str = "/sys/fs/cgroup";
const LOG: &str = "/dev/kmsg";

/// What the kernel's thread `oom_reaper` says at its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    Reaped,
    /// It has tried ten times.
    GaveUp,
    /// It does not try, since a process that can't be killed has the memory, too.
    Pinned,
}

/// The cgroup.  The drop kills all that is in it, and removes it.
pub struct Group {
    path: PathBuf,
    log: File,
}

impl Group {
    /// Makes a cgroup without a limit, which can't be swapped out.
    ///
    /// # Errors
    ///
    /// The text says what to do.
    pub fn make() -> Result<Self> {
        let controllers = fs::read_to_string(Path::new(ROOT).join("cgroup.controllers"));
        if !controllers.is_ok_and(|controllers| has_word(&controllers, "memory")) {
            bail!(
                "--reaper needs the memory controller of cgroup v2 at {ROOT}, which this machine \
                 does not have: leave --reaper out"
            );
        }
        if fs::read_to_string("/proc/sys/vm/panic_on_oom").is_ok_and(|text| text.trim() == "2") {
            bail!("the kernel would panic, since vm.panic_on_oom is 2: leave --reaper out");
        }

        let log = File::options()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(LOG)
            .and_then(|mut log| log.seek(SeekFrom::End(0)).map(|_| log))
            .map_err(|error| no_permission(&LOG, &error))?;
        enable_memory()?;
        let path = Path::new(ROOT).join(format!("mnck-{}", std::process::id()));
        // One that is left of a process with the same id, which was killed, is empty.
        let _ = fs::remove_dir(&path);
        fs::create_dir(&path).map_err(|error| no_permission(&path.display(), &error))?;
        let group = Self { path, log };
        group.write("memory.oom.group", "1")?;
        match group.write("memory.swap.max", "0") {
            // The kernel has no swap.
            Err(error) if error.kind() == io::ErrorKind::NotFound => (),
            result => result?,
        }
        Ok(group)
    }

    /// Returns a file to which a process writes "0" to become a member.
    pub fn members(&self) -> Result<File> {
        File::options()
            .write(true)
            .open(self.path.join("cgroup.procs"))
            .context("cannot open the cgroup")
    }

    /// Takes all memory away: the OOM killer kills all members.
    ///
    /// It does not return before their memory is freed, or a signal comes.
    pub fn run_out_of_memory(&self) -> io::Result<()> {
        self.write("memory.max", "0")
    }

    /// Returns whether the OOM killer has killed a member.
    pub fn has_killed(&self) -> bool {
        fs::read_to_string(self.path.join("memory.events"))
            .is_ok_and(|events| count_of(&events, "oom_kill").is_some_and(|count| count != 0))
    }

    /// Returns what the kernel's log says by now about a process, by the ids of its threads.
    pub fn verdict(&self, ids: &[u32]) -> Result<Option<Verdict>> {
        let mut record = [0; 8192];

        loop {
            match (&self.log).read(&mut record) {
                Ok(len) => {
                    let verdict = verdict(&String::from_utf8_lossy(&record[..len]), ids);
                    if verdict.is_some() {
                        return Ok(verdict);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => bail!(
                    "the kernel's log was overwritten before it was read, and with it may be what \
                     came of the reaping: try again"
                ),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error).context(LOG),
            }
        }
    }

    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        fs::write(self.path.join(file), text)
    }
}

impl AsFd for Group {
    /// Can be read if the kernel's log has more to say.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.log.as_fd()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Kernels before 5.14 don't have the file.
        let _ = self.write("cgroup.kill", "1");
        let mut result = Ok(());

        // Members take a moment to die.
        for _ in 0..500 {
            result = fs::remove_dir(&self.path);
            if !matches!(&result, Err(error) if error.raw_os_error() == Some(libc::EBUSY)) {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        if let Err(error) = result {
            complain!("mnck: cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Has the children of the root accounted for memory.
///
/// This is not undone: other cgroups may use it by then.
fn enable_memory() -> Result<()> {
    let control = Path::new(ROOT).join("cgroup.subtree_control");
    if fs::read_to_string(&control).is_ok_and(|enabled| has_word(&enabled, "memory")) {
        return Ok(());
    }

    match fs::write(&control, "+memory") {
        Ok(()) => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => bail!(
            "{ROOT} can't have a memory cgroup, since it has processes of its own, as in a \
             container: run this outside, or leave --reaper out"
        ),
        Err(error) => Err(no_permission(&control.display(), &error)),
    }
}

fn no_permission(what: &dyn std::fmt::Display, error: &io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            anyhow!("--reaper needs root: {what} may not be used")
        }
        _ => anyhow!("--reaper needs {what}: {error}"),
    }
}

fn has_word(text: &str, word: &str) -> bool {
    text.split_whitespace().any(|one| one == word)
}

/// Returns the number behind `name` in a text with a line for each name.
fn count_of(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(' ')?;
        (key == name).then(|| value.trim().parse().ok())?
    })
}

/// Returns what a record of the kernel's log says about a process with threads of these `ids`.
fn verdict(record: &str, ids: &[u32]) -> Option<Verdict> {
    let (_, text) = record.split_once(';')?;
    let says = |before: &str, after: &str| {
        let id = text
            .strip_prefix(before)
            .and_then(|rest| rest.split_once(after))
            .and_then(|(id, _)| id.parse().ok());
        id.is_some_and(|id| ids.contains(&id))
    };

    if says("oom_reaper: reaped process ", " ") {
        Some(Verdict::Reaped)
    } else if says("oom_reaper: unable to reap pid:", " ") {
        Some(Verdict::GaveUp)
    } else if says("oom killer ", " ") && text.contains(" has mm pinned by ") {
        Some(Verdict::Pinned)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_verdict_is_that_of_the_process() {
        let reaped = "6,1209,8123,-;oom_reaper: reaped process 42 (client), now anon-rss:0kB\n";

        assert_eq!(Some(Verdict::Reaped), verdict(reaped, &[40, 42]));
        assert_eq!(None, verdict(reaped, &[4]));
        assert_eq!(
            Some(Verdict::GaveUp),
            verdict(
                "6,1,2,-;oom_reaper: unable to reap pid:42 (client)\n",
                &[42]
            )
        );
        assert_eq!(
            None,
            verdict(
                "6,1,2,-;a program says oom_reaper: reaped process 42 ",
                &[42]
            )
        );
        assert_eq!(
            Some(Verdict::Pinned),
            verdict(
                "6,1,2,-;oom killer 42 (a) has mm pinned by 1 (init)\n",
                &[42]
            )
        );
    }

    #[test]
    fn kills_are_counted() {
        let events = "low 0\noom 3\noom_kill 1\noom_group_kill 2\n";

        assert_eq!(Some(1), count_of(events, "oom_kill"));
        assert_eq!(None, count_of(events, "kill"));
    }

    proptest! {
        #[test]
        fn any_text_does_no_harm(text in "(;oom_reaper: |reaped process |42 |oom_kill|\n|.){0,20}") {
            let _ = verdict(&text, &[42]);
            let _ = count_of(&text, "oom_kill");
        }
    }
}
