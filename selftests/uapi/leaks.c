// SPDX-License-Identifier: GPL-2.0
/*
 * What fails for want of memory has lost none: kmemleak finds nothing.
 *
 * It has to have noted all allocations since the boot, which makes a kernel slow;
 * so this is a program for a guest of its own, with kmemleak=on.
 */
#include "failing_calls.h"
#include "file.h"
#include "option.h"

#define KMEMLEAK "/sys/kernel/debug/kmemleak"

/*
 * What was lost before is none of this test's business.  Fails if kmemleak is off:
 * it would forget all the same, but has no scans to stop.
 */
static int kmemleak_forget(void)
{
	return file_write(KMEMLEAK, "scan=off") ?: file_write(KMEMLEAK, "clear");
}

/*
 * Reads into @report what is lost and was allocated by a program called @comm:
 * returns its length, or -1.
 *
 * The first scan notes what objects have in them, since one that changes still
 * is in use; the second reports those that nothing has pointed to since.  It
 * spares objects younger than 5 seconds (MSECS_MIN_AGE of mm/kmemleak.c), of
 * which the only pointer may be in a register.  So by then the youngest must be
 * that old, and a wait for exactly that is no hope for anything.
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
	struct attempt attempt;
};

FIXTURE_SETUP(leaks)
{
	REQUIRE_OPTION(has_kmemleak(), "DEBUG_KMEMLEAK");
	REQUIRE_MNCK_KO();
	ASSERT_EQ(0, attempt_setup(&self->attempt));
}

FIXTURE_TEARDOWN(leaks)
{
	EXPECT_EQ(0, attempt_teardown(&self->attempt));
}

TEST_F_TIMEOUT(leaks, failed_calls, 2 * MNCK_TIMEOUT)
{
	static char report[1 << 14];
	ssize_t lost;

	ASSERT_EQ(0, kmemleak_forget()) TH_LOG(KMEMLEAK ": %m: kmemleak=off?");
	ASSERT_CAN_FAIL(FAIL_SLAB);
	SWEEP_ATTACHES((1U << NR_KINDS) - 1);
	SWEEP_DEVICES();
	ASSERT_CAN_FAIL(FAIL_NOTHING);
	end_fresh(&self->attempt);

	lost = kmemleak_find("\"leaks\"", report, sizeof(report));
	EXPECT_EQ(0, lost)
		TH_LOG("%s", lost < 0 ? "kmemleak does not scan" : report);
}

TEST_HARNESS_MAIN
