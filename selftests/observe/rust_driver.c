// SPDX-License-Identifier: GPL-2.0
/*
 * mnck observes a driver that another module has in Rust: samples/mnck_sample, which subscribes
 * to the whole address space of the process that opens its device.  The compiler makes no place
 * for ftrace there.
 */
#include "file.h"
#include "kmsg.h"
#include "mnck_harness.h"
#include "observed.h"

#define SAMPLE "mnck_sample"
#define DEVICE "/dev/mnck-sample"
#define PAGES 4

FIXTURE(rust_driver)
{
	int fd;
	int sample;
	int kmsg;
	char *area;
	struct subscriber counter;
};

FIXTURE_VARIANT(rust_driver)
{
	/* Whether mnck watches before the driver subscribes. */
	bool watched_first;
};

FIXTURE_VARIANT_ADD(rust_driver, registered) { .watched_first = true };
FIXTURE_VARIANT_ADD(rust_driver, listed) { .watched_first = false };

FIXTURE_SETUP(rust_driver)
{
	REQUIRE_TABLES();
	REQUIRE_OPTION(has_fprobe(), "FPROBE");
	if (!module_file("MNCK_SAMPLE_KO", SAMPLE))
		SKIP(return, "no mnck_sample.ko; set MNCK_SAMPLE_KO");
	ASSERT_EQ(0, module_insert("MNCK_SAMPLE_KO", SAMPLE, ""));
	self->kmsg = kmsg_open(O_NONBLOCK);
	ASSERT_LE(0, self->kmsg);
	if (variant->watched_first)
		ASSERT_EQ(0, mnck_set_parameter("watch", 1));
	self->sample = open(DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->sample);
	if (!variant->watched_first)
		ASSERT_EQ(0, mnck_set_parameter("watch", 1));

	ASSERT_EQ(0, small_pages());
	self->area = mmap(NULL, PAGES * getpagesize(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->area);
	memset(self->area, 1, PAGES * getpagesize());
	ASSERT_EQ(0, own_pages());
	self->fd = mnck_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mnck_attach(self->fd, 0, MNCK_KIND_COUNTER, &self->counter));
}

FIXTURE_TEARDOWN(rust_driver)
{
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, close(self->sample));
	EXPECT_EQ(0, mnck_set_parameter("watch", 0));
	/* A kretprobe holds the module while it is made. */
	WAIT_UNTIL(!module_remove(SAMPLE) || errno != EWOULDBLOCK);
	EXPECT_ERRNO(ENOENT, module_remove(SAMPLE));
	close(self->kmsg);
}

/* Each range that the counter sees is seen once, and nothing is reported. */
TEST_F_TIMEOUT(rust_driver, calls, MNCK_TIMEOUT)
{
	struct probed row = {};
	__u64 starts;
	long calls;

	WAIT_UNTIL(probed("[" SAMPLE "]", &row));
	EXPECT_STREQ("kretprobe", row.state);
	EXPECT_STREQ("invalidate", row.callback);
	starts = stats_now(&self->counter).starts;
	calls = probed_calls("[" SAMPLE "]");
	for (int page = 0; page < PAGES; page++)
		ASSERT_EQ(0, munmap(self->area + page * getpagesize(), getpagesize()));
	EXPECT_EQ(starts + PAGES, stats_now(&self->counter).starts);
	ASSERT_TRUE(probed("[" SAMPLE "]", &row));
	EXPECT_EQ(calls + PAGES, row.calls);
	EXPECT_EQ(0, row.refused);
	EXPECT_EQ(0, row.missed);

	ASSERT_EQ(0, mnck_set_parameter("watch", 0));
	EXPECT_NOTHING_LOGGED(self->kmsg);
}

TEST_HARNESS_MAIN
