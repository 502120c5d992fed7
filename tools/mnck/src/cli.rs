// SPDX-License-Identifier: GPL-2.0

//! The command line.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The exit status of `mnck run` if a rule was broken, unless the user names another.
pub const BROKEN: u8 = 99;
/// The exit status of `mnck run --strict` if something was not seen.
pub const INCOMPLETE: u8 = 98;

/// Checks the MMU notifiers of drivers, and names the driver that breaks a rule.
///
/// The module mnck must be loaded ('insmod mnck.ko').  'mnck doctor' says whether this kernel can be
/// watched, 'mnck run -- ./my_test' whether a driver breaks a rule in your test.  For a machine that
/// hangs load the module before, with watch=1: 'mnck ps' then names the driver.
#[derive(Debug, Parser)]
#[command(
    name = "mnck",
    version,
    max_term_width = 80,
    after_help = "Variables: COLUMNS is the width of the output; NO_COLOR turns colours off."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    List(List),
    Ps(Ps),
    Top(Top),
    Watch(Watch),
    Run(Run),
    Oom(Oom),
    Doctor(Doctor),
    /// Writes the man pages into a directory.
    #[command(hide = true)]
    Man {
        directory: PathBuf,
    },
}

/// Lists which driver has a subscription to which process.
///
/// Subscriptions from before the module was loaded are in the list, too.
#[derive(Args, Debug)]
pub struct List {
    /// Only the subscriptions to this process
    #[arg(short, long)]
    pub pid: Option<u32>,
    /// The drivers of each process, or the processes of each driver
    #[arg(long, value_enum, default_value_t = By::Process)]
    pub by: By,
    /// Print JSON, as Documentation/mnck.schema.json describes it
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum By {
    Process,
    Driver,
}

/// Shows the callbacks that run now, and the tasks that wait for them.
///
/// This is for a machine that hangs: it changes nothing.  It knows the callbacks of all drivers if
/// the module was loaded with watch=1.
#[derive(Args, Debug)]
pub struct Ps {
    /// Print JSON, as Documentation/mnck.schema.json describes it
    #[arg(long)]
    pub json: bool,
}

/// Shows, again and again, how often and how long the callbacks of each driver run.
///
/// All processes are watched meanwhile.  On a terminal, q or Ctrl-C ends it.  The module can't be
/// removed before that.
#[derive(Args, Debug)]
pub struct Top {
    /// The time between two tables
    #[arg(short, long, default_value = "2s", value_parser = humantime::parse_duration)]
    pub delay: Duration,
    /// End after this many tables
    #[arg(short = 'n', long)]
    pub iterations: Option<u64>,
    /// Print the tables one below the other, for a file
    #[arg(short, long)]
    pub batch: bool,
}

/// Prints a line for each thing that happens: a subscription, a broken rule, a slow callback.
#[derive(Args, Debug)]
pub struct Watch {
    /// Only this process, and all that it forks and executes from now on
    #[arg(short, long)]
    pub pid: Option<u32>,
    /// Also print callbacks that take as long as this, such as 1ms
    #[arg(long, value_parser = humantime::parse_duration)]
    pub slow: Option<Duration>,
    /// Print a JSON object on each line, as Documentation/mnck.schema.json describes it
    #[arg(long)]
    pub json: bool,
}

/// Runs a program, watches the drivers that it uses, and reports the rules that they broke.
///
/// The exit status is that of the program (128 and the number of the signal if one killed it; 126 or
/// 127 if it can't be run), or 99 if a rule was broken, or 2 if mnck could not do its work.  The rules
/// are those of Documentation/checks.md in mnck's sources.  The first calls of a driver are seen if the
/// kernel has type information (BTF) of it; else let another program use the driver before, under
/// watch=1.
#[derive(Args, Debug)]
pub struct Run {
    /// Watch all processes, not only the program and what it forks
    #[arg(long)]
    pub all: bool,
    /// Also report callbacks that take as long as this, such as 1ms
    #[arg(long, value_parser = humantime::parse_duration)]
    pub slow: Option<Duration>,
    /// The exit status if a rule was broken
    #[arg(long, value_name = "N", default_value_t = BROKEN)]
    pub error_exitcode: u8,
    /// Exit with 98 if no rule was broken, but not all calls were seen
    #[arg(long)]
    pub strict: bool,
    /// Write the report as JSON, as Documentation/mnck.schema.json describes it
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the report as JUnit XML: a test for each rule
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write the report as KTAP: a test for each rule
    #[arg(long, value_name = "FILE")]
    pub ktap: Option<PathBuf>,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// Runs a program, and reaps it as the OOM killer does, at a moment that is certain.
///
/// The program is killed, and its threads stop in their exit.  Then process_mrelease(2) takes its
/// memory away.  It calls the drivers for non-blockable ranges, in which no callback may sleep.  A
/// driver may refuse such a range, and that memory is not freed.  Like the OOM killer, mnck tries
/// ten times.  Only CMD itself is reaped, not the programs that it starts.
///
/// The exit status is 0 if no rule was broken, also if a driver refused; 99 if a rule was broken; 2
/// if CMD could not be reaped, for example because it ended before, or if it did not end after that;
/// 126 or 127 if CMD could not be executed; and 130 after Ctrl-C.
#[derive(Args, Debug)]
pub struct Oom {
    /// Reap the program when it has run for this time
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub after: Duration,
    /// Reap the program when it has written to this file descriptor, or closed it
    #[arg(long, value_name = "FD", conflicts_with = "after",
          value_parser = clap::value_parser!(i32).range(0..))]
    pub ready_fd: Option<i32>,
    /// Have the kernel's own OOM killer do it: CMD runs out of memory, in a cgroup of its own.
    /// That kills the programs that it starts, too
    #[arg(long)]
    pub reaper: bool,
    /// Write the report as JSON, as Documentation/mnck.schema.json describes it
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// Says whether the drivers of this kernel can be watched, and what to do if not.
#[derive(Args, Debug)]
pub struct Doctor {
    /// Print JSON, as Documentation/mnck.schema.json describes it
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
