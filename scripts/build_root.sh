#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs a command in the build root: a Debian trixie with all tools that mnck
# needs, which the first call makes.  So builds are the same on each machine, and
# the host needs no package but mmdebstrap, which makes the root, and uidmap for
# users other than root.
#
#	build_root.sh COMMAND [ARGUMENT...]	run COMMAND in the checkout
#	build_root.sh --remove			remove the cache
#
# The checkout and the cache have the same paths in the build root as on the host.
#
# Environment:
#	XDG_CACHE_HOME	the cache is mnck/ in this directory; default ~/.cache
#	SETUP=no	install nothing on the host
set -euo pipefail

checkout=$(cd "$(dirname "$0")/.." && pwd -P)
cache=${XDG_CACHE_HOME:-${HOME:?must be set, or XDG_CACHE_HOME}/.cache}/mnck

suite=trixie
packages=(
	# The kernel and the module.
	bc bindgen bison clang cpio flex kmod libelf-dev libssl-dev lld llvm
	make patch python3 rsync rust-clippy rust-src rustc rustfmt xz-utils
	linux-source-7.3
	# The tests, static, for both architectures.
	libc6-dev libc6-dev-arm64-cross libgcc-14-dev-arm64-cross
	linux-libc-dev-arm64-cross
	# Debian's own kernels, which it builds with GCC.
	gcc-14 gcc-14-aarch64-linux-gnu libdw-dev pahole
	# The guests.
	busybox-static qemu-system-arm qemu-system-x86
	# The checks.
	perl shellcheck
	# The tests of the checks on the host, with all crates that they use.
	cargo librust-loom-dev librust-proptest-dev
	# The tool.
	librust-anyhow-dev librust-bytemuck-dev librust-bytemuck-derive-dev librust-clap-dev
	librust-clap-mangen-dev librust-humantime-dev librust-libc-dev librust-quick-junit-dev
	librust-serde-dev librust-serde-json-dev librust-signal-hook-dev
)
# Unpacked apart: the guests of arm64, and Rust's library for it, whose package depends on an LLVM
# that is not needed.
arm64_packages=(busybox-static libstd-rust-dev)
root_mib=6144	# the free space that a first run needs, with the kernels
kept_days=14

say() { printf 'mnck: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Prints the mirror that the host's apt uses, so that the host's proxies work too.
mirror() {
	# shellcheck disable=SC2016	# apt expands it
	apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' |
		grep -m1 -E '/debian/?$' ||
		die "apt has no Debian mirror on this host: add one to /etc/apt/sources.list"
}

# A user other than root becomes root in a user namespace.
namespace=(unshare --mount --propagation private)
[ "$(id -u)" -eq 0 ] || namespace+=(--user --map-root-user --map-auto)

as_root() {
	"${namespace[@]}" "$@"
}

need_host_tools() {
	local missing=() tool

	for tool in mmdebstrap mount "$@"; do
		case $tool in
		newuidmap) command -v newuidmap >/dev/null || missing+=(uidmap) ;;
		*) command -v "$tool" >/dev/null || missing+=("$tool") ;;
		esac
	done
	[ ${#missing[@]} -eq 0 ] && return

	if [ "${SETUP:-yes}" = no ] || [ "$(id -u)" -ne 0 ]; then
		die "missing on this host: ${missing[*]}; as root, run:" \
			"apt-get install ${missing[*]}"
	fi
	say "installing on this host: ${missing[*]} (SETUP=no forbids it)"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
		--no-install-recommends "${missing[@]}" >/dev/null
}

# Checks that a user other than root can have a user namespace.
need_user_namespaces() {
	local user

	user=$(id -un)
	need_host_tools newuidmap
	as_root true 2>/dev/null ||
		die "user namespaces don't work here for $user: as root, run" \
			"'usermod --add-subuids 100000-165535 --add-subgids" \
			"100000-165535 $user' and 'sysctl" \
			"kernel.unprivileged_userns_clone=1', or run make as root"
}

# Runs a long step.  On a terminal a line counts the seconds; elsewhere two lines
# report its start and its end.
step() {
	local what=$1 about=$2 log=$3 pid start=$SECONDS
	shift 3

	# A process group of its own, so that a signal ends all its processes.
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	set +m
	trap 'kill -- -"$pid" 2>/dev/null; wait; exit 130' INT TERM
	[ -t 2 ] || say "$what (about $about s)"
	while kill -0 "$pid" 2>/dev/null; do
		[ -t 2 ] && printf '\rmnck: %s: %d s of about %d s ' \
			"$what" $((SECONDS - start)) "$about" >&2
		sleep 1
	done
	trap - INT TERM
	[ -t 2 ] && printf '\r\033[K' >&2
	if ! wait "$pid"; then
		tail -n 20 "$log" >&2
		die "$what failed; all its output is in $log"
	fi
	say "$what: $((SECONDS - start)) s"
}

make_root() {
	local mirror free

	[ "$(uname -m)" = x86_64 ] || die "the rig runs on x86_64 hosts only, as yet"
	need_host_tools
	mirror=$(mirror)

	free=$(df --output=avail -m "$cache" | tail -n 1)
	[ "$free" -ge $root_mib ] ||
		die "$cache has $free MiB free, a first run needs $root_mib;" \
			"free some, or set XDG_CACHE_HOME"

	# The packages are kept until the root is whole, so that a download
	# that was cut off goes on where it stopped.
	mkdir -p "$cache/packages"
	as_root rm -rf "$root.part"

	# shellcheck disable=SC2016	# mmdebstrap gives the hooks their $1
	step "build root, Debian $suite" 90 "$cache/root.log" \
		as_root mmdebstrap --mode=root --variant=minbase \
		--architectures=amd64,arm64 \
		--include="$(IFS=,; echo "${packages[*]}")" \
		--aptopt='APT::Install-Recommends "false"' \
		--aptopt='Acquire::Languages "none"' \
		--aptopt='Acquire::Retries "3"' \
		--setup-hook='mkdir -p "$1/var/cache/apt/archives"' \
		--setup-hook="mount --bind '$cache/packages' \"\$1/var/cache/apt/archives\"" \
		--customize-hook="chroot \"\$1\" sh -c 'cd /tmp &&
			apt-get download ${arm64_packages[*]/%/:arm64} &&
			for deb in *_arm64.deb; do dpkg -x \$deb /opt/arm64; done &&
			rm *_arm64.deb &&
			ln -s /opt/arm64/usr/lib/rustlib/* /usr/lib/rustlib'" \
		--customize-hook='mkdir "$1/root/.cargo" && printf "%s\n" \
			"[net]" "offline = true" "[source.crates-io]" \
			"directory = \"/usr/share/cargo/registry\"" \
			>"$1/root/.cargo/config.toml"' \
		--customize-hook='umount "$1/var/cache/apt/archives"' \
		"$suite" "$root.part" \
		"deb $mirror $suite main" "deb $mirror $suite-backports main"

	as_root mv "$root.part" "$root"
	as_root rm -rf "$cache/packages"
	prune
}

# Removes the other roots that were not used for $kept_days days.
prune() {
	local old

	find "$cache" -maxdepth 1 -name 'root-*' -mtime "+$kept_days" ! -path "$root" |
		while read -r old; do
			say "removing $old, unused for $kept_days days"
			as_root rm -rf "$old"
		done
}

# Runs a command in the build root; called in the mount namespace of as_root.
enter() {
	local dir

	for dir in /dev /proc /sys "$checkout" "$cache"; do
		mkdir -p "$root$dir"
		mount --rbind "$dir" "$root$dir"
	done
	# For apt, which finds its servers as the host does now.
	[ ! -e /etc/resolv.conf ] || {
		touch "$root/etc/resolv.conf"
		mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
	}
	# shellcheck disable=SC2016	# the inner shell expands it
	exec env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 \
		PATH=/usr/lib/llvm-19/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		MNCK_CACHE="$cache" CARGO_TARGET_DIR="$cache/cargo" \
		http_proxy="${http_proxy:-}" \
		https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}" \
		chroot "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$checkout" "$@"
}

[ $# -gt 0 ] || die "usage: $0 COMMAND [ARGUMENT...]"

if [ "$1" = --remove ]; then
	as_root rm -rf "$cache"
	exit
fi

# A change of the packages, or of how the root is made, makes a new root.
key=$({ printf '%s\n' "$suite" "${packages[@]}" "${arm64_packages[@]}"; declare -f make_root; } |
	sha256sum | cut -c1-12)
root=$cache/root-$key

[ "$(id -u)" -eq 0 ] || need_user_namespaces
mkdir -p "$cache"
if [ ! -d "$root" ]; then
	exec 9>"$cache/root.lock"
	flock -n 9 || { say "waiting for another run that makes the build root"; flock 9; }
	[ -d "$root" ] || make_root
	exec 9>&-
fi

export -f enter
export root checkout cache
touch "$root"	# so that it counts as used
# exec, so that a signal to this process reaches the command.
exec "${namespace[@]}" bash -c 'set -eu; enter "$@"' bash "$@"
