// SPDX-License-Identifier: GPL-2.0
/*
 * Breakpoints in the code of a file.  To set one the page must be the mapping's own:
 * who had looked at the file's is told so, CLEAR.  To take it out is a CLEAR of its
 * own, since the page may go then and the file's come back.  Both happen in the task
 * that tells tracefs to, to all processes that have mapped the file.
 */
#include <sys/wait.h>

#include "file.h"
#include "mnck_harness.h"
#include "option.h"
#include "path.h"
#include "tracefs.h"

#define REMOVE "uprobe_write uprobe_write_opcode"

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
	/* Four pages of code, that nobody runs. */
	int code;
};

/* A breakpoint, disabled. */
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

	self->path.fd = -1;
	self->page = getpagesize();
	REQUIRE_OPTION(has_uprobe_events(), "UPROBE_EVENTS");
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

#define MAP_CODE() \
	ASSERT_EQ(PATH_AREA, mmap(PATH_AREA, 4 * self->page, PROT_READ | PROT_EXEC, \
				  MAP_PRIVATE | MAP_FIXED_NOREPLACE, self->code, 0))

/* Looks at the page with the breakpoints. */
#define LOOK() ((void)*(volatile char *)(PATH_AREA + self->page))

TEST_F_TIMEOUT(uprobes, set_and_remove, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + self->page;

	MAP_CODE();
	LOOK();
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, uprobes_enable("first", true));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, p, self->page, BY_COPY));
	ASSERT_EQ(0, uprobes_enable("first", false));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, p, self->page, REMOVE));
}

/* Nobody had looked: there is no page that could be another one now. */
TEST_F_TIMEOUT(uprobes, untouched, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + self->page;

	MAP_CODE();
	ASSERT_EQ(0, uprobes_enable("first", true));
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, uprobes_enable("first", false));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, p, self->page, REMOVE));
}

/* Whoever maps the code has its breakpoints. */
TEST_F_TIMEOUT(uprobes, mapped_later, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + self->page;

	ASSERT_EQ(0, uprobes_enable("first", true));
	MAP_CODE();
	LOOK();
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, uprobes_enable("first", false));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, p, self->page, REMOVE));
}

/* The second finds a page that is the mapping's own.  Each is told when it goes. */
TEST_F_TIMEOUT(uprobes, two, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + self->page;

	ASSERT_EQ(0, uprobes_make("second", self->page + 16));
	MAP_CODE();
	LOOK();
	ASSERT_EQ(0, uprobes_enable("first", true));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, p, self->page, BY_COPY));
	ASSERT_EQ(0, uprobes_enable("second", true));
	EXPECT_NO_RANGES(&self->path);
	ASSERT_EQ(0, uprobes_enable("first", false));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, p, self->page, REMOVE));
	ASSERT_EQ(0, uprobes_enable("second", false));
	EXPECT_RANGES(&self->path, RANGE(CLEAR, p, self->page, REMOVE));
}

/* Another process sets it, and it is he in whom it happens. */
TEST_F_TIMEOUT(uprobes, by_another, MNCK_TIMEOUT)
{
	char *p = PATH_AREA + self->page;
	int status;
	pid_t child;

	MAP_CODE();
	LOOK();
	ASSERT_EQ(0, madvise(PATH_AREA, 4 * self->page, MADV_DONTFORK));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(uprobes_enable("first", true) || uprobes_enable("first", false));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_RANGES(&self->path,
		      RANGE(CLEAR, p, self->page, BY_COPY, .pid = child),
		      RANGE(CLEAR, p, self->page, REMOVE, .pid = child));
}

/* What is shared, or may be written to, has no breakpoints. */
TEST_F_TIMEOUT(uprobes, silent, MNCK_TIMEOUT)
{
	ASSERT_EQ(PATH_AREA, mmap(PATH_AREA, 4 * self->page, PROT_READ | PROT_EXEC,
				  MAP_SHARED | MAP_FIXED_NOREPLACE, self->code, 0));
	LOOK();
	ASSERT_EQ(0, uprobes_enable("first", true));
	ASSERT_EQ(0, uprobes_enable("first", false));
	EXPECT_NO_RANGES(&self->path);
}

TEST_HARNESS_MAIN
