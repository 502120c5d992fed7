// SPDX-License-Identifier: GPL-2.0
/*
 * mnck watches drivers under load: four threads change the memory of a process that has many
 * drivers, none of which makes a mistake.  Meanwhile a tracer has the same functions, modules
 * of drivers come and go, and so does mnck.
 *
 * No driver is accused, and nothing is logged.  Whenever the threads rest, mnck has counted
 * each call of each callback that the driver itself has counted since mnck began to watch.
 *
 * Environment:
 *	MNCK_SEED	seed of the random numbers; printed in any case
 *	MNCK_SECONDS	how long it takes at least; 5 by default
 */
#include <time.h>

#include "child.h"
#include "file.h"
#include "kmsg.h"
#include "kvm_guest.h"
#include "mnck_harness.h"
#include "observed.h"
#include "option.h"
#include "rdma.h"
#include "swap.h"
#include "tracefs.h"
#include "violation.h"
#include "workers.h"

#define THREADS 4
/* How many orders there are for all threads at a time, and how many changes an order has. */
#define ORDERS 8
#define CHANGES 16

#define AREA ((char *)0x300000000UL)
#define PAGES 8
#define ALL " 0x300000000 0x1000000"

/* The memory of the guest of KVM, and of the RDMA client, if there are such. */
#define GUEST_AREA ((char *)0x400000000UL)
#define RDMA_AREA ((char *)0x500000000UL)
#define PEER_SIZE (64UL << 10)

/* Seconds: a long run takes hours, so this detects no hang.  The rig does. */
#define LOAD_TIMEOUT (12 * 60 * 60)

/* The drivers of the process. */
static const char * const lines[] = {
	"clean", "refusing", "sleeps_if_blockable", "unlocks_mutex", "clean_tlbs", "aging",
	"clean_interval" ALL, "refusing_interval" ALL, "never_reads" ALL, "clean_two_pass" ALL,
};

/* Their callbacks, and the drivers that count their calls. */
static const struct callback {
	const char *function;
	const char *driver;
	const char *other;
	/* Whether it is the one that ends a range. */
	bool ends;
	/* Whether it is KVM's, which hears of the same ranges as the driver. */
	bool is_kvm;
} callbacks[] = {
	{ OF_MISTAKES("clean_start"), .driver = "clean" },
	{
		OF_MISTAKES("clean_end"),
		.driver = "clean", .other = "sleeps_if_blockable", .ends = true,
	},
	{ OF_MISTAKES("refusing_start"), .driver = "refusing" },
	{ OF_MISTAKES("sleeps_if_blockable_start"), .driver = "sleeps_if_blockable" },
	{ OF_MISTAKES("unlocks_mutex_start"), .driver = "unlocks_mutex" },
	{ OF_MISTAKES("clean_tlbs"), .driver = "clean_tlbs" },
	{ OF_MISTAKES("aging_clear_young"), .driver = "aging" },
	{ OF_MISTAKES("clean_invalidate"), .driver = "clean_interval" },
	{ OF_MISTAKES("refusing_invalidate"), .driver = "refusing_interval" },
	{ OF_MISTAKES("never_reads_invalidate"), .driver = "never_reads" },
	{ OF_MISTAKES("clean_pass"), .driver = "clean_two_pass" },
	{ OF_MISTAKES("clean_finish"), .driver = "clean_two_pass", .ends = true },
	{ "kvm_mmu_notifier_invalidate_range_start", .driver = "clean", .is_kvm = true },
	{
		"kvm_mmu_notifier_invalidate_range_end",
		.driver = "clean", .ends = true, .is_kvm = true,
	},
};

/* What the process has beside these: set before it starts. */
static bool has_kvm, has_rdma;

static struct kvm_guest guest;
static struct rdma rdma;

/* xorshift32, by Marsaglia. */
static __u32 below(__u32 *state, __u32 n)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % n;
}

static int subscribe_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (mistakes_subscribe(lines[i]) < 0)
			return -1;
	if (has_kvm && (map_pages(GUEST_AREA, PEER_SIZE) ||
			kvm_guest_make(&guest, GUEST_AREA, PEER_SIZE)))
		return -1;
	if (has_rdma && (map_pages(RDMA_AREA, PEER_SIZE) ||
			 rdma_make(&rdma, RDMA_AREA, PEER_SIZE)))
		return -1;
	return 0;
}

/* Changes memory that a device uses: each has a thread of its own. */
static int change_peer(int number)
{
	size_t half = PEER_SIZE / 2;

	if (has_kvm && number == 0)
		return madvise(GUEST_AREA, half, MADV_DONTNEED) ||
		       kvm_guest_store(&guest, GUEST_AREA, PEER_SIZE, 1);
	if (has_rdma && number == 1)
		return madvise(RDMA_AREA, half, MADV_DONTNEED) ||
		       rdma_write(&rdma, RDMA_AREA + half, RDMA_AREA, half);
	return 0;
}

static int change(int number, char *area, __u32 *state)
{
	size_t page = getpagesize();
	__u32 first = below(state, PAGES);
	size_t len = (1 + below(state, PAGES - first)) * page;
	char *start = area + first * page;
	pid_t pid;

	/* A fork costs more than all else. */
	switch (below(state, 64) ? below(state, 5) : 5) {
	case 0:
		return munmap(start, len) || map_pages(start, len);
	case 1:
		memset(start, 1, len);
		return madvise(start, len, MADV_DONTNEED);
	case 2:
		memset(start, 2, len);
		return mprotect(start, len, PROT_READ) ||
		       mprotect(start, len, PROT_READ | PROT_WRITE);
	case 3:
		/* Reclaims the pages if there is swap space. */
		memset(start, 3, len);
		return madvise(start, len, MADV_PAGEOUT);
	case 4:
		return change_peer(number);
	default:
		pid = fork();
		if (!pid)
			_exit(0);
		return pid < 0 || waitpid(pid, NULL, 0) != pid;
	}
}

/* The first order is 0; the others are seeds. */
static int work(int number, __u32 order)
{
	char *area = AREA + number * 0x100000UL;

	if (!order)
		return (!number && subscribe_all()) || map_pages(area, PAGES * getpagesize());
	for (int i = 0; i < CHANGES; i++)
		if (change(number, area, &order))
			return -1;
	return 0;
}

struct count {
	long made;
	long seen;
	long missed;
};

FIXTURE(load)
{
	int kmsg;
	__u32 state;
	bool swaps;
	bool has_graph;
	struct workers workers;
	/* Since when calls are compared. */
	struct count begun[ARRAY_SIZE(callbacks)];
	__u32 rounds;
	__u64 calls;
	__u64 missed;
};

#define LOAD FIXTURE_DATA(load)

static __u32 from_environment(const char *name, __u32 otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : otherwise;
}

static long made_by(const char *driver, bool ends)
{
	struct mistakes_calls calls = {};

	if (driver)
		mistakes_calls(driver, &calls);
	return ends ? calls.ended : calls.begun;
}

static struct count look(const struct callback *callback)
{
	struct probed row = { .calls = -1 };

	probed(callback->function, &row);
	return (struct count){
		.made = made_by(callback->driver, callback->ends) +
			made_by(callback->other, callback->ends),
		.seen = row.calls, .missed = row.missed,
	};
}

/* While the threads rest, nothing but reclaim calls: waits until that does not. */
static struct count count(const struct callback *callback)
{
	struct count before, now = look(callback);

	do {
		before = now;
		usleep(2000);
		now = look(callback);
	} while (memcmp(&before, &now, sizeof(now)));
	return now;
}

static bool is_there(const struct callback *callback)
{
	return has_kvm || !callback->is_kvm;
}

/* Waits until all callbacks are probed, and compares their calls from here on. */
static void begin(struct __test_metadata *_metadata, LOAD *self)
{
	for (size_t i = 0; i < ARRAY_SIZE(callbacks); i++) {
		if (!is_there(&callbacks[i]))
			continue;
		WAIT_UNTIL_PROBED(callbacks[i].function);
		self->begun[i] = count(&callbacks[i]);
	}
}

/* As many calls were seen as were made, if none was missed. */
static void compare(struct __test_metadata *_metadata, LOAD *self)
{
	for (size_t i = 0; i < ARRAY_SIZE(callbacks); i++) {
		struct count *from = &self->begun[i], now;

		if (!is_there(&callbacks[i]))
			continue;
		now = count(&callbacks[i]);
		if (now.missed != from->missed) {
			self->missed += now.missed - from->missed;
			TH_LOG("%s: %ld calls missed", callbacks[i].function,
			       now.missed - from->missed);
		} else {
			EXPECT_EQ(now.made - from->made, now.seen - from->seen)
				TH_LOG("%s", callbacks[i].function);
		}
		self->calls += now.seen - from->seen;
		*from = now;
	}
	EXPECT_NO_LINE(self->kmsg);
	EXPECT_FALSE(is_accused("[" MISTAKES_MODULE "]"));
	EXPECT_FALSE(is_accused("[" LEAVER_MODULE "]"));
	EXPECT_FALSE(is_accused(" core:"));
	EXPECT_FALSE(is_accused("[kvm]"));
	EXPECT_FALSE(is_accused("[rdma_rxe]"));
}

/* mnck is there. */
static void start_process(struct __test_metadata *_metadata, LOAD *self)
{
	INSERT_MISTAKES();
	ASSERT_EQ(0, workers_start(&self->workers, THREADS, work));
	begin(_metadata, self);
}

static void end_process(struct __test_metadata *_metadata, LOAD *self)
{
	workers_kill(&self->workers);
	self->workers.pid = 0;
	EXPECT_EQ(0, module_remove(MISTAKES_MODULE));
}

FIXTURE_SETUP(load)
{
	REQUIRE_TABLES();
	REQUIRE_OPTION(has_fprobe(), "FPROBE");
	REQUIRE_MNCK_KO();
	self->has_graph = has_event_tracing() && !access(TRACEFS "/set_graph_function", F_OK);
	has_kvm = !access(DEV_KVM, R_OK | W_OK);
	has_rdma = has_rxe();
	self->state = from_environment("MNCK_SEED", time(NULL) * 1000003U + getpid()) ?: 1;
	TH_LOG("MNCK_SEED=%u, %s KVM, %s rxe", self->state, has_kvm ? "with" : "without",
	       has_rdma ? "with" : "without");
	self->swaps = has_swap() && has_ram_disk();
	if (self->swaps) {
		ASSERT_EQ(0, swap_make(SWAP_DEVICE));
		ASSERT_EQ(0, swapon(SWAP_DEVICE, 0));
	}
	ASSERT_EQ(0, file_write(TABLES "violations", "clear"));
	ASSERT_EQ(0, mnck_set_parameter("watch", 1));
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	start_process(_metadata, self);
}

FIXTURE_TEARDOWN(load)
{
	end_process(_metadata, self);
	if (self->swaps)
		EXPECT_EQ(0, swapoff(SWAP_DEVICE));
	EXPECT_EQ(0, mnck_set_parameter("watch", 0));
	close(self->kmsg);
}

static bool set_tracer(const char *tracer)
{
	return !file_write(TRACEFS "/set_ftrace_filter", ":mod:" MISTAKES_MODULE) &&
	       !file_write(TRACEFS "/set_ftrace_filter", "__mmu_notifier*") &&
	       !file_write(TRACEFS "/current_tracer", tracer);
}

/* Another driver subscribes to this process, which changes its memory, and goes. */
static int come_and_go(void)
{
	if (module_insert(LEAVER_VARIABLE, LEAVER_MODULE, "driver=put_tidy"))
		return -1;
	for (int i = 0; i < 4; i++)
		if (map_pages(AREA, getpagesize()) || munmap(AREA, getpagesize()))
			return -1;
	return module_remove(LEAVER_MODULE);
}

/* What happens while the threads change their memory. */
enum { TRACER, MODULES, SWITCH, MNCK, DRIVERS, KINDS };

/* Returns whether the calls that were made meanwhile are all seen. */
static bool disturb(struct __test_metadata *_metadata, LOAD *self, int kind)
{
	pid_t child;

	switch (kind) {
	case TRACER:
		if (!self->has_graph)
			return true;
		EXPECT_TRUE(set_tracer("function_graph"));
		EXPECT_TRUE(set_tracer("nop"));
		return true;
	case MODULES:
		ASSERT_IN_CHILD(child, come_and_go());
		return true;
	case SWITCH:
		EXPECT_EQ(0, mnck_set_parameter("watch", 0));
		EXPECT_EQ(0, mnck_set_parameter("watch", 1));
		return false;
	case MNCK:
		EXPECT_NO_LINE(self->kmsg);
		/* A subscription of its own may not be freed yet. */
		WAIT_UNTIL(!mnck_remove() || errno != EAGAIN);
		EXPECT_EQ(0, mnck_insert("watch=1"));
		return false;
	default:
		return true;
	}
}

static void one_round(struct __test_metadata *_metadata, LOAD *self)
{
	int kind = self->rounds++ % KINDS;
	__u32 orders[ORDERS];
	bool all_seen;

	for (int i = 0; i < ORDERS; i++)
		orders[i] = 1 + below(&self->state, ~0U - 1);
	ASSERT_EQ(0, workers_send(&self->workers, orders, ORDERS));
	all_seen = disturb(_metadata, self, kind);
	ASSERT_EQ(0, workers_wait(&self->workers, ORDERS));
	if (all_seen)
		compare(_metadata, self);
	else
		begin(_metadata, self);
	if (kind == DRIVERS) {
		end_process(_metadata, self);
		start_process(_metadata, self);
	}
}

TEST_F_TIMEOUT(load, observed, LOAD_TIMEOUT)
{
	__u32 seconds = from_environment("MNCK_SECONDS", 5);
	time_t begun = time(NULL), said = begun, now = begun;

	while ((now < begun + seconds || self->rounds < KINDS) &&
	       _metadata->exit_code == KSFT_PASS) {
		one_round(_metadata, self);
		now = time(NULL);
		if (now >= said + 10) {
			said = now;
			TH_LOG("%ld of %u s: %u rounds, %llu calls seen, %llu missed",
			       (long)(now - begun), seconds, self->rounds, self->calls,
			       self->missed);
		}
	}
	EXPECT_LT(0, self->calls);
	EXPECT_EQ(0, self->missed);
	TH_LOG("%u rounds, %llu calls seen, %llu missed", self->rounds, self->calls,
	       self->missed);
}

TEST_HARNESS_MAIN
