// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory.h"
#include "workers.h"

/* PTHREAD_STACK_MIN of arm64, which is larger than that of x86. */
#define WORKERS_STACK (128 * 1024)

struct worker {
	int orders;
	int answers;
	int number;
	int (*work)(int number, __u32 order);
};

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	__u32 order;
	char answer;

	while (read(w->orders, &order, sizeof(order)) == sizeof(order)) {
		answer = w->work(w->number, order) ? 1 : 0;
		if (write(w->answers, &answer, 1) != 1)
			break;
	}
	return NULL;
}

static void workers_main(int threads, int (*work)(int number, __u32 order), int orders,
			 int answers)
{
	static struct worker all[WORKERS_MAX];
	pthread_attr_t small;
	pthread_t thread;
	char bad;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	bad = small_pages() ? 1 : 0;
	/* own_pages() touches all of each stack. */
	pthread_attr_init(&small);
	bad |= !!pthread_attr_setstacksize(&small, WORKERS_STACK);
	for (int i = 0; i < threads && !bad; i++) {
		all[i] = (struct worker){ orders, answers, i, work };
		bad |= !!work(i, 0);
		bad |= !!pthread_create(&thread, &small, worker_main, &all[i]);
	}
	bad |= !!own_pages();
	if (write(answers, &bad, 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

int workers_wait(const struct workers *workers, int n)
{
	char bad;

	while (n--)
		if (read(workers->answers, &bad, 1) != 1 || bad)
			return -1;
	return 0;
}

int workers_start(struct workers *workers, int threads, int (*work)(int number, __u32 order))
{
	int orders[2], answers[2];

	if (pipe2(orders, O_CLOEXEC) || pipe2(answers, O_CLOEXEC))
		return -1;
	workers->pid = fork();
	if (workers->pid < 0)
		return -1;
	if (!workers->pid)
		workers_main(threads, work, orders[0], answers[1]);
	close(orders[0]);
	close(answers[1]);
	workers->orders = orders[1];
	workers->answers = answers[0];
	return workers_wait(workers, 1);
}

int workers_send(const struct workers *workers, const __u32 *orders, int n)
{
	ssize_t size = n * sizeof(*orders);

	return write(workers->orders, orders, size) == size ? 0 : -1;
}

void workers_kill(const struct workers *workers)
{
	if (workers->pid > 0) {
		kill(workers->pid, SIGKILL);
		waitpid(workers->pid, NULL, 0);
	}
}
