# SPDX-License-Identifier: GPL-2.0
"""The groups of tests that share a guest, and which tests a name on the command line selects.

A test is called ``group.case``.  Most groups are one kselftest program each; SPECIAL_GROUPS are the
others.
"""

from dataclasses import dataclass, field

from rig.common.paths import CHECKOUT
from rig.guest.qemu import MACHINE, NO_KMEMLEAK, PARALLEL


@dataclass(frozen=True)
class Group:
    """The kselftest programs that share a guest, and what that guest is like."""

    name: str
    programs: tuple[str, ...] = ()  # empty: all programs that no other group has
    machine: tuple[str, ...] = MACHINE
    command_line: str = NO_KMEMLEAK
    environment: str = ""  # if not empty, another group runs the programs without it
    named: bool = False  # the names of its tests begin with the group's name
    together: bool = False  # a program runs all its cases at once, if all are selected
    alone: tuple[str, ...] = ()  # the programs that do not, since several cases expect an alarm
    peers: dict[str, tuple[str, ...]] = field(default_factory=dict)  # see peers_of()
    has_tool: bool = False  # the guest has the tool
    without: str = ""  # an option; the programs run on kernels that lack it

    @property
    def is_own(self) -> bool:
        """Whether one program has the guest for itself."""
        return self.programs == (self.name,)

    @property
    def prefix(self) -> str:
        """The beginning of each command that runs a program in this guest."""
        return f"env {self.environment} " if self.environment else ""

    def called(self, case: str) -> str:
        """Returns the name of the test that is `case`, ``program.case``, run in this guest."""
        return f"{self.name}.{case}" if self._has_prefix else case

    def wants(self, program: str, groups: set[str]) -> bool:
        """Returns whether `groups` select tests of `program` here; the empty set selects all."""
        return not groups or (self.name if self._has_prefix else program) in groups

    @property
    def _has_prefix(self) -> bool:
        """Whether the names of the tests begin with the group's name."""
        return bool(self.named or self.environment or self.peers) and not self.is_own

    def peers_of(self, variant: str) -> tuple[str, ...] | None:
        """Returns which of the programs run on a kernel of this variant; None means all.

        The programs of most groups run on each kernel.  Those that test mnck beside another driver
        are run only on the variants that have the driver, which `peers` has.
        """
        return self.peers.get(variant, ()) if self.peers else None


# The programs that drive each path of mm with all kinds of subscribers attached.
PATHS = tuple(sorted(path.stem for path in (CHECKOUT / "selftests/paths").glob("*.c")))

# Each test of PATHS detaches eleven subscribers, and each detach waits for a grace period.  A
# PREEMPT_RT kernel expedites none after boot, unless it is told so.
EXPEDITED_RCU = f"{NO_KMEMLEAK} rcupdate.rcu_expedited=1 rcupdate.rcu_normal_after_boot=0"

# The kernels on which a range is refused beside a real driver: those with the bug, and one without.
REFUSED = ("stock", "rt", "fixed")

# The guests with kselftests, in the order in which they are started: the longest comes first.
GUESTS = (
    Group(
        "guest",
        together=True,
        alone=(
            *("callback_misuse", "reaper", "check", "missing_end", "parameters", "stall"),
            "violations",
        ),
    ),
    # All drivers of the machine, and some that make mistakes on purpose.
    Group(
        "observe",
        (
            *("mistakes", "observed", "sleeps", "records", "prearmed", "traced", "silent"),
            *("watched", "lifecycle", "rust_driver", "core_bugs", "device_calls"),
            *("slow_split", "summary"),
        ),
        named=True,
    ),
    # Races need CPUs that run at the same time.
    Group(
        "races",
        ("lifetime_race", "shared_race", "interval_exit", "chain_many", "load"),
        machine=PARALLEL,
    ),
    Group("paths", PATHS, command_line=EXPEDITED_RCU, together=True),
    # The same tests, with one more subscriber that refuses every non-blockable start.
    Group(
        "refusing",
        PATHS,
        command_line=EXPEDITED_RCU,
        environment="MNCK_REFUSING=1",
        together=True,
    ),
    Group("leaks", ("leaks",), command_line="kmemleak=on"),
    # The bug that the program tests for leaves tasks that never end.
    Group("sequence", ("sequence",)),
    # The tool, which watches drivers that make mistakes on purpose.
    Group(
        "tool",
        ("tool_run", "tool_watch", "tool_oom", "tool_list", "tool_ps", "tool_doctor"),
        named=True,
        has_tool=True,
    ),
    # The same beside drivers that are used, and on a terminal, which the debug kernel lacks.
    Group(
        "tool_peers",
        ("tool_peers", "tool_top"),
        named=True,
        peers={"stock": ("tool_peers", "tool_top")},
        has_tool=True,
    ),
    # The bug that the program tests for leaves a task that never ends.
    Group("stuck", ("stuck",)),
    Group(
        "peers",
        ("kvm", "odp", "hmm"),
        machine=PARALLEL,
        peers={
            "stock": ("kvm", "odp", "hmm"),
            **dict.fromkeys(("rt", "fixed"), ("odp", "hmm")),
        },
    ),
    # On a kernel that has the bug, these leave clients of the drivers that never end.
    Group("odp_refused", ("odp_refused",), peers=dict.fromkeys(REFUSED, ("odp_refused",))),
    Group("hmm_refused", ("hmm_refused",), peers=dict.fromkeys(REFUSED, ("hmm_refused",))),
    # Lockdep turns itself off after its first report.
    Group("circle", ("circle",)),
    # Leaves tasks that never end.
    Group("oopsed", ("oopsed",), without="PANIC_ON_OOPS"),
)

# The groups that test mnck beside other drivers, which the debug kernel does not have.
PEERS = tuple(group for group in GUESTS if group.peers)

# The tests of PEERS that also belong to a check of all of the debug kernel: each driver, and the
# two ways in which it loses memory, by munmap() and by process_mrelease(); and what mnck sees of
# drivers that it has not registered.
SHORT = [
    "peers.kvm.munmap",
    "peers.kvm.observed",
    "peers.kvm.kvm_reaped.trylock_held.mrelease",
    "peers.odp.fork",
    "peers.odp.observed",
    "peers.hmm.dontneed",
    "tool_peers",
]

# The tests that a name selects beside those that begin with it: the other proofs of the same.
ALSO = {
    "observe": (
        *("load", "registered", "stuck", "oopsed", "host.engine.rules"),
        *("peers.kvm.observed", "peers.odp.observed", "peers.hmm.observed"),
    ),
}

# The folders that stand for their programs.
FOLDERS = {
    "rules": tuple(sorted(path.stem for path in (CHECKOUT / "selftests/rules").glob("*.c"))),
}

# The groups that are not a test program, in the order of the summary.
SPECIAL_GROUPS = (
    *("host", "compile_fail", "doctest", "rig"),
    *("guest", "races", "paths", "refusing", "observe", "tool", "peers", "kunit"),
)


def groups_of(patterns: list[str]) -> set[str]:
    """Returns the groups that `patterns` name; the empty set stands for all."""
    return {pattern.partition(".")[0] for pattern in patterns}


def with_others(patterns: list[str], variant: str) -> list[str]:
    """Returns `patterns`, with programs for FOLDERS, and those in ALSO.

    The drivers that no kernel of `variant` has are left out.
    """
    named = [name for pattern in patterns for name in FOLDERS.get(pattern, (pattern,))]
    also = [name for pattern in patterns for name in ALSO.get(pattern, ())]
    there = {f"peers.{program}" for group in PEERS for program in group.peers_of(variant) or ()}
    return named + [
        name for name in also if not name.startswith("peers.") or name.rpartition(".")[0] in there
    ]


def selected(name: str, patterns: list[str]) -> bool:
    """Returns whether a pattern is `name` or a part in front of it, or there are no patterns."""
    return not patterns or any(f"{name}.".startswith(f"{pattern}.") for pattern in patterns)
