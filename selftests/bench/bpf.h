/* SPDX-License-Identifier: GPL-2.0 */
/*
 * BPF programs that count the calls and the returns of functions of the kernel, as bpftrace
 * attaches them: by a kprobe and a kretprobe, or by fentry and fexit.  bpftrace itself, with LLVM,
 * is too large for a guest whose instructions are counted.
 *
 * Each program adds 1 to an element of its own in an array of each CPU.  That is the least that a
 * program of bpftrace can do to count.
 */
#ifndef BENCH_BPF_H
#define BENCH_BPF_H

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/perf_event.h>

#include "measure.h"

#define BPF_COUNTERS 32

/* The kprobes of perf. */
#define KPROBES "/sys/bus/event_source/devices/kprobe/"

static inline int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static inline int bpf_counters(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_PERCPU_ARRAY,
		.key_size = sizeof(__u32),
		.value_size = sizeof(__u64),
		.max_entries = BPF_COUNTERS,
	};
	int map = bpf(BPF_MAP_CREATE, &attr);

	if (map < 0)
		err(1, "BPF_MAP_CREATE");
	return map;
}

/* Fails unless the first CPU, which is the only one, has counted in each of @number elements. */
static inline void bpf_check_counters(int map, __u32 number)
{
	for (__u32 key = 0; key < number; key++) {
		__u64 value[64] = {};
		union bpf_attr attr = {
			.map_fd = map,
			.key = (unsigned long)&key,
			.value = (unsigned long)value,
		};

		if (bpf(BPF_MAP_LOOKUP_ELEM, &attr))
			err(1, "BPF_MAP_LOOKUP_ELEM");
		if (!value[0])
			errx(1, "the BPF program %u was not called", key);
	}
}

/* Loads a program that counts in the element @key.  @attr has what depends on its type. */
static inline int bpf_load(int map, __u32 key, union bpf_attr attr)
{
	static char log[4096];
	struct bpf_insn program[] = {
		/* *(u32 *)(fp - 4) = key */
		{ .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = BPF_REG_10, .off = -4, .imm = key },
		/* r2 = fp - 4 */
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_2,
		  .src_reg = BPF_REG_10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2, .imm = -4 },
		/* r1 = map */
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1,
		  .src_reg = BPF_PSEUDO_MAP_FD, .imm = map },
		{},
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		/* if (r0) *(u64 *)r0 += 1 */
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_0, .off = 3 },
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_1,
		  .src_reg = BPF_REG_0 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = 1 },
		{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_0,
		  .src_reg = BPF_REG_1 },
		/* return 0 */
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd;

	attr.insns = (unsigned long)program;
	attr.insn_cnt = ARRAY_SIZE(program);
	attr.license = (unsigned long)"GPL";
	attr.log_buf = (unsigned long)log;
	attr.log_size = sizeof(log);
	attr.log_level = 1;
	fd = bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0)
		err(1, "BPF_PROG_LOAD: %s", log);
	return fd;
}

static inline unsigned long read_number(const char *path, const char *format)
{
	FILE *file = fopen(path, "r");
	unsigned long number;

	if (!file || fscanf(file, format, &number) != 1)
		err(1, "%s", path);
	fclose(file);
	return number;
}

/* Counts the calls of a function in the element @key, or its returns if @returns. */
static inline void bpf_kprobe(int map, __u32 key, const char *function, bool returns)
{
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_KPROBE };
	struct perf_event_attr event = {
		.type = read_number(KPROBES "type", "%lu"),
		.size = sizeof(event),
		.kprobe_func = (unsigned long)function,
	};
	int program = bpf_load(map, key, attr);
	int fd;

	if (returns)
		event.config |= 1ULL << read_number(KPROBES "format/retprobe", "config:%lu");
	fd = syscall(SYS_perf_event_open, &event, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		err(1, "perf_event_open of %s", function);
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, program) || ioctl(fd, PERF_EVENT_IOC_ENABLE))
		err(1, "PERF_EVENT_IOC_SET_BPF of %s", function);
}

/* Type information of the kernel or of a module. */
struct btf {
	int fd;
	void *data;
	size_t size;
	/* Of a module, the types and the strings follow those of the kernel. */
	__u32 first_type, first_string;
	__u32 types, strings;
};

/*
 * Reads the type information that comes after that with @id, until btf_unmap().  Returns false if
 * there is none.  It is not in the heap, so that the process is afterwards as before.
 */
static inline bool btf_next(__u32 *id, struct btf *btf, const struct btf *base)
{
	union bpf_attr attr = { .start_id = *id };
	struct bpf_btf_info info = {};

	if (bpf(BPF_BTF_GET_NEXT_ID, &attr))
		return false;
	*id = attr.next_id;
	attr = (union bpf_attr){ .btf_id = *id };
	btf->fd = bpf(BPF_BTF_GET_FD_BY_ID, &attr);
	for (int i = 0; i < 2; i++) {
		attr = (union bpf_attr){ .info = { .bpf_fd = btf->fd, .info_len = sizeof(info),
						   .info = (unsigned long)&info } };
		if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr))
			err(1, "BPF_OBJ_GET_INFO_BY_FD");
		if (i)
			break;
		btf->size = info.btf_size;
		btf->data = mmap(NULL, btf->size, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (btf->data == MAP_FAILED)
			err(1, "mmap");
		info = (struct bpf_btf_info){ .btf = (unsigned long)btf->data,
					      .btf_size = btf->size };
	}
	btf->first_type = base ? base->types : 1;
	btf->first_string = base ? base->strings : 0;
	btf->strings = btf->first_string + ((struct btf_header *)btf->data)->str_len;
	return true;
}

static inline void btf_unmap(struct btf *btf)
{
	munmap(btf->data, btf->size);
}

/* Returns the size in bytes of a type in the information, without what all types have. */
static inline size_t btf_more(const struct btf_type *type)
{
	__u32 number = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return number * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return number * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return number * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return number * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return number * sizeof(struct btf_var_secinfo);
	default:
		return 0;
	}
}

/* Returns the number of the type of a function, or 0.  Counts the types. */
static inline __u32 btf_function(struct btf *btf, const char *function)
{
	const struct btf_header *header = btf->data;
	const char *at = (char *)btf->data + header->hdr_len + header->type_off;
	const char *end = at + header->type_len;
	const char *strings = (char *)btf->data + header->hdr_len + header->str_off;
	__u32 found = 0;

	btf->types = btf->first_type;
	while (at < end) {
		const struct btf_type *type = (void *)at;

		if (BTF_INFO_KIND(type->info) == BTF_KIND_FUNC &&
		    type->name_off >= btf->first_string &&
		    !strcmp(strings + type->name_off - btf->first_string, function))
			found = btf->types;
		btf->types++;
		at += sizeof(*type) + btf_more(type);
	}
	return found;
}

/* As bpf_kprobe(), by fentry, or fexit if @returns. */
static inline void bpf_tracing(int map, __u32 key, const char *function, bool returns)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_TRACING,
		.expected_attach_type = returns ? BPF_TRACE_FEXIT : BPF_TRACE_FENTRY,
	};
	struct btf kernel, btf;
	__u32 id = 0;

	/* The kernel's is the first. */
	if (!btf_next(&id, &kernel, NULL))
		err(1, "BPF_BTF_GET_NEXT_ID");
	attr.attach_btf_id = btf_function(&kernel, function);
	while (!attr.attach_btf_id && btf_next(&id, &btf, &kernel)) {
		attr.attach_btf_id = btf_function(&btf, function);
		attr.attach_btf_obj_fd = attr.attach_btf_id ? btf.fd : 0;
		btf_unmap(&btf);
	}
	btf_unmap(&kernel);
	if (!attr.attach_btf_id)
		errx(1, "no type information of %s", function);
	attr = (union bpf_attr){ .raw_tracepoint.prog_fd = bpf_load(map, key, attr) };
	if (bpf(BPF_RAW_TRACEPOINT_OPEN, &attr) < 0)
		err(1, "BPF_RAW_TRACEPOINT_OPEN of %s", function);
}

#endif /* BENCH_BPF_H */
