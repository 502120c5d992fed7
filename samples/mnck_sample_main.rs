// SPDX-License-Identifier: GPL-2.0

//! MMU notifier sample: a toy device that has an MMU of its own.
//!
//! An open device reads the memory of the process that opened it, at the addresses that the process
//! uses. It keeps the translation of each page that it has read until the process's page table
//! changes there. This toy device reads nothing: it only returns the translation.
//!
//! Below is an example userspace C program that exercises this sample's functionality, as root.
//!
//! ```c
//! #include <fcntl.h>
//! #include <stdint.h>
//! #include <stdio.h>
//! #include <sys/ioctl.h>
//! #include <sys/mman.h>
//!
//! // In: an address. Out: the page frame there. Returns whether the device knew it.
//! #define MNCK_SAMPLE_READ _IOWR('|', 0x81, uint64_t)
//!
//! static void device_reads(int fd, void *address) {
//!   uint64_t value = (uintptr_t)address;
//!   int known = ioctl(fd, MNCK_SAMPLE_READ, &value);
//!
//!   printf("%d: page frame %#jx\n", known, (uintmax_t)value);
//! }
//!
//! int main() {
//!   int fd = open("/dev/mnck-sample", O_RDWR);
//!   char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
//!
//!   page[0] = 1;
//!   device_reads(fd, page);  // 0: page frame 0x1234
//!   device_reads(fd, page);  // 1: page frame 0x1234
//!   munmap(page, 4096);
//!   device_reads(fd, page);  // -1: the page is gone, and errno is EFAULT
//!   return 0;
//! }
//! ```

use kernel::{
    fs::File,
    ioctl::_IOWR,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    sync::Mutex,
    uaccess::UserSlice, //
};

use mmu_notifier::{
    CallbackContext,
    Done,
    Interval,
    IntervalRegistration,
    IntervalSubscriber,
    Invalidate,
    OnePass,
    PageBuffer,
    TaskContext,
    WouldBlock, //
};

#[path = "../src/ffi/raw.rs"]
mod ffi;
#[path = "../src/mmu_notifier/mod.rs"]
pub mod mmu_notifier;

const MNCK_SAMPLE_READ: u32 = _IOWR::<u64>('|' as u32, 0x81);

module! {
    type: SampleModule,
    name: "mnck_sample",
    authors: ["The mnck developers"],
    description: "MMU notifier sample",
    license: "GPL v2",
}

#[pin_data]
struct SampleModule {
    #[pin]
    _miscdev: MiscDeviceRegistration<Device>,
}

impl kernel::InPlaceModule for SampleModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _miscdev <- MiscDeviceRegistration::register(MiscDeviceOptions { name: c"mnck-sample" }),
        })
    }
}

/// The number of translations that the device can keep.
const PLACES: usize = 64;

struct Translation {
    page: usize,
    frame: usize,
}

/// The subscriber. Its only state is the shadow, which is the translations under the user lock.
struct Mirror;

#[vtable]
impl IntervalSubscriber for Mirror {
    type UserLock = Mutex<[Option<Translation>; PLACES]>;
}

impl Interval for Mirror {
    // In a blockable range this waits for a read that is about to install a translation. In a
    // non-blockable range it refuses if the lock is taken; core mm tries again later.
    fn invalidate<'c>(
        self: Pin<&Self>,
        invalidation: Invalidate<'_, 'c, Self>,
        context: CallbackContext<'c>,
    ) -> Result<Done<'c>, WouldBlock<'c>> {
        let range = invalidation.range();
        let mut translations = invalidation.lock_or_refuse(&context)?;

        for place in translations.iter_mut() {
            place.take_if(|it| it.page < range.end() && it.page + PAGE_SIZE > range.start());
        }
        Ok(translations.done())
    }
}

/// An open device.
struct Device {
    mirror: IntervalRegistration<OnePass<Mirror>>,
}

#[vtable]
impl MiscDevice for Device {
    type Ptr = KBox<Self>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<KBox<Self>> {
        let mut task = TaskContext::current()?;
        let current = current!();
        let mm = current.mm().ok_or(ESRCH)?;
        let shadow = new_mutex!([const { None }; PLACES], "Mirror::UserLock");
        // For the whole address space. Real devices have a registration for each of their buffers.
        let mirror = IntervalRegistration::new(mm, 0..usize::MAX, Mirror, shadow, &mut task)?;

        Ok(KBox::new(Self { mirror }, GFP_KERNEL)?)
    }

    fn ioctl(device: &Self, _file: &File, cmd: u32, arg: usize) -> Result<isize> {
        if cmd != MNCK_SAMPLE_READ {
            return Err(ENOTTY);
        }
        let arg = UserSlice::new(UserPtr::from_addr(arg), size_of::<u64>());
        let (mut reader, mut writer) = arg.reader_writer();
        let (frame, known) = device.read(reader.read::<u64>()? as usize)?;

        writer.write(&(frame as u64))?;
        Ok(known.into())
    }
}

impl Device {
    /// Returns the frame of the page at `address`, and whether the device already knew it.
    fn read(&self, address: usize) -> Result<(usize, bool)> {
        let mut task = TaskContext::current()?;
        let page = address / PAGE_SIZE * PAGE_SIZE;
        let range = page..page.checked_add(PAGE_SIZE).ok_or(EFAULT)?;
        let place = page / PAGE_SIZE % PLACES;

        // Real devices read the memory here: no translation can become stale under the lock.
        match &self.mirror.lock(&mut task)[place] {
            Some(it) if it.page == page => return Ok((it.frame, true)),
            _ => (),
        }

        // The process may exit, but its memory stays until this reference is dropped.
        let mm = self.mirror.mm().mmget_not_zero().ok_or(ESRCH)?;
        let mut buffer = PageBuffer::new(1)?;

        while !current!().signal_pending() {
            let section = self.mirror.read_begin(&mut task);

            let faulted = match section.fault_in(&mm, range.clone(), false, &mut buffer, &mut task)
            {
                Err(EBUSY) => continue,
                result => result?,
            };

            // If the page table changed meanwhile, the lookup is stale: try again.
            if let Ok(mut found) = faulted.lock(&mut task) {
                let (translations, entries) = found.parts();
                let frame = entries[0].pfn().ok_or(EFAULT)?;

                translations[place] = Some(Translation { page, frame });
                return Ok((frame, false));
            }
        }
        Err(ERESTARTSYS)
    }
}
