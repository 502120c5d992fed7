// SPDX-License-Identifier: GPL-2.0

//! What can be tested without an address space: the tables, and what the callbacks in them do with
//! a range made by hand.

#[kernel::macros::kunit_tests(mnck_mmu_notifier)]
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
        mm::Mm,
        prelude::*,
        sync::atomic::{
            Atomic,
            Relaxed, //
        },
        types::Opaque, //
    };

    use crate::mmu_notifier::{
        subscriber::Node,
        AtomicDrop,
        Bare,
        CallbackContext,
        Domain,
        Event,
        Fallible,
        Flavour,
        Flush,
        NoSleep,
        Owner,
        Paired,
        Range,
        SecondaryTlb,
        Shared,
        StartEnd,
        StartOnly,
        Subscriber,
        TlbOnly,
        WouldBlock, //
    };

    /// Somebody, to be compared by address.
    static OWNER: u8 = 0;

    /// Notes the last call: what it was, and whether it was allowed to sleep.
    struct Notes {
        calls: Atomic<usize>,
        blockable: Atomic<usize>,
        /// The calls within `non_block_start()` and `non_block_end()`.
        in_section: Atomic<usize>,
        start: Atomic<usize>,
        end: Atomic<usize>,
    }

    impl Notes {
        fn none() -> Self {
            Self {
                calls: Atomic::new(0),
                blockable: Atomic::new(0),
                in_section: Atomic::new(0),
                start: Atomic::new(0),
                end: Atomic::new(0),
            }
        }

        fn note(&self, start: usize, end: usize, blockable: bool) {
            self.calls.add(1, Relaxed);
            self.blockable.add(usize::from(blockable), Relaxed);
            self.in_section.add(usize::from(in_section()), Relaxed);
            self.start.store(start, Relaxed);
            self.end.store(end, Relaxed);
        }

        fn seen(&self) -> (usize, usize, usize, usize) {
            (
                self.calls.load(Relaxed),
                self.blockable.load(Relaxed),
                self.start.load(Relaxed),
                self.end.load(Relaxed),
            )
        }

        fn in_section(&self) -> usize {
            self.in_section.load(Relaxed)
        }
    }

    /// Returns whether the current task is within `non_block_start()` and `non_block_end()`.
    #[cfg(CONFIG_DEBUG_ATOMIC_SLEEP)]
    fn in_section() -> bool {
        // SAFETY: The current task exists, and no other task writes this member.
        unsafe { (*kernel::task::Task::current_raw()).non_block_count != 0 }
    }

    #[cfg(not(CONFIG_DEBUG_ATOMIC_SLEEP))]
    fn in_section() -> bool {
        false
    }

    /// Every callback there is.
    struct All {
        notes: Notes,
    }

    impl All {
        fn new() -> Self {
            Self {
                notes: Notes::none(),
            }
        }
    }

    #[vtable]
    impl Subscriber for All {
        fn release(self: Pin<&Self>, _mm: &Mm) {
            self.notes.note(0, 0, true);
        }

        fn clear_flush_young(
            self: Pin<&Self>,
            _mm: &Mm,
            range: core::ops::Range<usize>,
            _context: NoSleep<'_>,
        ) -> bool {
            self.notes.note(range.start, range.end, false);
            true
        }

        fn clear_young(
            self: Pin<&Self>,
            _mm: &Mm,
            range: core::ops::Range<usize>,
            _context: NoSleep<'_>,
        ) -> bool {
            self.notes.note(range.start, range.end, false);
            false
        }

        fn test_young(self: Pin<&Self>, _mm: &Mm, address: usize, _context: NoSleep<'_>) -> bool {
            self.notes.note(address, address, false);
            true
        }
    }

    impl Paired for All {
        fn start(self: Pin<&Self>, range: &Range, context: CallbackContext<'_>) {
            let blockable = matches!(context, CallbackContext::Blockable(_));

            self.notes.note(range.start(), range.end(), blockable);
        }

        fn end(self: Pin<&Self>, range: &Range, context: CallbackContext<'_>) {
            Paired::start(self, range, context);
        }
    }

    impl Fallible for All {
        /// Refuses all that it may.
        fn start<'c>(
            self: Pin<&Self>,
            range: &Range,
            context: CallbackContext<'c>,
        ) -> Result<(), WouldBlock<'c>> {
            match context {
                CallbackContext::Blockable(_) => {
                    self.notes.note(range.start(), range.end(), true);
                    Ok(())
                }
                CallbackContext::NonBlockable(context) => Err(context.would_block()),
            }
        }
    }

    impl SecondaryTlb for All {
        fn flush(self: Pin<&Self>, _mm: &Mm, flush: Flush, _context: NoSleep<'_>) {
            match flush {
                Flush::All => self.notes.note(0, usize::MAX, false),
                Flush::Range(range) => self.notes.note(range.start, range.end, false),
            }
        }
    }

    impl AtomicDrop for All {}

    impl Shared for All {
        fn new(_mm: &Mm) -> impl PinInit<Self, Error> {
            Ok(All::new())
        }
    }

    /// No callback at all.
    struct Nothing;

    #[vtable]
    impl Subscriber for Nothing {}

    /// A subscriber that no mm knows.
    fn unregistered<F: Flavour<Subscriber = All>>() -> Result<Pin<KBox<Node<F>>>> {
        KBox::try_pin_init(Node::new(All::new(), ptr::null(), |_| Ok(())), GFP_KERNEL)
    }

    /// An address space of which nothing but the address is used.
    fn address_space() -> Result<KBox<Opaque<bindings::mm_struct>>> {
        Ok(KBox::new(Opaque::zeroed(), GFP_KERNEL)?)
    }

    fn range(
        mm: &Opaque<bindings::mm_struct>,
        event: bindings::mmu_notifier_event,
        flags: u32,
    ) -> bindings::mmu_notifier_range {
        bindings::mmu_notifier_range {
            mm: mm.get(),
            start: 0x1000,
            end: 0x3000,
            flags,
            event,
            owner: (&raw const OWNER).cast_mut().cast(),
        }
    }

    #[test]
    fn tables_have_what_the_flavour_has() -> Result {
        let paired = StartEnd::<All>::OPS;
        assert!(paired.invalidate_range_start.is_some());
        assert!(paired.invalidate_range_end.is_some());
        assert!(paired.arch_invalidate_secondary_tlbs.is_none());

        let fallible = StartOnly::<All>::OPS;
        assert!(fallible.invalidate_range_start.is_some());
        assert!(fallible.invalidate_range_end.is_none());
        assert!(fallible.arch_invalidate_secondary_tlbs.is_none());

        let tlb = TlbOnly::<All>::OPS;
        assert!(tlb.invalidate_range_start.is_none());
        assert!(tlb.invalidate_range_end.is_none());
        assert!(tlb.arch_invalidate_secondary_tlbs.is_some());

        let bare = Bare::<All>::OPS;
        assert!(bare.invalidate_range_start.is_none());
        assert!(bare.invalidate_range_end.is_none());
        assert!(bare.arch_invalidate_secondary_tlbs.is_none());
        Ok(())
    }

    #[test]
    fn tables_have_what_the_subscriber_has() -> Result {
        for ops in [
            StartEnd::<All>::OPS,
            StartOnly::<All>::OPS,
            TlbOnly::<All>::OPS,
            Bare::<All>::OPS,
        ] {
            assert!(ops.release.is_some());
            assert!(ops.clear_flush_young.is_some());
            assert!(ops.clear_young.is_some());
            assert!(ops.test_young.is_some());
            assert!(ops.alloc_notifier.is_none());
            assert!(ops.free_notifier.is_none());
        }

        let nothing = Bare::<Nothing>::OPS;
        assert!(nothing.release.is_none());
        assert!(nothing.clear_flush_young.is_none());
        assert!(nothing.clear_young.is_none());
        assert!(nothing.test_young.is_none());
        Ok(())
    }

    #[test]
    fn paired_gets_range_and_context() -> Result {
        let mm = address_space()?;
        let node = unregistered::<StartEnd<All>>()?;
        let ops = StartEnd::<All>::OPS;
        let (Some(start), Some(end)) = (ops.invalidate_range_start, ops.invalidate_range_end)
        else {
            return Err(EINVAL);
        };
        let blockable = range(&mm, bindings::mmu_notifier_event_MMU_NOTIFY_UNMAP, 1);
        let non_blockable = range(&mm, bindings::mmu_notifier_event_MMU_NOTIFY_CLEAR, 0);

        // SAFETY: As core mm would call them, with a node's subscription.
        let started = unsafe {
            (
                start(node.subscription.get(), &blockable),
                start(node.subscription.get(), &non_blockable),
            )
        };
        assert_eq!(started, (0, 0));
        assert_eq!(node.subscriber.notes.seen(), (2, 1, 0x1000, 0x3000));

        // SAFETY: As above.
        unsafe {
            end(node.subscription.get(), &non_blockable);
            end(node.subscription.get(), &blockable);
        }
        assert_eq!(node.subscriber.notes.seen(), (4, 2, 0x1000, 0x3000));
        Ok(())
    }

    #[test]
    fn a_non_blockable_end_is_in_a_section() -> Result {
        let mm = address_space()?;
        let node = unregistered::<StartEnd<All>>()?;
        let Some(end) = StartEnd::<All>::OPS.invalidate_range_end else {
            return Err(EINVAL);
        };
        let blockable = range(&mm, bindings::mmu_notifier_event_MMU_NOTIFY_CLEAR, 1);
        let non_blockable = range(&mm, bindings::mmu_notifier_event_MMU_NOTIFY_CLEAR, 0);
        let sections = cfg!(all(CONFIG_DEBUG_ATOMIC_SLEEP, not(CONFIG_PREEMPT_RT)));

        // SAFETY: As core mm calls it for an end that undoes a start, with a node's subscription.
        unsafe { end(node.subscription.get(), &non_blockable) };
        assert_eq!(node.subscriber.notes.in_section(), usize::from(sections));
        // SAFETY: As above.
        unsafe { end(node.subscription.get(), &blockable) };
        assert_eq!(node.subscriber.notes.in_section(), usize::from(sections));
        Ok(())
    }

    #[test]
    fn a_refusal_is_eagain() -> Result {
        let mm = address_space()?;
        let node = unregistered::<StartOnly<All>>()?;
        let Some(start) = StartOnly::<All>::OPS.invalidate_range_start else {
            return Err(EINVAL);
        };
        let blockable = range(&mm, bindings::mmu_notifier_event_MMU_NOTIFY_CLEAR, 1);
        let non_blockable = range(&mm, bindings::mmu_notifier_event_MMU_NOTIFY_CLEAR, 0);

        // SAFETY: As core mm would call it, with a node's subscription.
        let (accepted, refused) = unsafe {
            (
                start(node.subscription.get(), &blockable),
                start(node.subscription.get(), &non_blockable),
            )
        };
        assert_eq!(accepted, 0);
        assert_eq!(refused, EAGAIN.to_errno());
        assert_eq!(node.subscriber.notes.seen(), (1, 1, 0x1000, 0x3000));
        Ok(())
    }

    #[test]
    fn a_flush_of_all_is_its_own_case() -> Result {
        let mm = address_space()?;
        let node = unregistered::<TlbOnly<All>>()?;
        let Some(flush) = TlbOnly::<All>::OPS.arch_invalidate_secondary_tlbs else {
            return Err(EINVAL);
        };

        // SAFETY: As the kernel would call it, with a node's subscription.
        unsafe { flush(node.subscription.get(), mm.get(), 0x2000, 0x4000) };
        assert_eq!(node.subscriber.notes.seen(), (1, 0, 0x2000, 0x4000));
        // SAFETY: As above.
        unsafe { flush(node.subscription.get(), mm.get(), 0, usize::MAX) };
        assert_eq!(node.subscriber.notes.seen(), (2, 0, 0, usize::MAX));
        assert_eq!(node.subscriber.notes.in_section(), 0);
        Ok(())
    }

    #[test]
    fn aging_answers_pass() -> Result {
        let mm = address_space()?;
        let node = unregistered::<Bare<All>>()?;
        let ops = Bare::<All>::OPS;
        let (Some(clear_flush), Some(clear), Some(test)) =
            (ops.clear_flush_young, ops.clear_young, ops.test_young)
        else {
            return Err(EINVAL);
        };
        let subscription = node.subscription.get();

        // SAFETY: As core mm would call them, with a node's subscription.
        let answers = unsafe {
            (
                clear_flush(subscription, mm.get(), 0x1000, 0x2000),
                clear(subscription, mm.get(), 0x3000, 0x5000),
                test(subscription, mm.get(), 0x6000),
            )
        };
        assert_eq!(answers, (true, false, true));
        assert_eq!(node.subscriber.notes.seen(), (3, 0, 0x6000, 0x6000));
        assert_eq!(node.subscriber.notes.in_section(), 0);
        Ok(())
    }

    #[test]
    fn events_and_owners() -> Result {
        let mm = address_space()?;
        let owner = Owner::new(NonNull::from(&OWNER));
        let stranger = Owner::new(NonNull::from(&*mm));
        let known = [
            (bindings::mmu_notifier_event_MMU_NOTIFY_UNMAP, Event::Unmap),
            (bindings::mmu_notifier_event_MMU_NOTIFY_CLEAR, Event::Clear),
            (
                bindings::mmu_notifier_event_MMU_NOTIFY_PROTECTION_VMA,
                Event::ProtectionVma,
            ),
            (
                bindings::mmu_notifier_event_MMU_NOTIFY_PROTECTION_PAGE,
                Event::ProtectionPage,
            ),
            (
                bindings::mmu_notifier_event_MMU_NOTIFY_SOFT_DIRTY,
                Event::SoftDirty,
            ),
            (
                bindings::mmu_notifier_event_MMU_NOTIFY_RELEASE,
                Event::Release,
            ),
            (
                bindings::mmu_notifier_event_MMU_NOTIFY_MIGRATE,
                Event::Migrate,
            ),
            (
                bindings::mmu_notifier_event_MMU_NOTIFY_EXCLUSIVE,
                Event::Exclusive,
            ),
            (4711, Event::Unknown(4711)),
        ];

        for (raw, event) in known {
            let raw = range(&mm, raw, 1);
            // SAFETY: It is a range, and stays for as long as it is used.
            let range = unsafe { Range::from_raw(&raw) };
            let owned = matches!(event, Event::Migrate | Event::Exclusive);

            assert!(range.event() == event);
            assert!(range.is_owned_by(owner) == owned);
            assert!(!range.is_owned_by(stranger));

            let nobodys = bindings::mmu_notifier_range {
                owner: ptr::null_mut(),
                ..raw
            };
            // SAFETY: As above.
            assert!(!unsafe { Range::from_raw(&nobodys) }.is_owned_by(owner));
            assert!(ptr::eq(range.mm().as_raw(), mm.get()));
        }
        Ok(())
    }

    #[test]
    fn a_domain_without_subscribers_goes() -> Result {
        drop(Domain::<StartEnd<All>>::new()?);
        Ok(())
    }
}
