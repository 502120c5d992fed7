/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The layout of each ioctl argument is ABI: no member moves, and it is the same for
 * 32-bit callers.
 */
#ifndef MNCK_SELFTEST_UAPI_LAYOUT_H
#define MNCK_SELFTEST_UAPI_LAYOUT_H

#include <assert.h>
#include <stddef.h>

#include "mnck_uapi.h"

#define ASSERT_OFFSET(_struct, _member, _offset) \
	static_assert(offsetof(struct _struct, _member) == (_offset), #_struct "." #_member)

/* The size of the first version, which had no member from start on. */
#define MNCK_ATTACH_SIZE_V1 24

static_assert(sizeof(struct mnck_attach) == 48, "mnck_attach");
ASSERT_OFFSET(mnck_attach, size, 0);
ASSERT_OFFSET(mnck_attach, pid, 4);
ASSERT_OFFSET(mnck_attach, kind, 8);
ASSERT_OFFSET(mnck_attach, flags, 12);
ASSERT_OFFSET(mnck_attach, id, 16);
ASSERT_OFFSET(mnck_attach, start, 24);
ASSERT_OFFSET(mnck_attach, end, 32);
ASSERT_OFFSET(mnck_attach, chain, 40);

static_assert(sizeof(struct mnck_stats) == 496, "mnck_stats");
ASSERT_OFFSET(mnck_stats, size, 0);
ASSERT_OFFSET(mnck_stats, flags, 4);
ASSERT_OFFSET(mnck_stats, id, 8);
ASSERT_OFFSET(mnck_stats, starts, 16);
ASSERT_OFFSET(mnck_stats, ends, 24);
ASSERT_OFFSET(mnck_stats, refusals, 32);
ASSERT_OFFSET(mnck_stats, open, 40);
ASSERT_OFFSET(mnck_stats, closed_by_detach, 48);
ASSERT_OFFSET(mnck_stats, releases, 56);
ASSERT_OFFSET(mnck_stats, non_blockable, 64);
ASSERT_OFFSET(mnck_stats, events, 72);
ASSERT_OFFSET(mnck_stats, last_start, 200);
ASSERT_OFFSET(mnck_stats, last_end, 208);
ASSERT_OFFSET(mnck_stats, last_event, 216);
ASSERT_OFFSET(mnck_stats, last_flags, 220);
ASSERT_OFFSET(mnck_stats, bytes, 224);
ASSERT_OFFSET(mnck_stats, last_start_order, 232);
ASSERT_OFFSET(mnck_stats, last_end_order, 240);
ASSERT_OFFSET(mnck_stats, clear_flush_young, 248);
ASSERT_OFFSET(mnck_stats, clear_young, 256);
ASSERT_OFFSET(mnck_stats, test_young, 264);
ASSERT_OFFSET(mnck_stats, young, 272);
ASSERT_OFFSET(mnck_stats, last_young_start, 280);
ASSERT_OFFSET(mnck_stats, last_young_end, 288);
ASSERT_OFFSET(mnck_stats, flushes, 296);
ASSERT_OFFSET(mnck_stats, flushes_all, 304);
ASSERT_OFFSET(mnck_stats, last_flush_start, 312);
ASSERT_OFFSET(mnck_stats, last_flush_end, 320);
ASSERT_OFFSET(mnck_stats, retries, 328);
ASSERT_OFFSET(mnck_stats, waiting, 336);
ASSERT_OFFSET(mnck_stats, serial, 344);
ASSERT_OFFSET(mnck_stats, made, 352);
ASSERT_OFFSET(mnck_stats, freed, 360);
ASSERT_OFFSET(mnck_stats, violations, 368);

static_assert(sizeof(struct mnck_lock) == 24, "mnck_lock");
ASSERT_OFFSET(mnck_lock, size, 0);
ASSERT_OFFSET(mnck_lock, flags, 4);
ASSERT_OFFSET(mnck_lock, id, 8);
ASSERT_OFFSET(mnck_lock, op, 16);
ASSERT_OFFSET(mnck_lock, reserved, 20);

static_assert(sizeof(struct mnck_mirror) == 48, "mnck_mirror");
ASSERT_OFFSET(mnck_mirror, size, 0);
ASSERT_OFFSET(mnck_mirror, flags, 4);
ASSERT_OFFSET(mnck_mirror, id, 8);
ASSERT_OFFSET(mnck_mirror, op, 16);
ASSERT_OFFSET(mnck_mirror, reserved, 20);
ASSERT_OFFSET(mnck_mirror, start, 24);
ASSERT_OFFSET(mnck_mirror, end, 32);
ASSERT_OFFSET(mnck_mirror, entries, 40);

static_assert(sizeof(struct mnck_touch) == 32, "mnck_touch");
ASSERT_OFFSET(mnck_touch, size, 0);
ASSERT_OFFSET(mnck_touch, flags, 4);
ASSERT_OFFSET(mnck_touch, id, 8);
ASSERT_OFFSET(mnck_touch, start, 16);
ASSERT_OFFSET(mnck_touch, end, 24);

static_assert(sizeof(struct mnck_watch) == 24, "mnck_watch");
ASSERT_OFFSET(mnck_watch, size, 0);
ASSERT_OFFSET(mnck_watch, pid, 4);
ASSERT_OFFSET(mnck_watch, flags, 8);
ASSERT_OFFSET(mnck_watch, fd, 12);
ASSERT_OFFSET(mnck_watch, latency_limit_us, 16);
ASSERT_OFFSET(mnck_watch, reserved, 20);

static_assert(sizeof(struct mnck_record_event) == 472, "mnck_record_event");
ASSERT_OFFSET(mnck_record_event, size, 0);
ASSERT_OFFSET(mnck_record_event, type, 4);
ASSERT_OFFSET(mnck_record_event, time, 8);
ASSERT_OFFSET(mnck_record_event, lost, 16);
ASSERT_OFFSET(mnck_record_event, pid, 24);
ASSERT_OFFSET(mnck_record_event, tid, 28);
ASSERT_OFFSET(mnck_record_event, comm, 32);
ASSERT_OFFSET(mnck_record_event, rule, 48);
ASSERT_OFFSET(mnck_record_event, event, 52);
ASSERT_OFFSET(mnck_record_event, flags, 56);
ASSERT_OFFSET(mnck_record_event, reserved, 60);
ASSERT_OFFSET(mnck_record_event, start, 64);
ASSERT_OFFSET(mnck_record_event, end, 72);
ASSERT_OFFSET(mnck_record_event, took, 80);
ASSERT_OFFSET(mnck_record_event, driver, 88);
ASSERT_OFFSET(mnck_record_event, what, 216);
ASSERT_OFFSET(mnck_record_event, caller, 344);

static_assert(sizeof(struct mnck_record_callback) == 504, "mnck_record_callback");
ASSERT_OFFSET(mnck_record_callback, size, 0);
ASSERT_OFFSET(mnck_record_callback, type, 4);
ASSERT_OFFSET(mnck_record_callback, calls, 8);
ASSERT_OFFSET(mnck_record_callback, refusals, 16);
ASSERT_OFFSET(mnck_record_callback, longest, 24);
ASSERT_OFFSET(mnck_record_callback, missed, 32);
ASSERT_OFFSET(mnck_record_callback, histogram, 40);
ASSERT_OFFSET(mnck_record_callback, name, 360);
ASSERT_OFFSET(mnck_record_callback, callback, 488);

static_assert(sizeof(struct mnck_record_unseen) == 80, "mnck_record_unseen");
ASSERT_OFFSET(mnck_record_unseen, size, 0);
ASSERT_OFFSET(mnck_record_unseen, type, 4);
ASSERT_OFFSET(mnck_record_unseen, flags, 8);
ASSERT_OFFSET(mnck_record_unseen, reserved, 12);
ASSERT_OFFSET(mnck_record_unseen, calls, 16);
ASSERT_OFFSET(mnck_record_unseen, ends, 24);
ASSERT_OFFSET(mnck_record_unseen, sequences, 32);
ASSERT_OFFSET(mnck_record_unseen, drivers, 40);
ASSERT_OFFSET(mnck_record_unseen, findings, 48);
ASSERT_OFFSET(mnck_record_unseen, records, 56);
ASSERT_OFFSET(mnck_record_unseen, processes, 64);
ASSERT_OFFSET(mnck_record_unseen, late, 72);

static_assert(sizeof(struct mnck_prearm) == 136, "mnck_prearm");
ASSERT_OFFSET(mnck_prearm, size, 0);
ASSERT_OFFSET(mnck_prearm, callback, 4);
ASSERT_OFFSET(mnck_prearm, function, 8);

/* So are the numbers. */
static_assert(MNCK_ATTACH == 0xc030bd00, "MNCK_ATTACH");
static_assert(MNCK_DETACH == 0xc1f0bd01, "MNCK_DETACH");
static_assert(MNCK_STATS == 0xc1f0bd02, "MNCK_STATS");
static_assert(MNCK_LOCK == 0x4018bd03, "MNCK_LOCK");
static_assert(MNCK_MIRROR == 0x4030bd04, "MNCK_MIRROR");
static_assert(MNCK_TOUCH == 0x4020bd05, "MNCK_TOUCH");
static_assert(MNCK_WATCH == 0xc018bd06, "MNCK_WATCH");
static_assert(MNCK_SUMMARY == 0xbd07, "MNCK_SUMMARY");
static_assert(MNCK_PREARM == 0x4088bd08, "MNCK_PREARM");

#endif /* MNCK_SELFTEST_UAPI_LAYOUT_H */
