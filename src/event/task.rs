// SPDX-License-Identifier: GPL-2.0

//! A task, as a fact.

use super::platform::fmt::{
    self,
    Write, //
};

/// A task, remembered without a reference to it. It may have exited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    /// The address of its `struct task_struct`. Only compared: a later task may have the same.
    pub(crate) key: u64,
    /// When it began, in ns since boot. Together with `key` this tells it from any other task; but a
    /// thread that executes another program becomes the first of its process, with the id and the
    /// start time of that. Never 0.
    pub(crate) start_time: u64,
    /// Its id in the initial pid namespace.
    pub(crate) pid: i32,
    /// Its name, padded with zeros: the bytes of `comm` in memory order.
    pub(crate) comm: [u64; 2],
}

/// As reports have it: "munmap[1234]".
impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.comm.iter().flat_map(|word| word.to_ne_bytes());

        for byte in name.take_while(|byte| *byte != 0) {
            let printable = byte.is_ascii_graphic() || byte == b' ';

            f.write_char(if printable { byte.into() } else { '?' })?;
        }
        write!(f, "[{}]", self.pid)
    }
}

/// Questions about tasks, which the ledger can't answer from facts.
pub(crate) trait Tasks {
    /// Returns whether the task has exited.
    fn has_exited(&self, task: &Task) -> bool;

    /// Returns whether the task could run, but waits for a CPU. The answer may be out of date.
    fn waits_for_cpu(&self, task: &Task) -> bool;

    /// Returns whether the task has certainly left the function that had `address` on its stack, when
    /// it had entered the kernel as [`entry`](super::platform::entry) said then. The answer "no" says
    /// nothing.
    fn has_left_function(&self, task: &Task, address: usize, entry: u32) -> bool;
}
