// SPDX-License-Identifier: GPL-2.0

//! `mnck oom`: runs a program, and takes its memory away as the OOM killer does.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use anyhow::{bail, Context, Result};

use crate::{
    cli,
    device::{Scope, Summary, Watch},
    reap::{
        cgroup::{Group, Verdict},
        memory,
        victim::{Inherited, Victim}, //
    },
    report::{
        of_oom::{since, Outcome, Phases, Report},
        of_run::End,
        terminal::{unless_closed, Terminal}, //
    },
    sys,
    sys::Signals,
};

/// How often the memory is reaped while a driver refuses, and the time between: those of the
/// kernel's mm/oom_kill.c.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// How long the threads of the program may take to die.  The memory can be reaped if one has
/// stopped in its exit.
const THREADS_DIE: Duration = Duration::from_secs(10);

/// After this time the user is told what to do if the reaping hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs and reaps the program; returns 0, or that a rule was broken, or the reaping did not end.
pub fn oom(options: &cli::Oom) -> Result<u8> {
    let json = match &options.json {
        Some(path) => {
            let file =
                File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Some((path, file))
        }
        None => None,
    };
    // Dropped after the program, which is in it.
    let group = options.reaper.then(Group::make).transpose()?;
    let mut inherited = Inherited::default();
    if let Some(group) = &group {
        inherited.cgroup = Some(group.members()?);
    }
    let mut ready = None;
    if let Some(number) = options.ready_fd {
        let (read, write) = sys::pipe(0)?;
        inherited.ready = Some((write, number));
        ready = Some(read);
    }

    let signals = Signals::of_a_tracer()?;
    // The program inherits the watch of this process, so that nothing comes between its start and
    // the watch.
    let watch = Watch::begin(Scope::Process(0), None)?;
    watch.prearm_all();
    let victim = match Victim::start(&options.command, inherited)? {
        Ok(victim) => victim,
        Err(status) => return Ok(status),
    };
    let mut session = Session {
        victim,
        watch,
        signals,
        asked_to_end: None,
        phases: Phases::default(),
    };
    session.wait_for_the_moment(ready, options.after)?;
    let Some(report) = session.reap(&options.command, group.as_ref())? else {
        complain!("mnck: interrupted before the memory was taken; the program is killed");
        return Ok(End::Killed(session.asked_to_end.unwrap_or(libc::SIGINT)).status());
    };

    let mut out = io::stderr().lock();
    let terminal = Terminal::of(&out);
    // The file comes first: the reader of the report may have enough of it.
    let written = json.map_or(Ok(()), |(path, mut file)| {
        writeln!(file, "{:#}", report.json())
            .with_context(|| format!("cannot write {}", path.display()))
    });
    unless_closed(report.print(&mut out, terminal))?;
    written?;
    Ok(report.status())
}

/// The program and its watch.
struct Session {
    // Dropped in this order.
    victim: Victim,
    watch: Watch,
    signals: Signals,
    /// The signal that asked this program to end.
    asked_to_end: Option<i32>,
    phases: Phases,
}

impl Session {
    /// Waits for something to happen: one of `others` can be read, a record or a signal comes, a
    /// thread of the program stops, a process ends.  Returns whether one of `others` can be read.
    fn wait(&mut self, others: &[BorrowedFd<'_>], timeout: Option<Duration>) -> Result<bool> {
        let files: Vec<_> = others
            .iter()
            .copied()
            .chain([self.signals.as_fd()])
            .collect();
        let (has_records, mut ready) = self.watch.wait(&files, timeout)?;

        if has_records {
            let records = self.watch.read()?;
            self.phases.add(&records);
        }
        for signal in self.signals.pending() {
            if signal != libc::SIGCHLD {
                self.asked_to_end = Some(signal);
            }
        }
        self.victim.turn()?;
        ready.pop();
        Ok(ready.contains(&true))
    }

    /// Waits until the program says that it is `ready`, or until it has run for a time.
    ///
    /// # Errors
    ///
    /// The program has ended by itself.
    fn wait_for_the_moment(&mut self, ready: Option<OwnedFd>, after: Duration) -> Result<()> {
        let begin = Instant::now();
        let mut is_now = false;

        while !is_now && self.asked_to_end.is_none() {
            is_now = match &ready {
                Some(ready) => self.wait(&[ready.as_fd()], None)?,
                None => {
                    let left = after.saturating_sub(begin.elapsed());
                    self.wait(&[], Some(left))?;
                    left.is_zero()
                }
            };
            self.must_not_have_ended()?;
        }
        Ok(())
    }

    fn must_not_have_ended(&self) -> Result<()> {
        match self.victim.end() {
            None => Ok(()),
            Some(End::Exited(status)) => bail!(
                "the program exited with status {status} before its memory could be taken: \
                 choose an earlier moment, with --after or --ready-fd"
            ),
            Some(End::Killed(signal)) => {
                bail!("the program was killed by signal {signal} before its memory could be taken")
            }
        }
    }

    /// Kills the program, and has its memory reaped while it is held in its exit.
    ///
    /// Returns `None` if the user has ended that before the program was held.
    fn reap(&mut self, command: &[OsString], group: Option<&Group>) -> Result<Option<Report>> {
        if self.asked_to_end.is_some() {
            return Ok(None);
        }
        if let Err(error) = self.victim.trace() {
            self.wait(&[], Some(Duration::ZERO))?;
            self.must_not_have_ended()?;
            return Err(error);
        }

        // The kernel's reaper begins soon after the kill; process_mrelease() only when it is called.
        let mut first = None;
        let mut before = 0;
        match group {
            Some(group) => {
                first = Some(self.next_phase()?);
                before = memory::anonymous(self.victim.pid(), self.victim.pid()).unwrap_or(0);
                self.victim.begin(|_| group.run_out_of_memory())?;
            }
            None => self.victim.kill()?,
        }
        let Some(holder) = self.wait_until_held(group)? else {
            return Ok(None);
        };
        // It would look for more to kill.
        self.victim.cancel();
        let anonymous = |victim: &Victim| {
            memory::anonymous(victim.pid(), holder).context("the program gave its memory back")
        };
        let before = anonymous(&self.victim)?.max(before);
        let first = match first {
            Some(first) => first,
            None => self.next_phase()?,
        };

        let (outcome, tries) = match group {
            Some(group) => (self.wait_for_the_reaper(group)?, None),
            None => {
                let (outcome, tries) = self.release_memory()?;
                (outcome, Some(tries))
            }
        };
        let last = self.next_phase()?;
        let after = anonymous(&self.victim)?;
        let unstopped = self.victim.unstopped();

        self.victim.release();
        let has_ended = self.wait_for_the_end()?;
        let unseen = self.next_phase()?.unseen;
        Ok(Some(Report {
            command: command
                .iter()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
            is_by_reaper: group.is_some(),
            outcome,
            tries,
            unstopped,
            has_ended,
            before,
            after,
            phases: std::mem::take(&mut self.phases),
            callbacks: since(&last.callbacks, &first.callbacks),
            unseen,
        }))
    }

    /// Adds what has happened so far to this phase, and begins the next; returns the summary.
    fn next_phase(&mut self) -> Result<Summary> {
        let (records, summary) = self.watch.summary()?;

        self.phases.add(&records);
        self.phases.next();
        Ok(summary)
    }

    /// Waits until all threads of the program have stopped in their exit; returns one of them.
    ///
    /// Returns `None` if the user asks for the end.
    fn wait_until_held(&mut self, group: Option<&Group>) -> Result<Option<u32>> {
        let begin = Instant::now();

        self.wait_for(&[], |session| {
            session.must_not_have_ended()?;
            if let (Some(group), Some(result)) = (group, session.victim.result()) {
                result.context("the memory of the cgroup can't be taken away")?;
                if !group.has_killed() {
                    bail!(
                        "the OOM killer found nothing to kill: the program has left its cgroup, \
                         or its oom_score_adj is -1000; leave --reaper out"
                    );
                }
            }
            let is_held = session.victim.unstopped().is_empty() || begin.elapsed() >= THREADS_DIE;
            Ok(session.victim.holder().filter(|_| is_held))
        })
    }

    /// Reaps the memory by process_mrelease(2); returns how often that was tried.
    fn release_memory(&mut self) -> Result<(Outcome, u32)> {
        let mut tries = 0;

        loop {
            tries += 1;
            self.victim
                .begin(|process| sys::process_mrelease(process))?;
            let Some(result) = self.wait_for(&[], |session| Ok(session.victim.result()))? else {
                self.victim.cancel();
                return Ok((Outcome::Unfinished, tries));
            };

            let error = match result {
                Ok(()) => return Ok((Outcome::Freed, tries)),
                Err(error) => error,
            };
            match error.raw_os_error() {
                Some(libc::EAGAIN | libc::EINVAL) if tries < TRIES => {
                    let begin = Instant::now();
                    while let Some(left) = BETWEEN_TRIES
                        .checked_sub(begin.elapsed())
                        .filter(|left| !left.is_zero())
                    {
                        self.wait(&[], Some(left))?;
                    }
                }
                Some(libc::EAGAIN) => return Ok((Outcome::Refused, tries)),
                Some(libc::EINVAL) => bail!(
                    "another process shares the memory of the program, and is alive: --reaper \
                     would kill that too"
                ),
                Some(libc::ENOSYS) => bail!(
                    "this kernel has no process_mrelease(2), which is in Linux 5.15 and later: \
                     use --reaper"
                ),
                _ => return Err(error).context("process_mrelease(2) failed"),
            }
        }
    }

    /// Waits until the kernel's thread `oom_reaper` has said what came of it.
    fn wait_for_the_reaper(&mut self, group: &Group) -> Result<Outcome> {
        let verdict = self.wait_for(&[group.as_fd()], |session| {
            group.verdict(&session.victim.ids())
        })?;

        Ok(match verdict {
            Some(Verdict::Reaped) => Outcome::Freed,
            Some(Verdict::GaveUp) => Outcome::Refused,
            Some(Verdict::Pinned) => bail!(
                "another process shares the memory of the program, and can't be killed: the \
                 kernel takes nothing away"
            ),
            None => Outcome::Unfinished,
        })
    }

    /// Waits until the program has ended, but not for ever; returns whether it has.
    fn wait_for_the_end(&mut self) -> Result<bool> {
        let begin = Instant::now();
        let end = self.wait_for(&[], |session| {
            let end = session.victim.end();
            Ok((end.is_some() || begin.elapsed() >= PATIENCE).then_some(end))
        })?;

        Ok(end.flatten().is_some())
    }

    /// Waits until `get` returns something; returns `None` if the user asks for the end.
    fn wait_for<T>(
        &mut self,
        others: &[BorrowedFd<'_>],
        mut get: impl FnMut(&mut Self) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let begin = Instant::now();
        let mut is_told = false;

        loop {
            if let Some(value) = get(self)? {
                return Ok(Some(value));
            }
            if self.asked_to_end.is_some() {
                return Ok(None);
            }
            if begin.elapsed() >= PATIENCE && !is_told {
                is_told = true;
                complain!(
                    "mnck: this takes long: 'mnck ps' shows the callbacks that hang, and Ctrl-C \
                     ends it"
                );
            }
            self.wait(others, Some(Duration::from_secs(1)))?;
        }
    }
}
