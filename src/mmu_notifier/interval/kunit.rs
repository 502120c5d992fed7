// SPDX-License-Identifier: GPL-2.0

//! What can be tested of an interval subscriber without an address space.

#[kernel::macros::kunit_tests(mnck_interval)]
mod tests {
    use core::{
        pin::Pin,
        ptr::{
            self,
            NonNull, //
        }, //
    };

    use kernel::{
        bindings,
        new_mutex,
        new_spinlock,
        prelude::*,
        sync::{
            atomic::{
                Atomic,
                Relaxed, //
            },
            lock::mutex::MutexBackend,
            Mutex,
            SpinLock, //
        },
        types::{
            NotThreadSafe,
            Opaque, //
        }, //
    };

    use crate::mmu_notifier::{
        interval::IntervalNode,
        CallbackContext,
        Done,
        Interval,
        IntervalFlavour,
        IntervalSubscriber,
        Invalidate,
        OnePass,
        Owner,
        Pass,
        ReadSection,
        Retry,
        SharedLock,
        TaskContext,
        TwoPass,
        TwoPasses,
        WouldBlock, //
    };

    /// Somebody, to be compared by address.
    static OWNER: u8 = 0;

    fn owner() -> Owner {
        Owner::new(NonNull::from(&OWNER))
    }

    fn range(blockable: bool) -> bindings::mmu_notifier_range {
        bindings::mmu_notifier_range {
            // Not looked at.
            mm: ptr::null_mut(),
            start: 0x1000,
            end: 0x3000,
            flags: u32::from(blockable),
            event: bindings::mmu_notifier_event_MMU_NOTIFY_CLEAR,
            owner: (&raw const OWNER).cast_mut().cast(),
        }
    }

    /// Its shadow is the number of times that it was invalidated.
    struct Simple;

    #[vtable]
    impl IntervalSubscriber for Simple {
        type UserLock = Mutex<usize>;
    }

    impl Interval for Simple {
        fn invalidate<'c>(
            self: Pin<&Self>,
            invalidation: Invalidate<'_, 'c, Self>,
            context: CallbackContext<'c>,
        ) -> Result<Done<'c>, WouldBlock<'c>> {
            let invalidation = match invalidation.ignore_own(owner()) {
                Ok(done) => return Ok(done),
                Err(invalidation) => invalidation,
            };
            let mut shadow = invalidation.lock_or_refuse(&context)?;

            *shadow = shadow.wrapping_add(1);
            Ok(shadow.done())
        }
    }

    /// A subscriber that shares its user lock.
    struct Member;

    #[vtable]
    impl IntervalSubscriber for Member {
        type UserLock = SharedLock<usize, MutexBackend>;
    }

    /// A section of a node that no mm knows.
    fn section<T: IntervalSubscriber>(node: &IntervalNode<T>) -> ReadSection<'_, T> {
        ReadSection {
            node,
            sequence: node.sequence(),
            _task: NotThreadSafe,
        }
    }

    fn simple() -> Result<Pin<KBox<IntervalNode<Simple>>>> {
        KBox::try_pin_init(
            IntervalNode::new(Simple, new_mutex!(0, "kunit"), |_| Ok(())),
            GFP_KERNEL,
        )
    }

    /// Calls the callback of `node`, as core mm would.
    fn invalidate(
        node: &IntervalNode<Simple>,
        range: &bindings::mmu_notifier_range,
        sequence: usize,
    ) -> bool {
        OnePass::<Simple>::OPS.invalidate.is_some_and(|invalidate| {
            // SAFETY: It is a node's subscription, and a range that stays for the call.
            unsafe { invalidate(node.subscription.get(), range, sequence) }
        })
    }

    #[test]
    fn locking_sets_the_sequence() -> Result {
        let node = simple()?;

        assert!(invalidate(&node, &range(true), 5));
        assert!(invalidate(&node, &range(false), 7));
        let shadow = *node.lock().lock();
        assert_eq!(shadow, 2);
        assert_eq!(node.sequence(), 7);
        Ok(())
    }

    #[test]
    fn a_taken_lock_is_refused() -> Result {
        let node = simple()?;

        let guard = node.lock().lock();
        let accepted = invalidate(&node, &range(false), 5);
        let shadow = *guard;
        drop(guard);
        assert!(!accepted);
        assert_eq!(shadow, 0);
        assert_eq!(node.sequence(), 0);
        Ok(())
    }

    #[test]
    fn ones_own_migration_is_ignored() -> Result {
        let node = simple()?;
        let own = bindings::mmu_notifier_range {
            event: bindings::mmu_notifier_event_MMU_NOTIFY_MIGRATE,
            ..range(true)
        };
        let foreign = bindings::mmu_notifier_range {
            owner: ptr::null_mut(),
            ..own
        };

        assert!(invalidate(&node, &own, 5));
        let after_own = *node.lock().lock();
        assert_eq!((after_own, node.sequence()), (0, 0));
        assert!(invalidate(&node, &foreign, 7));
        let after_foreign = *node.lock().lock();
        assert_eq!((after_foreign, node.sequence()), (1, 7));
        Ok(())
    }

    #[test]
    fn a_collision_is_noticed() -> Result {
        let mut task = TaskContext::current()?;
        let node = simple()?;

        let open = section(&node);
        let fresh = !open.is_stale();
        let installed = open.lock(&mut task).map(|mut shadow| *shadow += 100);

        let open = section(&node);
        let accepted = invalidate(&node, &range(true), 5);
        let stale = open.is_stale();
        let refused = open.lock(&mut task).map(drop);
        let shadow = *node.lock().lock();

        assert!(fresh && accepted && stale);
        assert_eq!(installed, Ok(()));
        assert_eq!(refused, Err(Retry));
        assert_eq!(shadow, 101);
        Ok(())
    }

    #[test]
    fn sections_under_one_lock_end_together() -> Result {
        let mut task = TaskContext::current()?;
        let lock = SharedLock::new(new_mutex!(0, "kunit"))?;
        let member =
            |lock: &SharedLock<usize, MutexBackend>| -> Result<Pin<KBox<IntervalNode<Member>>>> {
                KBox::try_pin_init(
                    IntervalNode::new(Member, lock.clone(), |_| Ok(())),
                    GFP_KERNEL,
                )
            };
        let (first, second, third) = (member(&lock)?, member(&lock)?, member(&lock)?);
        let stranger = simple()?;

        let collided = section(&third);
        third.set_sequence(&third.lock().lock(), 5);
        let ends = section(&first).lock(&mut task).map(|valid| {
            (
                valid.ends(section(&second)),
                valid.ends(collided),
                valid.ends(section(&stranger)),
            )
        });
        assert_eq!(ends, Ok((true, false, false)));
        Ok(())
    }

    /// Adds up what the finish passes were given.
    struct Double {
        starts: Atomic<usize>,
        finished: Atomic<usize>,
    }

    #[vtable]
    impl IntervalSubscriber for Double {
        type UserLock = SpinLock<()>;
    }

    impl TwoPass for Double {
        type Finish = usize;

        /// The first call is complete in itself.
        fn start<'c>(
            self: Pin<&Self>,
            invalidation: Invalidate<'_, 'c, Self>,
            _context: CallbackContext<'c>,
        ) -> Result<Pass<'c, usize>, WouldBlock<'c>> {
            let start = invalidation.range().start();
            let done = invalidation.lock_atomic().done();

            if self.starts.fetch_add(1, Relaxed) == 0 {
                Ok(Pass::Complete(done))
            } else {
                Ok(Pass::Begun(done, start))
            }
        }

        fn finish(self: Pin<&Self>, finish: usize, context: CallbackContext<'_>) {
            if matches!(context, CallbackContext::NonBlockable(_)) {
                self.finished.add(finish, Relaxed);
            }
        }
    }

    #[test]
    fn the_finish_pass_gets_what_it_needs() -> Result {
        let node: Pin<KBox<IntervalNode<Double>>> = KBox::try_pin_init(
            IntervalNode::new(
                Double {
                    starts: Atomic::new(0),
                    finished: Atomic::new(0),
                },
                new_spinlock!((), "kunit"),
                |_| Ok(()),
            ),
            GFP_KERNEL,
        )?;
        let ops = TwoPasses::<Double>::OPS;
        let (Some(start), Some(finish)) = (ops.invalidate_start, ops.invalidate_finish) else {
            return Err(EINVAL);
        };
        let range = range(false);
        let mut begun = ptr::null_mut();

        // SAFETY: As core mm would call it, with a node's subscription.
        let complete = unsafe { start(node.subscription.get(), &range, 5, &mut begun) };
        assert!(complete);
        assert!(begun.is_null());
        assert_eq!(node.sequence(), 5);

        // SAFETY: As above.
        let started = unsafe { start(node.subscription.get(), &range, 7, &mut begun) };
        assert!(started);
        if begun.is_null() {
            // There was no memory, so that the first pass has done it all.
            assert_eq!(node.subscriber.finished.load(Relaxed), 0x1000);
            return Ok(());
        }
        assert_eq!(node.subscriber.finished.load(Relaxed), 0);
        // SAFETY: It comes from the start, and is finished once; the core fills in the subscription.
        unsafe {
            (*begun).notifier = Opaque::cast_into(&raw const node.subscription);
            finish(begun);
        }
        assert_eq!(node.subscriber.finished.load(Relaxed), 0x1000);
        Ok(())
    }

    #[test]
    fn tables_have_one_kind_of_callback() -> Result {
        let one = OnePass::<Simple>::OPS;
        assert!(one.invalidate.is_some());
        assert!(one.invalidate_start.is_none());
        assert!(one.invalidate_finish.is_none());

        let two = TwoPasses::<Double>::OPS;
        assert!(two.invalidate.is_none());
        assert!(two.invalidate_start.is_some());
        assert!(two.invalidate_finish.is_some());
        Ok(())
    }
}
