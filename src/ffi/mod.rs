// SPDX-License-Identifier: GPL-2.0

//! The border to C: the hand-written C of mnck, and safe wrappers of what the `kernel` crate lacks.

mod current;
pub(crate) use current::{
    clock_ns,
    current_run_delay,
    entry,
    ticks,
    AllTasks,
    Current,
    TICKS_PER_SECOND, //
};

mod debugfs;
pub(crate) use debugfs::Directory;

pub(crate) mod function_probe;

mod global;
pub(crate) use global::{
    Global,
    Published, //
};

mod lockdep;
pub(crate) use lockdep::HeldMap;

pub(crate) mod parameters;

pub(crate) mod opener;

mod probe;
pub(crate) use probe::{
    MightSleep,
    ObservedSection,
    Section,
    Seen,
    SleepProbe, //
};

mod processes;
pub(crate) use processes::{
    Following,
    Processes, //
};

mod racy;
pub(crate) use racy::Racy;

mod raw;
pub(crate) use raw::*;

mod record_file;
pub(crate) use record_file::{
    NewRecordFile,
    RecordFile, //
};

mod semaphore;
pub(crate) use semaphore::{
    Semaphore,
    SemaphoreGuard, //
};

pub(crate) mod subscriptions;

mod sweeper;
pub(crate) use sweeper::{
    finish_sweep,
    queue_sweep,
    sweep_soon,
    Sweeper, //
};

mod table;
pub(crate) use table::Table;

pub(crate) mod target;

mod task;
pub(crate) use task::current_is_killed;

pub(crate) mod trace;

pub(crate) mod uapi;

mod warning;
pub(crate) use warning::{
    initiator,
    initiator_of,
    task_name,
    warn, //
};

mod watch;
pub(crate) use watch::{
    is_own,
    ModuleMemory,
    WatchHeld,
    WatchSwitch,
    Watching, //
};

mod word;
pub(crate) use word::{
    read_fence,
    write_fence,
    Word, //
};

mod work;
pub(crate) use work::{
    Work,
    WorkItem, //
};
