// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that a device has: pages that move to it and back, MIGRATE, and pages that
 * only it may use for a while, EXCLUSIVE, until the process wants them, CLEAR.
 *
 * The device is the one of the kernel's own test of HMM, which is a subscriber too.
 */
#include <test_hmm_uapi.h>

#include "mnck_harness.h"
#include "module.h"
#include "path.h"

#define COLLECT "migrate_vma_collect migrate_vma_setup"
#define INSERT "__migrate_device_pages migrate_vma_pages"
#define EXCLUDE "make_device_exclusive"
#define RESTORE "remove_device_exclusive_entry do_swap_page handle_pte_fault __handle_mm_fault"

#define TEST_HMM_VARIABLE "MNCK_TEST_HMM_KO"
#define DEVICE "/dev/hmm_dmirror0"
#define PAGES 4

FIXTURE(device_memory)
{
	struct path path;
	size_t page;
	int device;
	/* What the device has read. */
	char *copy;
};

FIXTURE_SETUP(device_memory)
{
	REQUIRE_OPTION(module_file(TEST_HMM_VARIABLE, "test_hmm"), "TEST_HMM");
	self->path.fd = -1;
	self->device = -1;
	self->page = getpagesize();
	self->copy = malloc(2 * PAGES * self->page);
	ASSERT_NE(NULL, self->copy);
	ASSERT_EQ(0, small_pages());
	ASSERT_EQ(0, map_pages(PATH_AREA, PAGES * self->page));
	ASSERT_EQ(0, own_pages());
	ASSERT_EQ(0, module_insert(TEST_HMM_VARIABLE, "test_hmm", "")) TH_LOG("%m");
	self->device = open(DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->device) TH_LOG("%m: " DEVICE);
	PATH_ATTACH(&self->path);
}

FIXTURE_TEARDOWN(device_memory)
{
	EXPECT_STREQ("", path_close(&self->path));
	munmap(PATH_AREA, PATH_AREA_SIZE);
	if (self->device >= 0)
		close(self->device);
	EXPECT_EQ(0, module_remove("test_hmm"))
		TH_LOG("%m");
	free(self->copy);
}

/* Has the device do @_what with so many pages there. */
#define DEVICE_DO(_what, _start, _pages)                        \
	do {                                                    \
		struct hmm_dmirror_cmd cmd_ = {                 \
			.addr = (unsigned long)(_start),        \
			.ptr = (unsigned long)self->copy,       \
			.npages = (_pages),                     \
		};                                              \
								\
		ASSERT_EQ(0, ioctl(self->device, HMM_DMIRROR_##_what, &cmd_)) \
			TH_LOG("%m");                           \
		ASSERT_EQ((_pages), (int)cmd_.cpages);          \
	} while (0)

TEST_F_TIMEOUT(device_memory, migrate, MNCK_TIMEOUT)
{
	DEVICE_DO(MIGRATE_TO_DEV, PATH_AREA, PAGES);
	EXPECT_EQ(0x5a, self->copy[PAGES * self->page - 1]);
	EXPECT_RANGES(&self->path, RANGE(MIGRATE, PATH_AREA, PAGES * self->page, COLLECT));
}

/* The process wants a page: that comes back, and no other. */
TEST_F_TIMEOUT(device_memory, touch, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 2 * self->page;

	DEVICE_DO(MIGRATE_TO_DEV, PATH_AREA, PAGES);
	EXPECT_RANGES(&self->path, RANGE(MIGRATE, PATH_AREA, PAGES * self->page, COLLECT));
	EXPECT_EQ(0x5a, *(volatile char *)p);
	EXPECT_RANGES(&self->path, RANGE(MIGRATE, p, self->page, COLLECT));
}

/* The device gives them back. */
TEST_F_TIMEOUT(device_memory, migrate_back, MNCK_TIMEOUT)
{
	DEVICE_DO(MIGRATE_TO_DEV, PATH_AREA, PAGES);
	EXPECT_RANGES(&self->path, RANGE(MIGRATE, PATH_AREA, PAGES * self->page, COLLECT));
	DEVICE_DO(MIGRATE_TO_SYS, PATH_AREA, PAGES);
	EXPECT_RANGES(&self->path, RANGE(MIGRATE, PATH_AREA, PAGES * self->page, COLLECT));
	EXPECT_EQ(0x5a, *(volatile char *)PATH_AREA);
	EXPECT_NO_RANGES(&self->path);
}

/* Where there were none the device gets new pages: first nothing goes, then they come. */
TEST_F_TIMEOUT(device_memory, migrate_untouched, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 16 * self->page;

	ASSERT_EQ(0, map_untouched(p, PAGES * self->page));
	DEVICE_DO(MIGRATE_TO_DEV, p, PAGES);
	EXPECT_RANGES(&self->path,
		      RANGE(MIGRATE, p, PAGES * self->page, COLLECT),
		      RANGE(MIGRATE, p, PAGES * self->page, INSERT));
}

/* The second time from the first that has none on, to the end. */
TEST_F_TIMEOUT(device_memory, migrate_partly_touched, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 16 * self->page;

	ASSERT_EQ(0, map_untouched(p, PAGES * self->page));
	p[0] = 1;
	p[2 * self->page] = 1;
	DEVICE_DO(MIGRATE_TO_DEV, p, PAGES);
	EXPECT_RANGES(&self->path,
		      RANGE(MIGRATE, p, PAGES * self->page, COLLECT),
		      RANGE(MIGRATE, p + self->page, (PAGES - 1) * self->page, INSERT));
}

/* Each VMA by itself. */
TEST_F_TIMEOUT(device_memory, migrate_two_vmas, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + 2 * self->page;

	ASSERT_EQ(0, madvise(second, 2 * self->page, MADV_DONTFORK));
	DEVICE_DO(MIGRATE_TO_DEV, PATH_AREA, PAGES);
	EXPECT_RANGES(&self->path,
		      RANGE(MIGRATE, PATH_AREA, 2 * self->page, COLLECT),
		      RANGE(MIGRATE, second, 2 * self->page, COLLECT));
}

/* A page at a time. */
TEST_F_TIMEOUT(device_memory, exclusive, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + self->page;

	DEVICE_DO(EXCLUSIVE, PATH_AREA, 2);
	EXPECT_EQ(0x5a, self->copy[0]);
	EXPECT_RANGES(&self->path,
		      RANGE(EXCLUSIVE, PATH_AREA, self->page, EXCLUDE),
		      RANGE(EXCLUSIVE, p, self->page, EXCLUDE));
	/* Until the process wants it. */
	EXPECT_EQ(0x5a, *(volatile char *)p);
	EXPECT_RANGES(&self->path, RANGE(CLEAR, p, self->page, RESTORE));
	*p = 1;
	EXPECT_NO_RANGES(&self->path);
}

/* What is for a device alone already is taken from it first. */
TEST_F_TIMEOUT(device_memory, exclusive_twice, MNCK_TIMEOUT)
{
	DEVICE_DO(EXCLUSIVE, PATH_AREA, 1);
	EXPECT_RANGES(&self->path, RANGE(EXCLUSIVE, PATH_AREA, self->page, EXCLUDE));
	DEVICE_DO(EXCLUSIVE, PATH_AREA, 1);
	EXPECT_RANGES(&self->path,
		      RANGE(CLEAR, PATH_AREA, self->page, RESTORE),
		      RANGE(EXCLUSIVE, PATH_AREA, self->page, EXCLUDE));
}

/* A page that is the device's comes back first. */
TEST_F_TIMEOUT(device_memory, exclusive_migrated, MNCK_TIMEOUT)
{
	DEVICE_DO(MIGRATE_TO_DEV, PATH_AREA, 1);
	EXPECT_RANGES(&self->path, RANGE(MIGRATE, PATH_AREA, self->page, COLLECT));
	DEVICE_DO(EXCLUSIVE, PATH_AREA, 1);
	EXPECT_RANGES(&self->path,
		      RANGE(MIGRATE, PATH_AREA, self->page, COLLECT),
		      RANGE(EXCLUSIVE, PATH_AREA, self->page, EXCLUDE));
}

/* A device that reads and writes as the process does. */
TEST_F_TIMEOUT(device_memory, silent, MNCK_TIMEOUT)
{
	memset(self->copy, 0x33, PAGES * self->page);
	DEVICE_DO(WRITE, PATH_AREA, PAGES);
	EXPECT_EQ(0x33, *(volatile char *)PATH_AREA);
	memset(self->copy, 0, PAGES * self->page);
	DEVICE_DO(READ, PATH_AREA, PAGES);
	EXPECT_EQ(0x33, self->copy[0]);
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
