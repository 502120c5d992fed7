// SPDX-License-Identifier: GPL-2.0

//! A callback must not keep a reference to the mm: the mm may be freed when the callback has
//! returned.

use kernel::{
    mm::Mm,
    prelude::*, //
};
use mnck::mmu_notifier::*;

fn start(last: &mut Option<&'static Mm>, range: &Range) {
    //+ *last = None;
    *last = Some(range.mm()); //~ E0521
}
