# SPDX-License-Identifier: GPL-2.0
"""``make bench``: what the abstraction costs, in instructions, against the same in C.

The modules of selftests/bench/ are loaded into a guest whose clock counts instructions, and its
program measures with each.  What is found is judged here and told by rig.cost.
"""

from collections.abc import Iterator
from pathlib import Path

from rig import build, command, cost, log
from rig.arch import ARCHES
from rig.build import CHECKOUT
from rig.guest import COUNTING, Guest
from rig.kernel import BuildError, Kernel, ensure_kernel
from rig.lock import locked
from rig.progress import Step
from rig.verdict import FAIL, judge

VARIANT = "bench"
SOURCE = CHECKOUT / "selftests/bench"
MODULES = ("bench_c", "bench_helpers", "bench_rust")

# By what it is and how many there are: instructions and callbacks.
Measured = dict[tuple[str, int], tuple[float, float]]


def bench(arches: list[str]) -> int:
    """Measure, show and, if on all architectures, document; the exit status."""
    runs = []
    for kernel in [ensure_kernel(arch, VARIANT) for arch in arches]:
        c, helpers, rust = _measure(kernel)
        runs.append(cost.Run(kernel, list(_flavours(c, helpers, rust)), _growth(c, rust)))
        cost.show(runs[-1])
    exceeded = [wrong for run in runs for wrong in cost.exceeded(run)]
    for wrong in exceeded:
        print(wrong)
    if not exceeded:
        print(f"within the limit: Rust takes at most {cost.LIMIT} times the instructions of C")
    if len(runs) == len(ARCHES):
        print(f"written: {' '.join(map(str, cost.document(runs)))}")
    return int(bool(exceeded))


def _measure(kernel: Kernel) -> list[Measured]:
    """What each of MODULES costs."""
    modules = build.external(kernel, SOURCE, "bench")
    files = {f"lib/{name}.ko": modules[name] for name in MODULES}
    files["tests/measure"] = _program(kernel)
    console = log.console(kernel, "bench")
    steps = [f"insmod /lib/{name}.ko" for name in MODULES]
    steps += [f"measure /dev/{name}" for name in MODULES]
    with (
        Step(f"measuring on {kernel.arch}", about=40),
        build.initramfs(kernel, "bench", files) as initramfs,
        Guest(kernel, initramfs, console, COUNTING) as guest,
    ):
        outcomes = {"boot": guest.boot()} | {step: guest.run(step) for step in steps}
    for step, outcome in outcomes.items():
        verdict = judge(kernel.arch, step, outcome, console)
        if verdict.status == FAIL:
            lines = "\n".join(verdict.lines)
            raise BuildError(f"{kernel.arch}: {step}: {verdict.reason}\n{lines}\n{console}")
    return [parse(outcomes[f"measure /dev/{name}"].output) for name in MODULES]


def _program(kernel: Kernel) -> Path:
    """Build the program that measures."""
    output = build.build_dir(kernel) / "measure"
    make = [
        *("make", "--silent", "-C", SOURCE, f"OUTPUT={output}", f"KSRC={kernel.srcdir}"),
        *(f"ARCH={kernel.arch}", "LLVM=1"),
    ]
    with locked(build.lock(kernel)):
        output.mkdir(exist_ok=True)
        status, said = command.run(make)
    if status:
        raise BuildError(f"{said}failed: {SOURCE}")
    return output / "measure"


def parse(output: str) -> Measured:
    """What the program has printed."""
    costs = {}
    for line in output.splitlines():
        name, count, instructions, calls = line.split()
        costs[name, int(count)] = float(instructions), float(calls)
    return costs


def _flavours(*modules: Measured) -> Iterator[cost.Flavour]:
    """Compare the modules, which must have done the same."""
    for name in dict.fromkeys(name for name, _ in modules[0] if "." not in name):
        counts = sorted(count for n, count in modules[0] if n == name)
        calls = [[costs[name, count][1] for count in counts] for costs in modules]
        if any(found != calls[0] for found in calls) or not all(calls[0][1:]):
            raise BuildError(f"{name}: not the same callbacks in C and in Rust: {calls}")
        without, one, many = ([costs[name, count][0] for costs in modules] for count in counts)
        more = counts[2] - counts[1]
        yield cost.Flavour(
            name,
            without=without[0],
            event=cost.Costs(*one),
            callback=cost.Costs(*((b - a) / more for a, b in zip(one, many, strict=True))),
        )


def _growth(c: Measured, rust: Measured) -> dict[str, tuple[dict[int, float], dict[int, float]]]:
    """By what grows: the instructions by number, in C and in Rust."""
    names = dict.fromkeys(name for name, _ in c if "." in name)
    return {
        name: (
            {count: costs[0] for (n, count), costs in c.items() if n == name},
            {count: costs[0] for (n, count), costs in rust.items() if n == name},
        )
        for name in names
    }
