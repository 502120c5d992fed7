// SPDX-License-Identifier: GPL-2.0

//! The system calls that std does not have.  All `unsafe` code of the tool is here.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::Command,
    time::Duration,
};

use crate::uapi::*;

/// Returns `result`, or the error of the system call if that is negative.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Makes the call `MNCK_WATCH`; returns the new file.
pub fn watch(device: impl AsFd, how: &mut mnck_watch) -> io::Result<OwnedFd> {
    // SAFETY: the call reads and writes a `struct mnck_watch`, which has no pointers.
    check(unsafe {
        libc::ioctl(
            device.as_fd().as_raw_fd(),
            WATCH as _,
            how as *mut mnck_watch,
        )
    })?;
    own(how.fd)
}

/// Makes the call `MNCK_SUMMARY`.
pub fn summary(watch: impl AsFd) -> io::Result<()> {
    // SAFETY: the call has no argument.
    check(unsafe { libc::ioctl(watch.as_fd().as_raw_fd(), SUMMARY as _, 0) })?;
    Ok(())
}

/// Makes the call `MNCK_PREARM`.
pub fn prearm(watch: impl AsFd, how: &mnck_prearm) -> io::Result<()> {
    // SAFETY: the call reads a `struct mnck_prearm`, which has no pointers.
    check(unsafe {
        libc::ioctl(
            watch.as_fd().as_raw_fd(),
            PREARM as _,
            how as *const mnck_prearm,
        )
    })?;
    Ok(())
}

/// Takes a file whose number the kernel has just returned, or an error.
///
/// Returns an error if the number is none.
fn own(fd: i32) -> io::Result<OwnedFd> {
    let fd = check(fd)?;

    // SAFETY: the kernel has just made this file for its caller, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Waits until one of `files` can be read, or has ended; at most for `timeout`, if there is one.
///
/// Returns for each whether that is so.  A signal ends the wait early.
pub fn poll(files: &[BorrowedFd<'_>], timeout: Option<Duration>) -> io::Result<Vec<bool>> {
    let mut polled: Vec<_> = files
        .iter()
        .map(|file| libc::pollfd {
            fd: file.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        })
        .collect();
    // Rounded up, so that a short timeout does not become a busy loop.
    let milliseconds = timeout.map_or(-1, |t| {
        i32::try_from(t.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
    });

    // SAFETY: `polled` has so many elements.
    match check(unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as _, milliseconds) }) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(vec![false; files.len()]),
        Err(error) => Err(error),
        Ok(_) => Ok(polled.iter().map(|p| p.revents != 0).collect()),
    }
}

/// Sends a signal to a process.
pub fn kill(pid: u32, signal: i32) -> io::Result<()> {
    // SAFETY: the call accesses no memory of ours.
    check(unsafe { libc::kill(pid as _, signal) })?;
    Ok(())
}

/// Returns a file that refers to a process, and can be read once that has ended.
pub fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: the call accesses no memory of ours.
    own(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } as i32)
}

/// Takes the memory of a dying process away.
pub fn process_mrelease(process: impl AsFd) -> io::Result<()> {
    // SAFETY: the call accesses no memory of ours.
    check(
        unsafe { libc::syscall(libc::SYS_process_mrelease, process.as_fd().as_raw_fd(), 0) } as i32,
    )?;
    Ok(())
}

/// Returns the two ends of a pipe: to read from, and to write to.
///
/// `flags` is 0, or `O_NONBLOCK`.
pub fn pipe(flags: libc::c_int) -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];

    // SAFETY: the call writes two numbers.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | flags) })?;
    Ok((own(ends[0])?, own(ends[1])?))
}

/// Returns a file that keeps `number` in use, unless another one has it.
pub fn reserve(file: impl AsFd, number: i32) -> io::Result<Option<OwnedFd>> {
    // SAFETY: the call accesses no memory of ours.
    let copy =
        own(unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_DUPFD_CLOEXEC, number) })?;

    Ok(Some(copy).filter(|copy| copy.as_raw_fd() == number))
}

/// Starts a program that joins a cgroup, by its file `cgroup.procs`, and has a file under a number.
///
/// The number must be in use: see [`reserve()`].  Returns the id of the process.  This is not
/// [`Command::spawn()`], which needs sockets if it has to prepare anything: a kernel may have none.
pub fn start(
    command: &mut Command,
    cgroup: Option<File>,
    file: Option<(OwnedFd, i32)>,
) -> io::Result<u32> {
    let (mut read, write) = pipe(0).map(|(read, write)| (File::from(read), File::from(write)))?;
    let child = fork(|| {
        let error = match prepare(cgroup, file) {
            Ok(()) => command.exec(),
            Err(error) => error,
        };
        // It reaches the parent if the program was not executed; else the pipe is closed.
        (&write).write_all(&error.raw_os_error().unwrap_or(libc::EIO).to_ne_bytes())
    })?;
    let mut error = [0; 4];

    drop(write);
    match read.read_exact(&mut error) {
        Ok(()) => {
            // The child has nothing more to do.
            // SAFETY: the call writes no status, since it gets no address for one.
            check(unsafe { libc::waitpid(child as _, std::ptr::null_mut(), 0) })?;
            Err(io::Error::from_raw_os_error(i32::from_ne_bytes(error)))
        }
        Err(_) => Ok(child),
    }
}

/// Does what a program needs before it is executed.
fn prepare(cgroup: Option<File>, file: Option<(OwnedFd, i32)>) -> io::Result<()> {
    // It does not live longer than this process, whatever ends that.
    // SAFETY: the call accesses no memory of ours.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
    if let Some(mut cgroup) = cgroup {
        cgroup.write_all(b"0")?;
    }
    match file {
        // It only needs to stay open.
        Some((file, number)) if file.as_raw_fd() == number => {
            // SAFETY: the call accesses no memory of ours.
            check(unsafe { libc::fcntl(number, libc::F_SETFD, 0) })?;
            // The program owns it.
            let _ = file.into_raw_fd();
        }
        Some((file, number)) => {
            // SAFETY: the call accesses no memory of ours.  This process has no use for what the
            // number referred to: it executes a program next.
            check(unsafe { libc::dup2(file.as_raw_fd(), number) })?;
        }
        None => (),
    }
    Ok(())
}

/// Forks, and has the child do some `work`; returns the id of the child.
///
/// The exit status of the child is 0, or the number of the error.
pub fn fork(work: impl FnOnce() -> io::Result<()>) -> io::Result<u32> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::from_raw_os_error(libc::EBUSY));
    }

    // SAFETY: there is no other thread, which could hold a lock that the child needs.
    match check(unsafe { libc::fork() })? {
        0 => {
            let status = match work() {
                Ok(()) => 0,
                Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
            };
            // SAFETY: the child ends here, without the destructors, which are the parent's.
            unsafe { libc::_exit(status) }
        }
        child => Ok(child as u32),
    }
}

/// Calls ptrace(2) with a thread and a number.
fn ptrace(request: libc::c_uint, thread: u32, number: libc::c_int) -> io::Result<()> {
    let none: *mut libc::c_void = std::ptr::null_mut();

    // SAFETY: the requests of this file access no memory of ours.
    let result = unsafe { libc::ptrace(request, thread, none, libc::c_long::from(number)) };
    check(result as i32)?;
    Ok(())
}

/// Has a thread stop in its exit, where it still has its memory, and all that it will start.
///
/// It is killed if this process ends.
pub fn trace_exit(thread: u32) -> io::Result<()> {
    let options = libc::PTRACE_O_TRACEEXIT | libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;

    ptrace(libc::PTRACE_SEIZE, thread, options)
}

/// Lets a thread that has stopped go on, with a signal unless it is 0.
pub fn go_on(thread: u32, signal: i32) -> io::Result<()> {
    ptrace(libc::PTRACE_CONT, thread, signal)
}

/// Lets a thread that has stopped go on, and traces it no longer.
pub fn detach(thread: u32) -> io::Result<()> {
    ptrace(libc::PTRACE_DETACH, thread, 0)
}

/// What a child or a traced thread has done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// It has exited with this status.
    Exited(i32),
    /// It was killed by this signal.
    Killed(i32),
    /// It has stopped in its exit.
    Exiting,
    /// It has stopped, since it gets this signal, or for another reason (0).
    Stopped(i32),
}

/// Returns what a child or a traced thread has done, if any has done something.
pub fn wait_any() -> io::Result<Option<(u32, Change)>> {
    let mut status = 0;

    // SAFETY: the call writes a status.
    match check(unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG | libc::__WALL) }) {
        Ok(0) => Ok(None),
        Ok(pid) => Ok(Some((pid as u32, change(status)))),
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns what a status of waitpid(2) says.
fn change(status: i32) -> Change {
    if libc::WIFEXITED(status) {
        Change::Exited(libc::WEXITSTATUS(status))
    } else if libc::WIFSIGNALED(status) {
        Change::Killed(libc::WTERMSIG(status))
    } else {
        match (status >> 16, libc::WSTOPSIG(status)) {
            (libc::PTRACE_EVENT_EXIT, _) => Change::Exiting,
            (0, signal) => Change::Stopped(signal),
            _ => Change::Stopped(0),
        }
    }
}

/// Returns how many columns a terminal has.
pub fn columns(file: &impl AsFd) -> io::Result<usize> {
    Ok(size(file)?.0)
}

/// Returns how many columns and rows a terminal has.
pub fn size(file: &impl AsFd) -> io::Result<(usize, usize)> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };

    // SAFETY: the call writes a `struct winsize`.
    check(unsafe { libc::ioctl(file.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &mut size) })?;
    // A terminal that does not know its size says 0.
    let known = |length: u16, default| match usize::from(length) {
        0 => default,
        length => length,
    };
    Ok((
        known(size.ws_col, 80).max(20),
        known(size.ws_row, 24).max(5),
    ))
}

/// A terminal that gives each key at once and does not show it, until this is dropped.
pub struct Keys<F: AsFd> {
    file: F,
    before: libc::termios,
}

impl<F: AsFd> Keys<F> {
    /// Changes the terminal `file`.
    pub fn read_from(file: F) -> io::Result<Self> {
        let fd = file.as_fd().as_raw_fd();
        let mut before = MaybeUninit::uninit();

        // SAFETY: the call writes a `struct termios`.
        check(unsafe { libc::tcgetattr(fd, before.as_mut_ptr()) })?;
        // SAFETY: the call has succeeded, and has written it.
        let before = unsafe { before.assume_init() };
        let mut now = before;
        now.c_lflag &= !(libc::ICANON | libc::ECHO);
        now.c_cc[libc::VMIN] = 1;
        now.c_cc[libc::VTIME] = 0;
        // A stopped program would leave the terminal as it is now.
        now.c_cc[libc::VSUSP] = 0;
        now.c_cc[libc::VQUIT] = 0;
        // SAFETY: the call reads a `struct termios`.
        check(unsafe { libc::tcsetattr(fd, libc::TCSANOW, &now) })?;
        Ok(Self { file, before })
    }

    /// Returns the bytes of the keys that were pressed; none if the terminal is gone.  Waits for one.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; 64];
        let fd = self.file.as_fd().as_raw_fd();

        // SAFETY: the call writes at most as many bytes as `bytes` has.
        let len = unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), bytes.len()) };
        bytes.truncate(check(len as i32)? as usize);
        Ok(bytes)
    }
}

impl<F: AsFd> AsFd for Keys<F> {
    /// Can be read if a key was pressed.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl<F: AsFd> Drop for Keys<F> {
    fn drop(&mut self) {
        let fd = self.file.as_fd().as_raw_fd();

        // SAFETY: the call reads a `struct termios`.  If it fails, the terminal is gone.
        unsafe { libc::tcsetattr(fd, libc::TCSANOW, &self.before) };
    }
}

/// Returns whether this process ignores a signal.
fn is_ignored(signal: i32) -> io::Result<bool> {
    let mut now = MaybeUninit::<libc::sigaction>::uninit();

    // SAFETY: the call writes a `struct sigaction`.
    check(unsafe { libc::sigaction(signal, std::ptr::null(), now.as_mut_ptr()) })?;
    // SAFETY: the call has succeeded, and has written it.
    Ok(unsafe { now.assume_init() }.sa_sigaction == libc::SIG_IGN)
}

/// Has the status of a child kept until this process waits for it, which a parent may have turned
/// off.
pub fn wait_for_children() {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Returns whether a process is in the process group of this one.
pub fn is_in_own_group(pid: u32) -> bool {
    // SAFETY: the calls access no memory of ours.
    unsafe { libc::getpgid(pid as _) == libc::getpgrp() }
}

/// Signals that wait in a pipe, so that a program can wait for them and for other things.
pub struct Signals {
    pipes: Vec<(i32, File)>,
    any: File,
}

impl Signals {
    /// Collects what asks a program to end.
    pub fn of_the_end() -> io::Result<Self> {
        Self::collect(&[libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGHUP])
    }

    /// Collects what is for a program that this one runs, or does not concern this one.
    pub fn while_a_program_runs() -> io::Result<Self> {
        Self::collect(&[
            libc::SIGINT,
            libc::SIGQUIT,
            libc::SIGTERM,
            libc::SIGHUP,
            libc::SIGUSR1,
            libc::SIGUSR2,
        ])
    }

    /// Collects what asks a tracer to end, and what tells it of the processes that it traces.
    pub fn of_a_tracer() -> io::Result<Self> {
        Self::collect(&[
            libc::SIGINT,
            libc::SIGQUIT,
            libc::SIGTERM,
            libc::SIGHUP,
            libc::SIGCHLD,
        ])
    }

    fn collect(signals: &[i32]) -> io::Result<Self> {
        let (any, all) = pipe(libc::O_NONBLOCK)?;
        let mut pipes = vec![];

        for signal in signals {
            // As with nohup(1): this process and those that it starts ignore it.
            if *signal != libc::SIGCHLD && is_ignored(*signal)? {
                continue;
            }
            let (read, write) = pipe(libc::O_NONBLOCK)?;
            signal_hook::low_level::pipe::register(*signal, write)?;
            signal_hook::low_level::pipe::register(*signal, all.try_clone()?)?;
            pipes.push((*signal, read.into()));
        }
        Ok(Self {
            pipes,
            any: any.into(),
        })
    }

    /// Returns the signals that have come.
    pub fn pending(&self) -> Vec<i32> {
        let has_bytes = |mut pipe: &File| pipe.read(&mut [0; 64]).is_ok_and(|len| len > 0);

        while has_bytes(&self.any) {}
        self.pipes
            .iter()
            .filter(|(_, pipe)| has_bytes(pipe))
            .map(|(signal, _)| *signal)
            .collect()
    }
}

impl AsFd for Signals {
    /// Can be read if a signal has come.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.any.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_status_is_read() {
        for (status, expected) in [
            (3 << 8, Change::Exited(3)),
            (9, Change::Killed(9)),
            (0x6_057f, Change::Exiting),
            (0x80_057f, Change::Stopped(0)),
            (0x0a7f, Change::Stopped(10)),
        ] {
            assert_eq!(expected, change(status), "{status:#x}");
        }
    }
}
