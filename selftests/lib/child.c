// SPDX-License-Identifier: GPL-2.0
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

pid_t child_start(void)
{
	pid_t child = fork();

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return child;
}

int child_kill(pid_t *child)
{
	pid_t pid = *child;

	*child = 0;
	return pid <= 0 || (!kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid) ? 0 : -1;
}
