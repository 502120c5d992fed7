/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tests of this directory are the same for all drivers, and each program runs them with
 * its own driver, the peer.  The tests are in changes.h, listed.h, running.h,
 * seen.h, reaped.h and refused.h.
 *
 * Before it includes one of these files, a program defines
 *
 *	PEER			the program's name, for the fixture
 *	PEER_REAPED		the name for the fixture of reaped.h
 *	PEER_REFUSES		if the driver refuses each non-blockable range: the program has
 *				tests of its own for the fixture of reaped.h
 *	DRIVER			the driver's name, for refused.h
 *	PEER_MEMORY, PEER_SIZE	the memory that the peer has, some huge pages
 *	PEER_START, PEER_LEN	the part of it that the tests have the peer use, from the
 *				beginning of a huge page
 *	PEER_IS_INTERVAL	whether the peer is an interval subscriber
 *	PEER_OPS		the name of its table of callbacks, for listed.h
 *	PEER_CALLBACK		its callback that a range calls first, for seen.h
 *	PEER_END		that which ends a range, or NULL
 *	PEER_NOT_MAPPED		the error of a write to memory that the process has not mapped
 *	PEER_NOT_WRITABLE	the same for memory that the process must not write to
 *	PEER_GOES_ON		whether the peer can be used after such an error
 *	REQUIRE_PEER()		skips the test if there is no such driver
 *
 *	struct peer		a user of the driver, in this process
 *	peer_count()		has kprobes count what the driver sees, from 0; returns 0, or
 *				-1 and errno
 *	peer_ranges()		returns how many ranges the driver has seen, or -1 if it has
 *				not seen as many ends
 *	peer_wanted()		returns how many ranges it must have seen, when the counter
 *				has seen a number of ranges
 *	peer_make()		gives the driver PEER_MEMORY, which is mapped
 *	peer_write()		has the driver write a value to each page of a range
 *	peer_read()		has the driver read each page; EILSEQ if one does not begin
 *				with that value
 *	peer_exhaust()		touches OOM_SIZE bytes of other memory
 *
 * The last four return 0 or an errno.
 */
#ifndef MNCK_SELFTEST_TEMPLATE_H
#define MNCK_SELFTEST_TEMPLATE_H

/* Expands its argument before the harness makes a part of other names of it. */
#define PEER_FIXTURE(_name) FIXTURE(_name)
#define PEER_FIXTURE_VARIANT(_name) FIXTURE_VARIANT(_name)
#define PEER_FIXTURE_VARIANT_ADD(_name, _variant) FIXTURE_VARIANT_ADD(_name, _variant)
#define PEER_FIXTURE_SETUP(_name) FIXTURE_SETUP(_name)
#define PEER_FIXTURE_TEARDOWN(_name) FIXTURE_TEARDOWN(_name)
#define PEER_TEST(_test) TEST_F_TIMEOUT(PEER, _test, MNCK_TIMEOUT)

#endif /* MNCK_SELFTEST_TEMPLATE_H */
