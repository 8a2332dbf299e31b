"""Where the time of a training step goes, and its floor: ``python -m tests.benchmarks.breakdown``.

The cases of ``tests.benchmarks.engine``. Shares are of the profiler's own time by operation. The floor is what no way of
arranging the same products can go below: 3 products a hidden layer for every channel, at the rate of a bare product
whose matrices stay in the cache, with one sine and one cosine of every neuron. Nested differentiation stands beside it,
as that ratio which the engine's targets are about. Processor time; take ``--threads 1`` on a machine that others use.
"""

import argparse
import time
from collections import Counter

import torch
from rich.console import Console
from rich.table import Table
from torch.profiler import ProfilerActivity, profile

from tests.benchmarks.engine import Case, Step, cases, milliseconds, prepare, stepper

WIDTH = 256
ROWS = 2048  # of a bare product
KINDS = {"products": {"aten::mm", "aten::addmm", "aten::addmm_", "aten::bmm", "aten::baddbmm"},
         "sines": {"aten::sin", "aten::cos"},
         "passes": {"aten::mul", "aten::mul_", "aten::addcmul_", "aten::add", "aten::add_", "aten::neg", "aten::sum",
                    "aten::copy_", "aten::cat", "aten::zero_", "aten::fill_"}}


def shares(step: Step, steps: int = 5) -> dict[str, float]:
    """Each kind's share of a step; the rest is dispatch, Python and the optimiser."""
    with profile(activities=[ProfilerActivity.CPU]) as record:
        for _ in range(steps):
            step()
    spent: Counter[str] = Counter()
    for event in record.key_averages():
        kind = next((kind for kind, names in KINDS.items() if event.key in names), "rest")
        spent[kind] += event.self_cpu_time_total
    return {kind: spent[kind] / sum(spent.values()) for kind in [*KINDS, "rest"]}


def floor(case: Case) -> tuple[float, float]:
    """Milliseconds of the bare products, and of these with all sines and cosines."""
    weight, total = torch.randn(WIDTH, WIDTH), torch.zeros(WIDTH, WIDTH)
    a, out = torch.randn(ROWS, WIDTH), torch.empty(ROWS, WIDTH)

    def products() -> None:
        torch.mm(a, weight.T, out=out)
        torch.mm(a, weight, out=out)
        total.addmm_(a.T, out)

    def sines() -> None:
        torch.sin(a, out=out)
        torch.cos(a, out=out)

    t = milliseconds({"products": products, "sines": sines}, 20, time.process_time)
    points = case.channels * case.interior + case.boundary
    bare = t["products"] * (case.layers - 1) * points / ROWS
    return bare, bare + t["sines"] * case.layers * (case.interior + case.boundary) / ROWS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=10, help="steps a round, of two rounds")
    parser.add_argument("--only", default="", help="part of a case's name")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    table = Table(title="one Adam step, milliseconds of processor time, and its shares")
    for heading in ("case", "step", *KINDS, "rest", "bare products", "with sines", "step / floor", "step / nested",
                    "floor / nested"):
        table.add_column(heading, justify="left" if heading == "case" else "right")
    for case in cases():
        if arguments.only not in case.name:
            continue
        steps = {name: stepper(loss, *prepare(case, "cpu")) for name, loss in (("jets", case.jets), ("nested", case.nested))}
        t = milliseconds(steps, arguments.repeats, time.process_time)
        bare, least = floor(case)
        table.add_row(case.name, f"{t['jets']:.1f}", *(f"{share:.0%}" for share in shares(steps["jets"]).values()),
                      f"{bare:.1f}", f"{least:.1f}", f"{t['jets'] / least:.2f}", f"{t['jets'] / t['nested']:.2f}",
                      f"{least / t['nested']:.2f}")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
