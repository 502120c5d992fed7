// SPDX-License-Identifier: GPL-2.0

//! `mnck run`: runs a program, and reports the rules that the drivers broke meanwhile.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Write},
    os::{
        fd::AsFd,
        unix::process::ExitStatusExt, //
    },
    path::PathBuf,
    process::{Child, Command, ExitStatus},
};

use anyhow::{Context, Result};

use crate::{
    cli, device,
    device::{Scope, Watch},
    report::{
        findings::Findings,
        of_run::{End, Report},
        rules,
        terminal::{unless_closed, Terminal},
    },
    sys,
    sys::Signals,
};

/// Runs the program; returns its exit status, or that of a broken rule.
pub fn run(options: &cli::Run) -> Result<u8> {
    let outputs = Outputs::create(options)?;
    // The program inherits the watch of this process, so that nothing comes between its start and
    // the watch.
    let scope = if options.all {
        Scope::All
    } else {
        Scope::Process(0)
    };
    let signals = Signals::while_a_program_runs()?;
    // The status of the program would be lost, if the user of this one ignores it.
    sys::wait_for_children();
    let mut watch = Watch::begin(scope, options.slow)?;
    watch.prearm_all();
    let mut child = match start(&options.command) {
        Ok(child) => child,
        Err(status) => return Ok(status),
    };

    let mut findings = Findings::default();
    let end = wait(&mut watch, &mut child, &signals, &mut findings).inspect_err(|_| {
        // It would go on without a watch.
        let _ = child.kill().and_then(|()| child.wait());
    })?;
    let (records, summary) = watch.summary()?;
    records.iter().for_each(|record| findings.add(record));
    let report = Report {
        command: options
            .command
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect(),
        end,
        findings,
        summary,
    };

    // The files come first: the reader of the report may have enough of it.
    let written = outputs.write(&report);
    let mut out = io::stderr().lock();
    let terminal = Terminal::of(&out);
    unless_closed(report.print(&mut out, terminal))?;
    written?;
    Ok(if !report.findings.is_clean() {
        options.error_exitcode
    } else if options.strict && !report.is_complete() {
        cli::INCOMPLETE
    } else {
        end.status()
    })
}

/// Starts a program; or says why it can't be, and returns the exit status for that.
///
/// The statuses are those of env(1).
pub fn start(command: &[OsString]) -> Result<Child, u8> {
    // The command line has at least one word.
    Command::new(&command[0])
        .args(&command[1..])
        .spawn()
        .map_err(|error| not_started(&command[0], &error))
}

/// Says why a program can't be started; returns the exit status for that.
pub fn not_started(program: &OsStr, error: &io::Error) -> u8 {
    complain!("mnck: {}: {error}", program.to_string_lossy());
    if error.kind() == io::ErrorKind::NotFound {
        127
    } else {
        126
    }
}

/// Adds up what the module finds until the program has ended; passes signals on to it.
fn wait(
    watch: &mut Watch,
    child: &mut Child,
    signals: &Signals,
    findings: &mut Findings,
) -> Result<End> {
    let process = sys::pidfd_open(child.id()).context("cannot wait for the program")?;

    loop {
        let (has_records, ready) = watch.wait(&[process.as_fd(), signals.as_fd()], None)?;

        if has_records {
            watch.read()?.iter().for_each(|record| findings.add(record));
        }
        for signal in signals.pending() {
            // A terminal sends these to the program itself, if it has not left its group.
            let is_of_terminal = [libc::SIGINT, libc::SIGQUIT].contains(&signal)
                && File::open("/dev/tty").is_ok()
                && sys::is_in_own_group(child.id());
            if !is_of_terminal {
                // It may have ended just now.
                let _ = sys::kill(child.id(), signal);
            }
        }
        if ready[0] {
            return Ok(end(child.wait()?));
        }
    }
}

/// Returns how a program has ended.
pub fn end(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code as u8),
        (None, signal) => End::Killed(signal.unwrap_or(0)),
    }
}

/// The files of the report, which are made before the program runs, so that it does not run in vain.
struct Outputs {
    json: Option<(PathBuf, File)>,
    junit: Option<(PathBuf, File)>,
    ktap: Option<(PathBuf, File)>,
}

impl Outputs {
    fn create(options: &cli::Run) -> Result<Self> {
        let create = |path: &Option<PathBuf>| -> Result<_> {
            let Some(path) = path else {
                return Ok(None);
            };
            let file =
                File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(Some((path.clone(), file)))
        };

        Ok(Self {
            json: create(&options.json)?,
            junit: create(&options.junit)?,
            ktap: create(&options.ktap)?,
        })
    }

    fn write(self, report: &Report) -> Result<()> {
        let sight = rules::Sight {
            gap: report.gap(),
            has_probes: device::parameter("probes").is_ok_and(|value| value != "0"),
        };
        let findings = &report.findings;

        write(self.json, |file| writeln!(file, "{:#}", report.json()))?;
        write(self.junit, |file| {
            rules::junit(file, &report.command.join(" "), findings, &sight)
        })?;
        write(self.ktap, |file| rules::ktap(file, findings, &sight))
    }
}

/// Writes a file whole, or says that it is not.
fn write(
    to: Option<(PathBuf, File)>,
    with: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let Some((path, file)) = to else {
        return Ok(());
    };
    let mut file = io::BufWriter::new(file);

    with(&mut file)
        .and_then(|()| file.flush())
        .with_context(|| format!("cannot write {}", path.display()))
}
