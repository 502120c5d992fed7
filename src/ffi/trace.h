/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The callbacks of subscribers as tracepoints: mnck:start and others, for perf,
 * trace-cmd and other users of tracefs.
 *
 * A model subscriber is named by its kind and its serial number, as in all reports; a
 * callback of another driver by its function and module.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM mnck

#if !defined(MNCK_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define MNCK_TRACE_H

#include <linux/mmu_notifier.h>
#include <linux/tracepoint.h>

#include "helpers.h"

/* So that a reader of the format can decode the events. */
TRACE_DEFINE_ENUM(MMU_NOTIFY_UNMAP);
TRACE_DEFINE_ENUM(MMU_NOTIFY_CLEAR);
TRACE_DEFINE_ENUM(MMU_NOTIFY_PROTECTION_VMA);
TRACE_DEFINE_ENUM(MMU_NOTIFY_PROTECTION_PAGE);
TRACE_DEFINE_ENUM(MMU_NOTIFY_SOFT_DIRTY);
TRACE_DEFINE_ENUM(MMU_NOTIFY_RELEASE);
TRACE_DEFINE_ENUM(MMU_NOTIFY_MIGRATE);
TRACE_DEFINE_ENUM(MMU_NOTIFY_EXCLUSIVE);

#define show_mmu_notifier_event(_event)					\
	__print_symbolic(_event,					\
		{ MMU_NOTIFY_UNMAP, "UNMAP" },				\
		{ MMU_NOTIFY_CLEAR, "CLEAR" },				\
		{ MMU_NOTIFY_PROTECTION_VMA, "PROTECTION_VMA" },	\
		{ MMU_NOTIFY_PROTECTION_PAGE, "PROTECTION_PAGE" },	\
		{ MMU_NOTIFY_SOFT_DIRTY, "SOFT_DIRTY" },		\
		{ MMU_NOTIFY_RELEASE, "RELEASE" },			\
		{ MMU_NOTIFY_MIGRATE, "MIGRATE" },			\
		{ MMU_NOTIFY_EXCLUSIVE, "EXCLUSIVE" })

DECLARE_EVENT_CLASS(mnck_range,

	TP_PROTO(const char *kind, u64 serial, unsigned long start, unsigned long end,
		 unsigned int event, bool blockable),

	TP_ARGS(kind, serial, start, end, event, blockable),

	TP_STRUCT__entry(
		__string(kind, kind)
		__field(u64, serial)
		__field(unsigned long, start)
		__field(unsigned long, end)
		__field(unsigned int, event)
		__field(bool, blockable)
		__field(unsigned long, initiator)
	),

	TP_fast_assign(
		__assign_str(kind);
		__entry->serial = serial;
		__entry->start = start;
		__entry->end = end;
		__entry->event = event;
		__entry->blockable = blockable;
		__entry->initiator = mnck_helper_initiator(current);
	),

	TP_printk("%s %llu: %s 0x%lx-0x%lx %sblockable in %pS",
		  __get_str(kind), __entry->serial,
		  show_mmu_notifier_event(__entry->event),
		  __entry->start, __entry->end, __entry->blockable ? "" : "non-",
		  (void *)__entry->initiator)
);

/* A start, or the invalidate callback of an interval subscriber, is called. */
DEFINE_EVENT(mnck_range, start,
	TP_PROTO(const char *kind, u64 serial, unsigned long start, unsigned long end,
		 unsigned int event, bool blockable),
	TP_ARGS(kind, serial, start, end, event, blockable));

/* A start refuses. */
DEFINE_EVENT(mnck_range, refused,
	TP_PROTO(const char *kind, u64 serial, unsigned long start, unsigned long end,
		 unsigned int event, bool blockable),
	TP_ARGS(kind, serial, start, end, event, blockable));

/* An end, or the finish callback of an interval subscriber, is called. */
DEFINE_EVENT(mnck_range, end,
	TP_PROTO(const char *kind, u64 serial, unsigned long start, unsigned long end,
		 unsigned int event, bool blockable),
	TP_ARGS(kind, serial, start, end, event, blockable));

DECLARE_EVENT_CLASS(mnck_callback,

	TP_PROTO(const char *kind, u64 serial),

	TP_ARGS(kind, serial),

	TP_STRUCT__entry(
		__string(kind, kind)
		__field(u64, serial)
		__field(unsigned long, initiator)
	),

	TP_fast_assign(
		__assign_str(kind);
		__entry->serial = serial;
		__entry->initiator = mnck_helper_initiator(current);
	),

	TP_printk("%s %llu: in %pS", __get_str(kind), __entry->serial,
		  (void *)__entry->initiator)
);

/* A release is called: the address space goes, or the subscriber is detached. */
DEFINE_EVENT(mnck_callback, release,
	TP_PROTO(const char *kind, u64 serial),
	TP_ARGS(kind, serial));

/* The flush of a secondary TLB is called. */
DEFINE_EVENT(mnck_callback, flush,
	TP_PROTO(const char *kind, u64 serial),
	TP_ARGS(kind, serial));

/* A callback that asks whether pages are young is called. */
DEFINE_EVENT(mnck_callback, young,
	TP_PROTO(const char *kind, u64 serial),
	TP_ARGS(kind, serial));

/* The event of a callback that has no range. */
#define MNCK_NO_RANGE (~0U)

/*
 * A callback of another driver is called, while mnck observes all drivers.  A callback that
 * is not called for a range has no addresses.
 */
TRACE_EVENT(callback_entry,

	TP_PROTO(unsigned long function, unsigned long start, unsigned long end,
		 unsigned int event, bool blockable),

	TP_ARGS(function, start, end, event, blockable),

	TP_STRUCT__entry(
		__field(unsigned long, function)
		__field(unsigned long, start)
		__field(unsigned long, end)
		__field(unsigned int, event)
		__field(bool, blockable)
	),

	TP_fast_assign(
		__entry->function = function;
		__entry->start = start;
		__entry->end = end;
		__entry->event = event;
		__entry->blockable = blockable;
	),

	TP_printk("%ps: %s 0x%lx-0x%lx %sblockable", (void *)__entry->function,
		  __entry->event == MNCK_NO_RANGE ? "-" :
		  show_mmu_notifier_event(__entry->event),
		  __entry->start, __entry->end, __entry->blockable ? "" : "non-")
);

/* It returns. */
TRACE_EVENT(callback_exit,

	TP_PROTO(unsigned long function, long result, u64 took),

	TP_ARGS(function, result, took),

	TP_STRUCT__entry(
		__field(unsigned long, function)
		__field(long, result)
		__field(u64, took)
	),

	TP_fast_assign(
		__entry->function = function;
		__entry->result = result;
		__entry->took = took;
	),

	TP_printk("%ps: returned %ld after %llu ns", (void *)__entry->function,
		  __entry->result, __entry->took)
);

/*
 * A rule was broken.  The log has only the first violation of a rule by a subscriber;
 * this event comes for each.
 */
TRACE_EVENT(violation,

	TP_PROTO(const char *line),

	TP_ARGS(line),

	TP_STRUCT__entry(
		__string(line, line)
	),

	TP_fast_assign(
		__assign_str(line);
	),

	TP_printk("%s", __get_str(line))
);

#endif /* MNCK_TRACE_H */

/* <trace/define_trace.h> includes this file again, by the -I in ../Kbuild. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
