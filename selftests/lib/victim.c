// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory.h"
#include "victim.h"

void victim_answer(long result)
{
	if (write(STDOUT_FILENO, &result, sizeof(result)) != sizeof(result))
		_exit(1);
}

/* The child executes the orders from now on, and the parent only pauses. */
static long victim_fork(void)
{
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (pid)
		for (;;)
			pause();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return 0;
}

/* Writes what follows an order to the device with drivers that make mistakes. */
static int victim_write(size_t len)
{
	static int device = -1;
	char line[128];

	if (len > sizeof(line) || read(STDIN_FILENO, line, len) != (ssize_t)len)
		_exit(1);
	if (device < 0)
		device = open("/dev/notifier_mistakes", O_WRONLY | O_CLOEXEC);
	return write(device, line, len) == (ssize_t)len ? 0 : -1;
}

/* Reads orders from stdin, and writes answers to stdout. */
static void victim_main(size_t len)
{
	struct victim_order order;
	char arg[32];
	long result;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	result = small_pages() || map_pages(VICTIM_AREA, len) || own_pages() ? errno : 0;
	victim_answer(result);

	while (read(STDIN_FILENO, &order, sizeof(order)) == sizeof(order)) {
		switch (order.op) {
		case VICTIM_MUNMAP:
			victim_answer(munmap(order.addr, order.len) ? errno : 0);
			break;
		case VICTIM_DONTNEED:
			victim_answer(madvise(order.addr, order.len, MADV_DONTNEED) ? errno : 0);
			break;
		case VICTIM_MAP_TOUCH:
			victim_answer(map_pages(order.addr, order.len) ? errno : 0);
			break;
		case VICTIM_DRIVER:
			victim_answer(victim_write(order.len) ? errno : 0);
			break;
		case VICTIM_FORK:
			victim_answer(victim_fork());
			break;
		case VICTIM_EXEC:
			snprintf(arg, sizeof(arg), "%zu", len);
			execl("/proc/self/exe", "victim", "--victim", arg, NULL);
			victim_answer(errno);
			break;
		case VICTIM_EXIT:
			_exit(0);
		}
	}
	_exit(0);
}

void victim_exec_main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--victim"))
		victim_main(strtoul(argv[2], NULL, 10));
}

int victim_send(const struct victim *v, int op, void *addr, size_t len)
{
	struct victim_order order = { .op = op, .addr = addr, .len = len };

	return write(v->orders, &order, sizeof(order)) == sizeof(order) ? 0 : -1;
}

long victim_wait(const struct victim *v)
{
	long result;

	return read(v->answers, &result, sizeof(result)) == sizeof(result) ? result : -1;
}

long victim_do(const struct victim *v, int op, void *addr, size_t len)
{
	return victim_send(v, op, addr, len) ? -1 : victim_wait(v);
}

int victim_driver_send(const struct victim *v, const char *line)
{
	size_t len = strlen(line);

	return victim_send(v, VICTIM_DRIVER, NULL, len) ||
	       write(v->orders, line, len) != (ssize_t)len ? -1 : 0;
}

long victim_driver(const struct victim *v, const char *line)
{
	return victim_driver_send(v, line) ? -1 : victim_wait(v);
}

int victim_start_as(struct victim *v, void (*run)(size_t len), size_t len)
{
	int orders[2], answers[2];

	if (pipe2(orders, O_CLOEXEC) || pipe2(answers, O_CLOEXEC))
		return -1;
	v->pid = fork();
	if (v->pid < 0)
		return -1;
	if (!v->pid) {
		dup2(orders[0], STDIN_FILENO);
		dup2(answers[1], STDOUT_FILENO);
		/* Inherited files of /dev/mnck would stay open after the test. */
		close_range(STDERR_FILENO + 1, ~0U, 0);
		run(len);
		_exit(0);
	}
	close(orders[0]);
	close(answers[1]);
	v->orders = orders[1];
	v->answers = answers[0];
	v->pidfd = syscall(SYS_pidfd_open, v->pid, 0);
	return v->pidfd < 0 || victim_wait(v) ? -1 : 0;
}

int victim_start(struct victim *v, size_t len)
{
	return victim_start_as(v, victim_main, len);
}

int victim_trace_exit(const struct victim *v)
{
	return ptrace(PTRACE_SEIZE, v->pid, NULL, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
}

int victim_wait_exit_stop(const struct victim *v)
{
	int status;

	if (waitpid(v->pid, &status, 0) != v->pid)
		return -1;
	return status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8) ? 0 : -1;
}

int victim_doom(const struct victim *v)
{
	return kill(v->pid, SIGKILL) || victim_wait_exit_stop(v) ? -1 : 0;
}

int victim_mrelease(const struct victim *v)
{
	return syscall(SYS_process_mrelease, v->pidfd, 0);
}

int victim_join(struct victim *v)
{
	int status;

	/* It may have stopped in exit already, or it stops there now. */
	do {
		ptrace(PTRACE_CONT, v->pid, NULL, 0);
		if (waitpid(v->pid, &status, 0) != v->pid)
			return -1;
	} while (WIFSTOPPED(status));

	close(v->pidfd);
	close(v->orders);
	close(v->answers);
	v->pid = 0;
	return status;
}

int victim_kill(struct victim *v)
{
	if (v->pid <= 0)
		return 0;
	kill(v->pid, SIGKILL);
	return victim_join(v);
}
