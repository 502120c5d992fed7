// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

#include "child.h"

static void pause_for_ever(void)
{
	for (;;)
		pause();
}

pid_t child_start(void)
{
	pid_t child = fork();

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause_for_ever();
	}
	return child;
}

pid_t child_start_writing(char *start, size_t pages)
{
	int ready[2];
	pid_t child;
	char byte;

	if (pipe2(ready, O_CLOEXEC))
		return -1;
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (size_t i = 0; i < pages; i++)
			start[i * getpagesize()] = 2;
		if (write(ready[1], "", 1) == 1)
			pause_for_ever();
		_exit(1);
	}
	close(ready[1]);
	if (child > 0 && read(ready[0], &byte, 1) != 1) {
		child_kill(&child);
		child = -1;
	}
	close(ready[0]);
	return child;
}

int child_kill(pid_t *child)
{
	pid_t pid = *child;

	*child = 0;
	return pid <= 0 || (!kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid) ? 0 : -1;
}
