// SPDX-License-Identifier: GPL-2.0

//! Who is watched.

use kernel::{
    new_spinlock,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNode, //
    },
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        SpinLock, //
    }, //
};

use super::{
    Rule,
    Watched, //
};
use crate::ffi::{
    Global,
    Published, //
};

/// Where the registry is, from the module's init to its exit.
static REGISTRY: Global<Registry> = Global::new();

/// All checks of the module. Sleeps on drop, and comes after all watches.
pub(crate) struct Checks(#[expect(dead_code, reason = "held for its drop")] Published<Registry>);

impl Checks {
    /// The checks, of which there are one.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(REGISTRY.publish(Registry::new()?)?))
    }
}

/// All that are watched.
#[pin_data]
pub(crate) struct Registry {
    /// Protects the list. Taken to change it and for each step of a reader, for no longer than that;
    /// a shared subscriber is taken off with soft interrupts disabled.
    #[pin]
    watched: SpinLock<RBTree<u64, Arc<Watched>>>,
    /// The newest key; never used twice.
    newest: Atomic<u64>,
    violations: Counts,
}

impl Registry {
    fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                watched <- new_spinlock!(RBTree::new(), "Registry::watched"),
                newest: Atomic::new(0),
                violations: Counts::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// The registry, if the module is not about to go.
    pub(crate) fn get() -> Option<Arc<Self>> {
        REGISTRY.get()
    }

    /// Lists `watched`. May sleep.
    pub(super) fn list(self: Arc<Self>, watched: Arc<Watched>) -> Result<Listed> {
        let key = self.newest.fetch_add(1, Relaxed).wrapping_add(1);
        let node = RBTreeNode::new(key, watched, GFP_KERNEL)?;

        self.watched.lock().insert(node);
        Ok(Listed {
            registry: self,
            key,
        })
    }

    /// The one that is listed next after `key`, and its key. The first comes after 0.
    pub(crate) fn next(&self, key: u64) -> Option<(u64, Arc<Watched>)> {
        let watched = self.watched.lock();
        let cursor = watched.cursor_lower_bound(&key.wrapping_add(1))?;
        let (key, watched) = cursor.current();

        Some((*key, watched.clone()))
    }

    /// How often all of them, and those that have gone, broke each rule.
    pub(crate) fn violations(&self) -> &Counts {
        &self.violations
    }
}

/// A place on the list, until this is dropped. Never sleeps on drop.
pub(super) struct Listed {
    registry: Arc<Registry>,
    key: u64,
}

impl Listed {
    /// Counts a violation among those of all.
    pub(super) fn count(&self, rule: Rule) {
        self.registry.violations.count(rule);
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let node = self.registry.watched.lock().remove_node(&self.key);

        // Here, without the lock.
        drop(node);
    }
}

/// How often each rule was broken.
pub(crate) struct Counts([Atomic<u64>; Rule::ALL.len()]);

impl Counts {
    /// Never.
    pub(super) const fn new() -> Self {
        Self([const { Atomic::new(0) }; Rule::ALL.len()])
    }

    /// Once more, and whether this was the first time.
    pub(super) fn count(&self, rule: Rule) -> bool {
        self.0
            .get(rule as usize)
            .is_some_and(|count| count.fetch_add(1, Relaxed) == 0)
    }

    /// How often `rule` was broken.
    pub(crate) fn get(&self, rule: Rule) -> u64 {
        self.0
            .get(rule as usize)
            .map_or(0, |count| count.load(Relaxed))
    }
}
