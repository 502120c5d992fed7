#!/bin/busybox sh
# shellcheck shell=busybox
# SPDX-License-Identifier: GPL-2.0
#
# Tests that each make one mistake, to prove that the rig reports it; and a few
# without a mistake, which the rig must pass.

# rig_mistakes.ko makes the mistakes that only kernel code can make.
plant() {
	insmod /lib/rig_mistakes.ko "what=$1"
	rmmod rig_mistakes
}

echo 'KTAP version 1'
[ "$1" = no_plan ] || echo '1..1'

case $1 in
pass | pass_after_lockdep) ;;
warn | atomic | lockdep | use_after_free | oops | panic)
	plant "$1" ;;
panic_on_warn)
	insmod /lib/mnck.ko
	echo 1 > /proc/sys/kernel/panic_on_warn
	check -r limit.start_takes_longer ;;
stuck)
	echo 1 > /proc/sys/kernel/hung_task_timeout_secs
	plant stuck ;;
named)
	echo '# mnck-expect: WARN subscriber 7'
	plant warn ;;
named_missing)
	echo '# mnck-expect: WARN subscriber 7' ;;
named_wrong)
	echo '# mnck-expect: WARN subscriber 8'
	plant warn ;;
named_twice)
	echo '# mnck-expect: WARN subscriber 7'
	plant two_warns ;;
bug_named)
	echo '# mnck-expect: BUG sleeping function called'
	plant atomic ;;
bug_missing)
	echo '# mnck-expect: BUG sleeping function called' ;;
bug_wrong)
	echo '# mnck-expect: BUG scheduling in a non-blocking section'
	plant atomic ;;
not_ok)
	echo '# expected 1, got 2'
	echo 'not ok 1 rig_mistakes.not_ok'
	exit 1 ;;
misnamed)
	echo 'ok 1 rig_mistakes.other'
	exit 0 ;;
no_plan) ;;
plan_unmet)
	exit 0 ;;
status)
	echo "ok 1 rig_mistakes.$1"
	exit 3 ;;
signal)
	echo "ok 1 rig_mistakes.$1"
	kill -SEGV $$ ;;
skip)
	echo 'ok 1 rig_mistakes.skip # SKIP rig_mistakes'
	exit 4 ;;
skip_option)
	echo 'ok 1 rig_mistakes.skip_option # SKIP needs CONFIG_RIG_MISTAKES'
	exit 4 ;;
xfail)
	echo 'ok 1 rig_mistakes.xfail # XFAIL rig_mistakes'
	exit 2 ;;
skip_mute)
	echo 'ok 1 rig_mistakes.skip_mute # SKIP'
	exit 4 ;;
hang)
	sleep 1000 ;;
vanish)
	poweroff -f ;;
esac

echo "ok 1 rig_mistakes.$1"
