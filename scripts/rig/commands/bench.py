# SPDX-License-Identifier: GPL-2.0
"""``make bench``: what the abstraction costs in instructions, compared with the same in C, what the
checks of mnck cost, and what observing all drivers costs.

The programs of selftests/bench/ measure each of its modules, and mnck, in a guest whose clock
counts instructions.  rig.report.cost has the limit and the page.
"""

from collections.abc import Iterator
from pathlib import Path

from rig.build import artifacts
from rig.build.arch import ARCHES
from rig.build.kernel import Kernel
from rig.build.kernels import ensure_kernel
from rig.build.variant import STOCK
from rig.commands import bench_observed
from rig.common import command, log
from rig.common.error import RigError
from rig.common.lock import locked
from rig.common.progress import Step
from rig.guest.qemu import COUNTING, Guest
from rig.judge.verdict import FAIL, judge
from rig.report import cost
from rig.report.observed import Observed

VARIANT = "bench"
# The modules to compare, in the order of the members of cost.Costs.
MODULES = ("bench_c", "bench_rust", "bench_c_calls", "bench_rust_calls")
PROGRAMS = ("measure", "measure_checks", bench_observed.PROGRAM)

# The subscribers of mnck, and the unchecked subscriber of the same kind.
UNCHECKED = {"counter": "paired", "trylock": "fallible", "mirror": "mutex", "chain": None}

# Instructions and callbacks, by the kind of subscriber and how many there are.
Measured = dict[tuple[str, int], tuple[float, float]]


def bench(arches: list[str]) -> int:
    """Measures and reports, and with all architectures writes the page; returns the exit status."""
    runs = []
    for kernel in [ensure_kernel(arch, VARIANT) for arch in arches]:
        *modules, checked = _measure(kernel)
        c, rust, *_ = modules
        flavours = list(_flavours(*modules))
        observed = _observed(kernel.arch)
        runs.append(cost.Run(kernel, flavours, _growth(c, rust), _checks(rust, checked), observed))
        cost.show(runs[-1])
    exceeded = [wrong for run in runs for wrong in cost.exceeded(run)]
    for wrong in exceeded:
        print(wrong)
    if not exceeded:
        print("within all limits")
    if len(runs) == len(ARCHES):
        print(f"written: {' '.join(map(str, cost.document(runs)))}")
    return int(bool(exceeded))


def _measure(kernel: Kernel) -> list[Measured]:
    """Returns the measurements with each of MODULES, and then with mnck."""
    modules = artifacts.external(kernel, artifacts.BENCH, "bench")
    files = {f"lib/{name}.ko": modules[name] for name in MODULES}
    files["lib/mnck.ko"] = artifacts.module(kernel)
    files |= {f"tests/{path.name}": path for path in _programs(kernel)}
    console = log.console(kernel.label, "bench")
    measuring = [*(f"measure /dev/{name}" for name in MODULES), "measure_checks"]
    steps = [f"insmod /lib/{name}.ko" for name in (*MODULES, "mnck")] + measuring
    with (
        Step(f"measuring on {kernel.arch}", about=40),
        artifacts.initramfs(kernel, "bench", files) as initramfs,
        Guest(kernel, initramfs, console, COUNTING) as guest,
    ):
        outcomes = {"boot": guest.boot()} | {step: guest.run(step) for step in steps}
    for step, outcome in outcomes.items():
        verdict = judge(kernel.arch, step, outcome, console)
        if verdict.status == FAIL:
            lines = "\n".join(verdict.lines)
            raise RigError(f"{kernel.arch}: {step}: {verdict.reason}\n{lines}\n{console}")
    return [parse(outcomes[step].output) for step in measuring]


def _observed(arch: str) -> dict[str, Observed]:
    """Returns what observers of all drivers cost on Debian's kernel."""
    kernel = ensure_kernel(arch, STOCK)
    program = next(path for path in _programs(kernel) if path.name == bench_observed.PROGRAM)
    return bench_observed.measure(kernel, program, parse)


def _programs(kernel: Kernel) -> list[Path]:
    """Builds PROGRAMS; returns their paths."""
    directory = artifacts.build_dir(kernel) / "measure"
    make = [
        *(
            "make",
            "--silent",
            "-C",
            artifacts.BENCH,
            f"OUTPUT={directory}",
            f"KSRC={kernel.srcdir}",
        ),
        *(f"ARCH={kernel.arch}", "LLVM=1"),
    ]
    with locked(artifacts.lock(kernel)):
        directory.mkdir(exist_ok=True)
        status, output = command.run(make)
    if status:
        raise RigError(f"{output}failed: {' '.join(map(str, make))}")
    return [directory / name for name in PROGRAMS]


def parse(output: str) -> Measured:
    """Returns the measurements that a program has printed."""
    costs = {}
    for line in output.splitlines():
        name, count, instructions, calls = line.split()
        costs[name, int(count)] = float(instructions), float(calls)
    return costs


def _flavours(*modules: Measured) -> Iterator[cost.Flavour]:
    """Yields the costs of each kind of subscriber; the modules must have the same callbacks."""
    for name in dict.fromkeys(name for name, _ in modules[0] if "." not in name):
        counts = sorted(count for n, count in modules[0] if n == name)
        calls = [[costs[name, count][1] for count in counts] for costs in modules]
        if any(found != calls[0] for found in calls) or not all(calls[0][1:]):
            raise RigError(f"{name}: not the same callbacks in C and in Rust: {calls}")
        without, one, _ = ([costs[name, count][0] for costs in modules] for count in counts)
        yield cost.Flavour(
            name,
            without=without[0],
            event=cost.Costs(*one),
            callback=cost.Costs(*(_one_more(costs, name) for costs in modules)),
        )


def _growth(c: Measured, rust: Measured) -> dict[str, tuple[dict[int, float], dict[int, float]]]:
    """Returns the instructions of each measured call in C and in Rust, by number of subscribers."""
    names = dict.fromkeys(name for name, _ in c if "." in name)
    return {
        name: (
            {count: costs[0] for (n, count), costs in c.items() if n == name},
            {count: costs[0] for (n, count), costs in rust.items() if n == name},
        )
        for name in names
    }


def _checks(unchecked: Measured, checked: Measured) -> dict[str, tuple[cost.Added, cost.Added]]:
    """Returns what subscribers add to a munmap on the abstraction, and in mnck."""
    if any(calls != count for (_, count), (_, calls) in checked.items()):
        raise RigError("not each of mnck's subscribers had one start for each munmap")
    return {
        name: (_added(unchecked, same) if same else cost.Added(), _added(checked, name))
        for name, same in UNCHECKED.items()
    }


def _added(found: Measured, name: str) -> cost.Added:
    """Returns how many instructions the first subscriber adds, and each further one."""
    none, one, _ = sorted(count for n, count in found if n == name)
    return cost.Added(found[name, one][0] - found[name, none][0], _one_more(found, name))


def _one_more(found: Measured, name: str) -> float:
    """Returns how many instructions each further subscriber adds."""
    _, one, many = sorted(count for n, count in found if n == name)
    return (found[name, many][0] - found[name, one][0]) / (many - one)
