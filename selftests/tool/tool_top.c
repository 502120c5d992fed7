// SPDX-License-Identifier: GPL-2.0
/*
 * A user looks at the callbacks that are called most often: in a file, and on a terminal.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <termios.h>

#include "file.h"
#include "mnck_harness.h"
#include "observed.h"
#include "tool.h"
#include "victim.h"
#include "violation.h"

#define AREA_SIZE ((size_t)MISTAKES_PAGES * getpagesize())
#define CLEAN OF_MISTAKES("clean_start")
#define REFUSES OF_MISTAKES("refuses_blockable_start")

FIXTURE(tool_top)
{
	struct victim victim;
	pid_t tool;
	/* The end at which its user sits. */
	int terminal;
	/* What the tool has printed. */
	char text[65536];
	size_t len;
};

FIXTURE_SETUP(tool_top)
{
	self->terminal = -1;
	WATCH_MISTAKES();
	ASSERT_EQ(0, victim_start(&self->victim, AREA_SIZE));
}

FIXTURE_TEARDOWN(tool_top)
{
	if (self->tool > 0) {
		kill(self->tool, SIGKILL);
		waitpid(self->tool, NULL, 0);
	}
	if (self->terminal >= 0)
		close(self->terminal);
	victim_kill(&self->victim);
	UNWATCH_MISTAKES();
}

/* Tables one below the other. */
TEST_F_TIMEOUT(tool_top, batch, MNCK_TIMEOUT)
{
	EXPECT_PRINTS(0, "mnck top --batch -n 2 -d 100ms",
		      "watched for * s: 0 calls/s, 0 violations",
		      "no callback was called",
		      "",
		      "watched for * s: 0 calls/s, 0 violations",
		      "no callback was called");
	EXPECT_PRINTS(0, "mnck top -n 0");
	EXPECT_PRINTS(0, "mnck top -n 1 -d 0s",
		      "watched for * s: 0 calls/s, 0 violations",
		      "no callback was called");
}

/* Starts the tool with its output to a file. */
static int run(pid_t *tool, int out, char *const *words)
{
	*tool = fork();
	if (*tool < 0)
		return -1;
	if (!*tool) {
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
		execvp("mnck", words);
		_exit(127);
	}
	return 0;
}

/*
 * Starts a process that does what a shell does on a terminal: it runs the tool, and exits with 0 if
 * that does, and has left the terminal as it was.  A signal to their process group ends the tool.
 */
static int run_on_terminal(pid_t *shell, int terminal, char *const *words)
{
	struct termios before, after;
	int status;
	pid_t tool;

	*shell = fork();
	if (*shell)
		return *shell < 0 ? -1 : 0;

	if (setsid() < 0 || ioctl(terminal, TIOCSCTTY, 0) || tcgetattr(terminal, &before))
		_exit(120);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	tool = fork();
	if (!tool) {
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		dup2(terminal, STDIN_FILENO);
		dup2(terminal, STDOUT_FILENO);
		dup2(terminal, STDERR_FILENO);
		setenv("TERM", "linux", 1);
		execvp("mnck", words);
		_exit(127);
	}
	if (waitpid(tool, &status, 0) != tool || status)
		_exit(121);
	if (tcgetattr(terminal, &after))
		_exit(122);
	_exit(before.c_lflag != after.c_lflag || before.c_oflag != after.c_oflag ||
	      memcmp(before.c_cc, after.c_cc, sizeof(after.c_cc)));
}

/* Makes a terminal; returns its master, or -1. */
static int make_terminal(int *slave)
{
	struct winsize size = { .ws_row = 10, .ws_col = 60 };
	int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	*slave = -1;
	if (master < 0)
		return -1;
	if (unlockpt(master))
		return -1;
	*slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return ioctl(*slave, TIOCSWINSZ, &size) ? -1 : master;
}

/* Reads until the text ends, or has @words; returns whether it has. */
static bool read_until(int fd, char *text, size_t size, size_t *len, const char *words)
{
	ssize_t more;

	while (!words || !strstr(text, words)) {
		more = read(fd, text + *len, size - 1 - *len);
		if (more <= 0)
			return false;
		*len += more;
		text[*len] = 0;
	}
	return true;
}

#define READ_UNTIL(_words)                                                          \
	do {                                                                        \
		bool has_ = read_until(self->terminal, self->text, sizeof(self->text), \
				       &self->len, _words);                         \
											\
		ASSERT_TRUE(has_) TH_LOG("no %s in %s", _words, self->text);        \
	} while (0)

/* Calls, and a rule that is broken, are in the table that follows. */
TEST_F_TIMEOUT(tool_top, calls, MNCK_TIMEOUT)
{
	char *words[] = { "mnck", "top", "-b", "-d", "200ms", NULL };
	int fds[2];

	announce_core_warns();
	announce_broken("failure", REFUSES);
	ASSERT_EQ(0, victim_driver(&self->victim, "clean"));
	ASSERT_EQ(0, victim_driver(&self->victim, "refuses_blockable"));
	WAIT_UNTIL_PROBED(CLEAN);
	WAIT_UNTIL_PROBED(REFUSES);
	ASSERT_EQ(0, pipe2(fds, O_CLOEXEC));
	ASSERT_EQ(0, run(&self->tool, fds[1], words));
	close(fds[1]);
	self->terminal = fds[0];
	READ_UNTIL("no callback was called\n");
	ASSERT_EQ(0, victim_do(&self->victim, VICTIM_MUNMAP, VICTIM_AREA, getpagesize()));
	READ_UNTIL("CALLBACK ");
	READ_UNTIL("\n" REFUSES);
	READ_UNTIL("\n" CLEAN);
	READ_UNTIL(", 1 violation\n");
	READ_UNTIL("\nBROKEN failure: " REFUSES ": start failed with -11 for a blockable range (1 time)\n");
	/* While it watches, the module stays. */
	EXPECT_ERRNO(EWOULDBLOCK, mnck_remove());
	ASSERT_EQ(0, kill(self->tool, SIGTERM));
	EXPECT_FALSE(read_until(self->terminal, self->text, sizeof(self->text), &self->len, NULL));
	EXPECT_EQ(NULL, strchr(self->text, '\033'));
}

/* On a terminal: it is drawn anew, a key ends it, and it is as before. */
TEST_F_TIMEOUT(tool_top, terminal, MNCK_TIMEOUT)
{
	char *words[] = { "mnck", "top", "-d", "200ms", NULL };
	int slave, status;

	mkdir("/dev/pts", 0755);
	if (access("/dev/pts/ptmx", F_OK))
		mount("devpts", "/dev/pts", "devpts", 0, "ptmxmode=0666");
	if (access("/dev/pts/ptmx", F_OK))
		SKIP(return, "needs CONFIG_UNIX98_PTYS");

	/* The user presses q, or Ctrl-C behind a key of no meaning, or ends it from outside. */
	for (int way = 0; way < 3; way++) {
		self->terminal = make_terminal(&slave);
		ASSERT_LE(0, self->terminal);
		ASSERT_EQ(0, run_on_terminal(&self->tool, slave, words));
		close(slave);
		READ_UNTIL("\033[?1049h\033[?25l");
		READ_UNTIL(" s: 0 calls/s, 0 violations");
		READ_UNTIL("no callback was called\033[K\r\n\033[J");
		ASSERT_NE(-1, way == 2 ? kill(-self->tool, SIGTERM) :
					 write(self->terminal, way ? "x\003" : "xq", 2));
		READ_UNTIL("\033[?25h\033[?1049l");
		/* No key is shown. */
		EXPECT_EQ(NULL, strchr(self->text, 'x'));
		ASSERT_EQ(self->tool, waitpid(self->tool, &status, 0));
		self->tool = 0;
		EXPECT_EQ(0, status);
		close(self->terminal);
		self->terminal = -1;
		self->len = 0;
		self->text[0] = 0;
	}
}

TEST_HARNESS_MAIN
