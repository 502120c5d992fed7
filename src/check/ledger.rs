// SPDX-License-Identifier: GPL-2.0

//! The ledger of open pairs.
