// SPDX-License-Identifier: GPL-2.0
/*
 * Drives migrate_vma_collect() and __migrate_device_pages(), by pages that move to a device
 * and back, and make_device_exclusive() and remove_device_exclusive_entry(), by pages that
 * the device uses alone for a while.
 *
 * A subscriber must see MIGRATE ranges of pages that move, EXCLUSIVE ranges of pages that
 * the device alone may use, and CLEAR ranges when the process wants these back.
 *
 * The device is that of test_hmm, the kernel's own test of HMM, which subscribes too.
 */
#include <test_hmm_uapi.h>

#include "mnck_harness.h"
#include "module.h"
#include "option.h"
#include "path.h"

#define BY_COLLECT "migrate_vma_collect migrate_vma_setup"
#define BY_INSERT "__migrate_device_pages migrate_vma_pages"
#define BY_EXCLUSIVE "make_device_exclusive"
#define BY_RESTORE "remove_device_exclusive_entry do_swap_page handle_pte_fault __handle_mm_fault"

#define TEST_HMM_VARIABLE "MNCK_TEST_HMM_KO"
#define DEVICE "/dev/hmm_dmirror0"
#define PAGES 4

FIXTURE(device_memory)
{
	struct path path;
	size_t page;
	int device;
	/* The data that the device reads and writes. */
	char *copy;
	/* Where more can be mapped. */
	char *other;
};

FIXTURE_SETUP(device_memory)
{
	REQUIRE_OPTION(has_event_tracing(), "EVENT_TRACING");
	REQUIRE_OPTION(module_file(TEST_HMM_VARIABLE, "test_hmm"), "TEST_HMM");
	self->device = -1;
	self->page = getpagesize();
	self->other = PATH_AREA + 16 * self->page;
	self->copy = malloc(2 * PAGES * self->page);
	ASSERT_NE(NULL, self->copy);
	ASSERT_EQ(0, module_insert(TEST_HMM_VARIABLE, "test_hmm", "")) TH_LOG("%m");
	self->device = open(DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->device) TH_LOG("%m: " DEVICE);
	PATH_ATTACH_AREA(&self->path, PAGES * self->page);
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

/* Has the device do @_what with @_pages pages at @_start. */
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

/* Moves the first @_pages pages of the area to the device or back, with one range. */
#define MIGRATE(_what, _pages)                                  \
	do {                                                    \
		DEVICE_DO(_what, PATH_AREA, _pages);            \
		EXPECT_RANGES(&self->path,                      \
			      RANGE(MIGRATE, PATH_AREA, (_pages) * self->page, BY_COLLECT)); \
	} while (0)

/* A move to the device begins one range of all that is to move. */
TEST_F_TIMEOUT(device_memory, migrate, MNCK_TIMEOUT)
{
	MIGRATE(MIGRATE_TO_DEV, PAGES);
	EXPECT_EQ(0x5a, self->copy[PAGES * self->page - 1]);
}

/* When the process accesses a page that moved to the device, that page alone moves back. */
TEST_F_TIMEOUT(device_memory, touch, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + 2 * self->page;

	MIGRATE(MIGRATE_TO_DEV, PAGES);
	EXPECT_EQ(0x5a, *(volatile char *)p);
	EXPECT_RANGES(&self->path, RANGE(MIGRATE, p, self->page, BY_COLLECT));
}

/* The device can move all pages back, in one range. */
TEST_F_TIMEOUT(device_memory, migrate_back, MNCK_TIMEOUT)
{
	MIGRATE(MIGRATE_TO_DEV, PAGES);
	MIGRATE(MIGRATE_TO_SYS, PAGES);
	EXPECT_EQ(0x5a, *(volatile char *)PATH_AREA);
	EXPECT_NO_RANGES(&self->path);
}

/*
 * Untouched memory gets new pages of the device.  That begins two ranges: the one of the
 * move, which finds no page, and one of __migrate_device_pages(), which inserts pages.
 */
TEST_F_TIMEOUT(device_memory, migrate_untouched, MNCK_TIMEOUT)
{
	char *p = self->other;

	ASSERT_EQ(0, map_untouched(p, PAGES * self->page));
	DEVICE_DO(MIGRATE_TO_DEV, p, PAGES);
	EXPECT_RANGES(&self->path,
		      RANGE(MIGRATE, p, PAGES * self->page, BY_COLLECT),
		      RANGE(MIGRATE, p, PAGES * self->page, BY_INSERT));
}

/* __migrate_device_pages() begins its range at the first untouched page, and goes to the end. */
TEST_F_TIMEOUT(device_memory, migrate_partly_touched, MNCK_TIMEOUT)
{
	char *p = self->other;

	ASSERT_EQ(0, map_untouched(p, PAGES * self->page));
	p[0] = 1;
	p[2 * self->page] = 1;
	DEVICE_DO(MIGRATE_TO_DEV, p, PAGES);
	EXPECT_RANGES(&self->path,
		      RANGE(MIGRATE, p, PAGES * self->page, BY_COLLECT),
		      RANGE(MIGRATE, p + self->page, (PAGES - 1) * self->page, BY_INSERT));
}

/* Each VMA moves by itself, with a range of its own. */
TEST_F_TIMEOUT(device_memory, migrate_two_vmas, MNCK_TIMEOUT)
{
	char *second = PATH_AREA + 2 * self->page;

	ASSERT_EQ(0, madvise(second, 2 * self->page, MADV_DONTFORK));
	DEVICE_DO(MIGRATE_TO_DEV, PATH_AREA, PAGES);
	EXPECT_RANGES(&self->path,
		      RANGE(MIGRATE, PATH_AREA, 2 * self->page, BY_COLLECT),
		      RANGE(MIGRATE, second, 2 * self->page, BY_COLLECT));
}

/*
 * make_device_exclusive() begins a range for each page.  The page is the device's alone until
 * the process accesses it: then remove_device_exclusive_entry() begins a CLEAR range.
 */
TEST_F_TIMEOUT(device_memory, exclusive, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + self->page;

	DEVICE_DO(EXCLUSIVE, PATH_AREA, 2);
	EXPECT_EQ(0x5a, self->copy[0]);
	EXPECT_RANGES(&self->path,
		      RANGE(EXCLUSIVE, PATH_AREA, self->page, BY_EXCLUSIVE),
		      RANGE(EXCLUSIVE, p, self->page, BY_EXCLUSIVE));
	EXPECT_EQ(0x5a, *(volatile char *)p);
	EXPECT_RANGES(&self->path, RANGE(CLEAR, p, self->page, BY_RESTORE));
	*p = 1;
	EXPECT_NO_RANGES(&self->path);
}

/* A page that is a device's alone is first taken from it by a fault, and then given again. */
TEST_F_TIMEOUT(device_memory, exclusive_twice, MNCK_TIMEOUT)
{
	DEVICE_DO(EXCLUSIVE, PATH_AREA, 1);
	EXPECT_RANGES(&self->path, RANGE(EXCLUSIVE, PATH_AREA, self->page, BY_EXCLUSIVE));
	DEVICE_DO(EXCLUSIVE, PATH_AREA, 1);
	EXPECT_RANGES(&self->path,
		      RANGE(CLEAR, PATH_AREA, self->page, BY_RESTORE),
		      RANGE(EXCLUSIVE, PATH_AREA, self->page, BY_EXCLUSIVE));
}

/* A page that has moved to the device first moves back. */
TEST_F_TIMEOUT(device_memory, exclusive_migrated, MNCK_TIMEOUT)
{
	MIGRATE(MIGRATE_TO_DEV, 1);
	DEVICE_DO(EXCLUSIVE, PATH_AREA, 1);
	EXPECT_RANGES(&self->path,
		      RANGE(MIGRATE, PATH_AREA, self->page, BY_COLLECT),
		      RANGE(EXCLUSIVE, PATH_AREA, self->page, BY_EXCLUSIVE));
}

/* A device that reads and writes the pages of the process in place begins no range. */
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
