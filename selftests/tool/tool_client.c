// SPDX-License-Identifier: GPL-2.0
/*
 * A program that a user might run under the tool: it uses a driver of notifier_mistakes, unmaps
 * memory, and ends.
 *
 *	tool_client [-s STATUS] [-t THREADS] [-x] [-p] [-z] DRIVER
 *
 * With -s it exits with STATUS.  With -p it writes a byte to file descriptor 3 and pauses; before,
 * it starts THREADS threads that pause, too, and with -x its first thread exits.  DRIVER is a line
 * for /dev/notifier_mistakes.
 *
 * With -z it also changes the protection of memory at address 0, for which some kernels begin a
 * range and do not end it, and says whether the driver has seen that.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"
#include "mistakes.h"
#include "victim.h"

/* Says that the client is ready, and pauses until it is killed. */
static void be_ready(void)
{
	if (write(3, "", 1) != 1)
		exit(125);
	for (;;)
		pause();
}

static void *pause_thread(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

static void *last_thread(void *first)
{
	pthread_join(*(pthread_t *)first, NULL);
	be_ready();
	return NULL;
}

/* Starts threads that pause; then the first one exits, or pauses. */
static void run_threads(int threads, bool first_exits)
{
	static pthread_t first;
	pthread_t thread;

	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread, NULL, pause_thread, NULL))
			exit(125);
	if (!first_exits)
		be_ready();
	first = pthread_self();
	if (pthread_create(&thread, NULL, last_thread, &first))
		exit(125);
	pthread_exit(NULL);
}

static int protect_zero(const char *driver)
{
	struct mistakes_calls calls = {};

	if (mprotect(NULL, getpagesize(), PROT_READ) || !mistakes_calls(driver, &calls))
		return -1;
	printf("%s\n", calls.begun == calls.ended ? "all ranges have an end" : "a range has no end");
	return 0;
}

int main(int argc, char **argv)
{
	size_t len = (size_t)MISTAKES_PAGES * getpagesize();
	bool pauses = false, first_exits = false, has_zero = false;
	int status = 0, threads = 0;
	int option;

	while ((option = getopt(argc, argv, "s:t:xpz")) > 0) {
		if (option == 's')
			status = atoi(optarg);
		else if (option == 't')
			threads = atoi(optarg);
		else if (option == 'x')
			first_exits = true;
		else if (option == 'p')
			pauses = true;
		else if (option == 'z')
			has_zero = true;
		else
			return 125;
	}
	if (optind + 1 != argc)
		return 125;
	if (map_pages(VICTIM_AREA, len) || (has_zero && map_pages(NULL, getpagesize())))
		return 125;
	if (mistakes_subscribe(argv[optind]) < 0) {
		perror(argv[optind]);
		return 125;
	}
	if (has_zero && protect_zero(argv[optind]))
		return 125;
	if (pauses)
		run_threads(threads, first_exits);
	if (munmap(VICTIM_AREA, len))
		return 125;
	printf("the client is done\n");
	return status;
}
