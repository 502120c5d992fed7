// SPDX-License-Identifier: GPL-2.0
/*
 * A program that uses a real driver: 4 MiB of its memory are that of a KVM guest, which writes to
 * it, or are registered with rdma_rxe for on-demand paging.
 *
 *	tool_peer_client kvm|rxe
 *
 * It writes a byte to file descriptor 3, and pauses.
 */
#include <string.h>
#include <unistd.h>

#include "kvm_guest.h"
#include "memory.h"
#include "rdma.h"

#define MEMORY ((char *)0x300000000UL)
#define SIZE (4UL << 20)

static int use_kvm(void)
{
	static struct kvm_guest guest;

	return kvm_guest_make(&guest, MEMORY, SIZE) || kvm_guest_store(&guest, MEMORY, SIZE, 1);
}

static int use_rxe(void)
{
	static struct rdma rdma;

	return rdma_make_device() || rdma_make(&rdma, MEMORY, SIZE) ||
	       rdma_write(&rdma, MEMORY, MEMORY + SIZE / 2, getpagesize());
}

int main(int argc, char **argv)
{
	bool is_kvm = argc == 2 && !strcmp(argv[1], "kvm");

	if (argc != 2 || small_pages() || map_pages(MEMORY, SIZE))
		return 125;
	if (is_kvm ? use_kvm() : use_rxe())
		return 125;
	if (write(3, "", 1) != 1)
		return 125;
	for (;;)
		pause();
}
