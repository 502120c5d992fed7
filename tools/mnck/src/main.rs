// SPDX-License-Identifier: GPL-2.0

//! mnck: shows the MMU notifiers of a machine, and checks those of a program.

/// Writes a line for the user to the standard error, which may be closed.
macro_rules! complain {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

mod btf;
mod cli;
mod commands;
mod device;
mod reap;
mod record;
mod report;
mod sys;
mod tables;
mod uapi;

use std::{io, process::ExitCode};

use clap::Parser;

use cli::{Cli, Command};

/// The exit status of a command that could not do its work.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::List(options) => until_closed(commands::list::list(&options)),
        Command::Ps(options) => until_closed(commands::ps::ps(&options)),
        Command::Top(options) => until_closed(commands::top::top(&options)),
        Command::Watch(options) => until_closed(commands::watch::watch(&options)),
        Command::Run(options) => commands::run::run(&options),
        Command::Oom(options) => commands::oom::oom(&options),
        Command::Doctor(options) => commands::doctor::doctor(&options),
        Command::Man { directory } => commands::man::man(&directory),
    };

    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            complain!("mnck: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

/// Takes it for success if the reader of a list has enough, such as head(1).
fn until_closed(result: anyhow::Result<u8>) -> anyhow::Result<u8> {
    let is_closed = |error: &anyhow::Error| {
        error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };

    match result {
        Err(error) if is_closed(&error) => Ok(0),
        result => result,
    }
}
