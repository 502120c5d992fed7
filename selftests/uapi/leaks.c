// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that fail for lack of memory leak none: kmemleak finds nothing.
 *
 * kmemleak must record all allocations since the boot, which makes the kernel slow.  So
 * this program runs in a guest of its own, with kmemleak=on.
 */
#include "failing_calls.h"
#include "file.h"
#include "option.h"

#define KMEMLEAK "/sys/kernel/debug/kmemleak"

/*
 * Makes kmemleak forget the leaks that it has found so far.  Fails if kmemleak is off: it
 * would still forget, but has no automatic scan to switch off.
 */
static int kmemleak_forget(void)
{
	return file_write(KMEMLEAK, "scan=off") ?: file_write(KMEMLEAK, "clear");
}

/*
 * Reads into @report the leaks of memory that a program called @comm has allocated;
 * returns its length, or -1.
 *
 * The first scan records a checksum of each unreferenced object, since an object whose
 * content changes is still in use.  The second scan reports the objects that are still
 * unreferenced and unchanged.  It spares objects younger than 5 seconds (MSECS_MIN_AGE
 * of mm/kmemleak.c), whose only pointer may be in a register.  So the youngest object
 * must be that old at the second scan: the wait before it is exact, not a guess.
 */
static ssize_t kmemleak_find(const char *comm, char *report, size_t size)
{
	static char all[1 << 16];
	size_t used = 0, len = 0;
	char *record, *next;
	ssize_t n;
	int fd;

	if (file_write(KMEMLEAK, "scan"))
		return -1;
	usleep(5200 * 1000);
	if (file_write(KMEMLEAK, "scan"))
		return -1;

	fd = open(KMEMLEAK, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while ((n = read(fd, all + used, sizeof(all) - 1 - used)) > 0)
		used += n;
	close(fd);
	if (n < 0)
		return -1;
	all[used] = '\0';

	report[0] = '\0';
	for (record = strstr(all, "unreferenced object"); record; record = next) {
		next = strstr(record + 1, "unreferenced object");
		if (next)
			next[-1] = '\0';
		if (strstr(record, comm) && len < size)
			len += snprintf(report + len, size - len, "%s\n", record);
	}
	return len;
}

FIXTURE(leaks)
{
	struct failing_calls calls;
};

FIXTURE_SETUP(leaks)
{
	REQUIRE_OPTION(has_kmemleak(), "DEBUG_KMEMLEAK");
	REQUIRE_MNCK_KO();
	ASSERT_EQ(0, failing_calls_setup(&self->calls));
}

FIXTURE_TEARDOWN(leaks)
{
	EXPECT_EQ(0, failing_calls_teardown(&self->calls));
}

/* No attach and no call that uses a device leaks memory, whichever of its allocations fails. */
TEST_F_TIMEOUT(leaks, failed_calls, 2 * MNCK_TIMEOUT)
{
	static char report[1 << 14];
	ssize_t lost;

	ASSERT_EQ(0, kmemleak_forget()) TH_LOG(KMEMLEAK ": %m: kmemleak=off?");
	ASSERT_CAN_FAIL(FAIL_SLAB);
	for (__u32 kind = 0; kind < NR_KINDS; kind++)
		fail_attach(_metadata, &self->calls, kind);
	fail_device_calls(_metadata, &self->calls);
	ASSERT_CAN_FAIL(FAIL_NOTHING);
	kill_new_process(&self->calls);

	lost = kmemleak_find("\"leaks\"", report, sizeof(report));
	EXPECT_EQ(0, lost)
		TH_LOG("%s", lost < 0 ? "kmemleak does not scan" : report);
}

TEST_HARNESS_MAIN
