"""A contest keeps who gets furthest, and gives the others no more than their rounds."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch

import pinnsiren as ps
from pinnsiren.equations import poisson
from pinnsiren.model import Model
from pinnsiren.solvers.automatic import causal_entries, entries
from pinnsiren.solvers.contest import Contest, Entry
from pinnsiren.solvers.task import Solver, Step, Task

PROBLEM = poisson.poisson_sine()
x, t = ps.coordinates("x")[0], ps.time("t")
u = ps.Field("u", x, t)


@dataclass(frozen=True)
class Falling(Solver):
    """Its measure falls by the same factor at every iteration."""

    factor: float
    length: int

    def iterate(self, task: Task) -> Iterator[Step]:
        for k in range(self.length):
            yield Step(task.require_model("Falling"), self.factor**k, 1.0, {}, "falling")


def contest(*solvers):
    model = Model({PROBLEM.fields: ps.Siren(2, 1, 4, 1, dtype=torch.float64)})
    made = Contest([Entry(str(s.factor), s, model) for s in solvers], round_length=3)
    return [s.note for s in made.iterate(Task(PROBLEM))]


def test_the_worst_leaves_after_every_round_and_the_best_goes_on_to_its_end() -> None:
    names = contest(Falling(0.9, 50), Falling(0.5, 20), Falling(0.7, 50))
    assert names == ["0.9"] * 3 + ["0.5"] * 3 + ["0.7"] * 3 + ["0.5"] * 3 + ["0.7"] * 3 + ["0.5"] * 14


def test_who_has_ended_may_still_have_won() -> None:
    assert contest(Falling(0.1, 2), Falling(0.9, 50)) == ["0.1"] * 2 + ["0.9"] * 3
    assert contest(Falling(0.9, 4)) == ["0.9"] * 4


def test_no_entry_is_refused() -> None:
    with pytest.raises(ps.SolveError, match="at least one of each"):
        Contest([])


def test_networks_of_the_rule_are_periodic_where_the_problem_is_and_causal_where_it_has_time() -> None:
    circle = ps.Interval(x, -1, 1, periodic=True) * ps.Interval(t, 0, 1)
    evolution = ps.Problem(ps.Equation(u.diff(t), u**2).on(circle.interior), ps.Equation(u, 1).on(circle.initial))
    found = [*entries(Task(evolution)), *causal_entries(Task(evolution))]
    assert [e.name for e in found] == ["tanh", "sines", "tanh, causal"]
    assert [e.solver.causal is None for e in found] == [True, True, False]
    assert all(e.model.carriers[0].network.repeats == [True, False] for e in found)
    assert [e.name for e in entries(Task(PROBLEM))] == ["tanh", "sines"]
    assert not causal_entries(Task(PROBLEM))
