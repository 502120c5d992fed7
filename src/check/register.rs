// SPDX-License-Identifier: GPL-2.0

//! The watches that there are.

/// All watches.
pub(crate) struct Register;
