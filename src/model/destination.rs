// SPDX-License-Identifier: GPL-2.0

//! The two ways to attach a subscriber: to an address space, or to a chain.

use core::pin::Pin;

use kernel::{
    mm::Mm,
    prelude::*, //
};

use super::place::Place;
use crate::{
    chain::{
        self,
        Chain,
        Membership, //
    },
    mmu_notifier::{
        Flavour,
        Registration,
        TaskContext, //
    },
};

/// Where a subscriber is attached.
pub(super) enum Destination<'a, 'p> {
    /// It is registered with an address space.
    Place(&'a mut Place<'p>),
    /// It joins a chain, as its last member.
    Chain(&'a Chain, &'a mut TaskContext),
}

/// The subscription of a subscriber that may be attached in either way. Detached on drop.
pub(super) enum Subscription<F: Flavour>
where
    F::Subscriber: chain::Subscriber,
{
    Registration(Registration<F>),
    Membership(Membership<F::Subscriber>),
}

impl Destination<'_, '_> {
    /// Returns the address space, which may have been released.
    pub(super) fn mm(&self) -> &Mm {
        match self {
            Self::Place(place) => place.mm,
            Self::Chain(chain, _) => chain.mm(),
        }
    }

    /// Attaches a subscriber. Sleeps.
    ///
    /// # Errors
    ///
    /// As [`Registration::new`] or [`Chain::join`].
    pub(super) fn attach<F: Flavour, E>(
        &mut self,
        subscriber: impl PinInit<F::Subscriber, E>,
    ) -> Result<Subscription<F>>
    where
        F::Subscriber: chain::Subscriber,
        Error: From<E>,
    {
        Ok(match self {
            Self::Place(place) => Subscription::Registration(place.register(subscriber)?),
            Self::Chain(chain, task) => Subscription::Membership(chain.join(subscriber, task)?),
        })
    }
}

impl<F: Flavour> Subscription<F>
where
    F::Subscriber: chain::Subscriber,
{
    /// Returns the subscriber.
    pub(super) fn subscriber(&self) -> Pin<&F::Subscriber> {
        match self {
            Self::Registration(registration) => registration.subscriber(),
            Self::Membership(membership) => membership.subscriber(),
        }
    }
}
