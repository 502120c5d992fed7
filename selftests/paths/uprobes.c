// SPDX-License-Identifier: GPL-2.0
/*
 * Drives uprobe_write(), by breakpoints in the code of a file.
 *
 * A breakpoint needs a page that belongs to the mapping alone.  When a breakpoint is set and
 * the page of the file is mapped, a subscriber must see a CLEAR range from wp_page_copy().
 * When a breakpoint is removed, a subscriber must see a CLEAR range from uprobe_write()
 * itself, since the mapping may lose its own page and get that of the file again.  The ranges
 * begin in the task that writes to tracefs, for each process that has mapped the file.
 */
#include <sys/wait.h>

#include "file.h"
#include "mnck_harness.h"
#include "option.h"
#include "path.h"
#include "tracefs.h"

#define BY_REMOVE "uprobe_write uprobe_write_opcode"

#define CODE "/tmp/mnck_uprobes"
#define UPROBE_EVENTS TRACEFS "/uprobe_events"
#define UPROBES TRACEFS "/events/mnck_uprobes"

#ifdef __x86_64__
#define NOP { 0x90 }
#else
#define NOP { 0x1f, 0x20, 0x03, 0xd5 }
#endif

FIXTURE(uprobes)
{
	struct path path;
	size_t page;
	/* A file with four pages of code, which never runs. */
	int code;
	/* Where the page with the breakpoints is mapped. */
	char *probed;
};

/* Makes a breakpoint, which is not set until it is enabled. */
static int uprobes_make(const char *name, size_t offset)
{
	char line[128];

	snprintf(line, sizeof(line), "p:mnck_uprobes/%s " CODE ":%#zx", name, offset);
	return file_write(UPROBE_EVENTS, line);
}

static int uprobes_enable(const char *name, bool enable)
{
	char path[128];

	snprintf(path, sizeof(path), UPROBES "/%s/enable", name);
	return file_write(path, enable ? "1" : "0");
}

static void uprobes_remove(const char *name)
{
	char line[64];

	uprobes_enable(name, false);
	snprintf(line, sizeof(line), "-:mnck_uprobes/%s", name);
	file_write(UPROBE_EVENTS, line);
}

FIXTURE_SETUP(uprobes)
{
	const unsigned char nop[] = NOP;
	unsigned char code[4096];

	REQUIRE_OPTION(has_uprobe_events(), "UPROBE_EVENTS");
	self->page = getpagesize();
	self->probed = PATH_AREA + self->page;
	self->code = open(CODE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	ASSERT_LE(0, self->code);
	for (size_t at = 0; at < sizeof(code); at += sizeof(nop))
		memcpy(code + at, nop, sizeof(nop));
	for (size_t at = 0; at < 4 * self->page; at += sizeof(code))
		ASSERT_EQ((ssize_t)sizeof(code), write(self->code, code, sizeof(code)));
	PATH_ATTACH(&self->path);
	ASSERT_EQ(0, uprobes_make("first", self->page)) TH_LOG("%m");
}

FIXTURE_TEARDOWN(uprobes)
{
	uprobes_remove("first");
	uprobes_remove("second");
	close(self->code);
	unlink(CODE);
	EXPECT_STREQ("", path_close(&self->path));
}

#define MAP_CODE(_flags)                                        \
	ASSERT_EQ(PATH_AREA, mmap(PATH_AREA, 4 * self->page, PROT_READ | PROT_EXEC, \
				  (_flags) | MAP_FIXED_NOREPLACE, self->code, 0))

/* Maps the page of the file. */
#define READ_CODE() ((void)*(volatile char *)self->probed)

/* Sets or removes a breakpoint, and expects a range of its page from @_initiator. */
#define ENABLE(_name, _enable, _initiator)                      \
	do {                                                    \
		ASSERT_EQ(0, uprobes_enable(_name, _enable));   \
		EXPECT_RANGES(&self->path,                      \
			      RANGE(CLEAR, self->probed, self->page, _initiator)); \
	} while (0)

#define ENABLE_SILENTLY(_name)                                  \
	do {                                                    \
		ASSERT_EQ(0, uprobes_enable(_name, true));      \
		EXPECT_NO_RANGES(&self->path);                  \
	} while (0)

/* A breakpoint begins a range when it is set, and another one when it is removed. */
TEST_F_TIMEOUT(uprobes, set_and_remove, MNCK_TIMEOUT)
{
	MAP_CODE(MAP_PRIVATE);
	READ_CODE();
	EXPECT_NO_RANGES(&self->path);
	ENABLE("first", true, BY_COPY);
	ENABLE("first", false, BY_REMOVE);
}

/* A breakpoint in a page that is not mapped yet replaces no page, and begins no range. */
TEST_F_TIMEOUT(uprobes, untouched, MNCK_TIMEOUT)
{
	MAP_CODE(MAP_PRIVATE);
	ENABLE_SILENTLY("first");
	ENABLE("first", false, BY_REMOVE);
}

/* mmap() sets the breakpoints of the file in a new mapping, which has no page to lose. */
TEST_F_TIMEOUT(uprobes, mapped_later, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, uprobes_enable("first", true));
	MAP_CODE(MAP_PRIVATE);
	READ_CODE();
	EXPECT_NO_RANGES(&self->path);
	ENABLE("first", false, BY_REMOVE);
}

/*
 * A second breakpoint in a page finds that the page belongs to the mapping alone already, and
 * begins no range.  The removal of each breakpoint begins one.
 */
TEST_F_TIMEOUT(uprobes, two, MNCK_TIMEOUT)
{
	ASSERT_EQ(0, uprobes_make("second", self->page + 16));
	MAP_CODE(MAP_PRIVATE);
	READ_CODE();
	ENABLE("first", true, BY_COPY);
	ENABLE_SILENTLY("second");
	ENABLE("first", false, BY_REMOVE);
	ENABLE("second", false, BY_REMOVE);
}

/* The ranges begin in the task that sets and removes the breakpoint, here in a child. */
TEST_F_TIMEOUT(uprobes, by_another, MNCK_TIMEOUT)
{
	pid_t child;

	MAP_CODE(MAP_PRIVATE);
	READ_CODE();
	ASSERT_EQ(0, madvise(PATH_AREA, 4 * self->page, MADV_DONTFORK));
	ASSERT_IN_CHILD(child, uprobes_enable("first", true) || uprobes_enable("first", false));
	EXPECT_RANGES(&self->path,
		      RANGE(CLEAR, self->probed, self->page, BY_COPY, .pid = child),
		      RANGE(CLEAR, self->probed, self->page, BY_REMOVE, .pid = child));
}

/* A shared mapping gets no breakpoints and so no ranges: see valid_vma(). */
TEST_F_TIMEOUT(uprobes, silent, MNCK_TIMEOUT)
{
	MAP_CODE(MAP_SHARED);
	READ_CODE();
	ENABLE_SILENTLY("first");
	ASSERT_EQ(0, uprobes_enable("first", false));
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
