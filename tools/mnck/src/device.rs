// SPDX-License-Identifier: GPL-2.0

//! `/dev/mnck`, and the files with which it watches.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use anyhow::{anyhow, bail, Context, Result};

use crate::{
    btf,
    record::{self, Record, Unseen},
    sys,
    uapi::*,
};

/// The node of the module.
pub const NODE: &str = "/dev/mnck";
/// The parameters of the module.
pub const PARAMETERS: &str = "/sys/module/mnck/parameters";

/// What to watch.
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    /// All processes.
    All,
    /// One process, with all that it will fork and execute.
    Process(u32),
}

/// A file of `MNCK_WATCH`.
pub struct Watch {
    file: File,
    buffer: Vec<u8>,
}

/// The summary of a watch.
#[derive(Clone, Debug)]
pub struct Summary {
    /// All callbacks that are observed.
    pub callbacks: Vec<record::Callback>,
    /// What was not seen.
    pub unseen: Unseen,
}

/// Opens the device.
///
/// # Errors
///
/// The text says what to do.
pub fn open() -> Result<File> {
    File::options()
        .read(true)
        .write(true)
        .open(NODE)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENXIO | libc::ENODEV) if is_loaded() => {
                anyhow!("the module mnck is loaded, but {NODE} is missing: is /dev a devtmpfs?")
            }
            Some(libc::ENOENT | libc::ENXIO | libc::ENODEV) => {
                anyhow!("the module mnck is not loaded: run 'insmod mnck.ko' as root")
            }
            Some(libc::EACCES | libc::EPERM) => {
                anyhow!("{NODE} may not be opened: run this as root")
            }
            _ => anyhow!("{NODE}: {error}"),
        })
}

/// Returns whether the module is loaded.
pub fn is_loaded() -> bool {
    fs::exists(PARAMETERS).unwrap_or(false)
}

impl Watch {
    /// Watches from now on.  Callbacks that take as long as `slow` have a record.
    ///
    /// # Errors
    ///
    /// The text says what to do.
    pub fn begin(scope: Scope, slow: Option<Duration>) -> Result<Self> {
        let device = open()?;
        let (pid, flags) = match scope {
            Scope::All => (0, MNCK_WATCH_ALL),
            Scope::Process(pid) => (pid as i32, 0),
        };
        let mut how = mnck_watch {
            size: size_of::<mnck_watch>() as u32,
            pid,
            flags,
            latency_limit_us: slow.map_or(0, microseconds),
            ..bytemuck::Zeroable::zeroed()
        };

        let file = sys::watch(&device, &mut how).map_err(|error| match error.raw_os_error() {
            Some(libc::ENOTTY) => anyhow!(
                "the module mnck that is loaded is older than this tool and can't watch: load \
                 the one that was built with the tool"
            ),
            Some(libc::EPERM) if matches!(scope, Scope::All) => {
                anyhow!("only root may watch all processes: name one with -p")
            }
            Some(libc::EPERM) => anyhow!("you may not trace process {pid}: run this as root"),
            Some(libc::ESRCH) => anyhow!("there is no process {pid}, or it is exiting"),
            Some(libc::EINVAL) => anyhow!("{pid} is a kernel thread, which has no memory to watch"),
            Some(libc::ENOSPC) => anyhow!("{MNCK_WATCHES} programs watch already: end one of them"),
            Some(libc::EBUSY) => anyhow!("this program has more than one thread"),
            Some(libc::EOPNOTSUPP) => {
                anyhow!("this kernel can't be watched: 'mnck doctor' says what it lacks")
            }
            _ => anyhow!("cannot watch: {error}"),
        })?;
        Ok(Self {
            file: file.into(),
            buffer: vec![0; 64 * MNCK_RECORD_MAX as usize],
        })
    }

    /// Has the callbacks of all drivers observed from their first calls on, as far as the kernel's
    /// type information tells which functions these are.
    ///
    /// Only root can; else, and for other drivers, the summary says how much was not seen.
    pub fn prearm_all(&self) {
        for candidate in btf::candidates().functions {
            match self.prearm(candidate.callback, &candidate.function) {
                Err(error) if error.raw_os_error() == Some(libc::EPERM) => return,
                // It can't be probed, or its module has just gone.
                Ok(()) | Err(_) => {}
            }
        }
    }

    /// Waits for records, or until one of `others` can be read or `timeout` is over.
    ///
    /// Returns whether there are records, and which of `others` can be read.
    pub fn wait(
        &self,
        others: &[BorrowedFd<'_>],
        timeout: Option<Duration>,
    ) -> Result<(bool, Vec<bool>)> {
        let files: Vec<_> = [self.file.as_fd()]
            .into_iter()
            .chain(others.iter().copied())
            .collect();
        let mut ready = sys::poll(&files, timeout)?;

        Ok((ready.remove(0), ready))
    }

    /// Reads the records that there are, and waits if there is none.
    pub fn read(&mut self) -> Result<Vec<Record>> {
        match self.file.read(&mut self.buffer) {
            Ok(len) => record::parse(&self.buffer[..len]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(vec![]),
            Err(error) => Err(error).context("cannot read what the module finds"),
        }
    }

    /// Asks for the summary; also returns the records that waited before it.
    pub fn summary(&mut self) -> Result<(Vec<Record>, Summary)> {
        let mut before = vec![];
        let mut callbacks = vec![];

        sys::summary(&self.file).context("the module gives no summary")?;
        loop {
            for record in self.read()? {
                match record {
                    Record::Callback(callback) => callbacks.push(callback),
                    Record::Unseen(unseen) => return Ok((before, Summary { callbacks, unseen })),
                    other => before.push(other),
                }
            }
        }
    }

    /// Has a function observed from its first call on, if it turns out to be the callback.
    ///
    /// `function` is `NAME`, or `MODULE:NAME`.
    fn prearm(&self, callback: mnck_prearm_callback, function: &str) -> io::Result<()> {
        let mut how: mnck_prearm = bytemuck::Zeroable::zeroed();
        let bytes = function.as_bytes();
        if bytes.len() >= how.function.len() {
            return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
        }

        how.size = size_of::<mnck_prearm>() as u32;
        how.callback = callback;
        let name: &mut [u8] = bytemuck::cast_slice_mut(&mut how.function);
        name[..bytes.len()].copy_from_slice(bytes);
        sys::prearm(&self.file, &how)
    }
}

/// Rounds up, so that a short time does not become none.
fn microseconds(time: Duration) -> u32 {
    // 0 would mean no limit.
    u32::try_from(time.as_nanos().div_ceil(1000))
        .unwrap_or(u32::MAX)
        .max(1)
}

/// Returns the text of a parameter of the module.
pub fn parameter(name: &str) -> Result<String> {
    let path = format!("{PARAMETERS}/{name}");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim_end().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_loaded() => {
            bail!("the module mnck is not loaded: run 'insmod mnck.ko' as root")
        }
        Err(error) => Err(error).context(path),
    }
}
