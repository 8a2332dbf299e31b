"""Problems of many states and one medium: which fields are the medium, and which belong together once it is known.

(L + k² m) u_s = f_s for sources s is linear in the states u_s where the medium m is known, and then falls into one problem for
each s. In m it may be nonlinear.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import sympy

from pinnsiren.partials import linearise, partials
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field

FEWEST = 2  # states that share a medium: fewer gain nothing


@dataclass(frozen=True)
class States:
    """Fields by what they are.

    Attributes:
        media: those with which the others are multiplied.
        states: the others, gathered where an equation joins them.
    """

    media: tuple[Field, ...]
    states: tuple[tuple[Field, ...], ...]


def states_of(problem: Problem) -> States | None:
    """The media and states of a problem in real fields; None where it is no problem of several states that share media."""
    if problem.is_linear or problem.unknowns or not all(f.coordinates for f in problem.carried):
        return None
    held = [fields_of(r) for c in problem.constraints for r in c.residuals]
    pairs = {pair for c in problem.constraints for r in c.residuals for pair in _products(r)}
    nonlinear = {f for pair in pairs if len(pair) == 1 for f in pair}
    left = pairs = {pair for pair in pairs if len(pair) == 2}
    media: list[Field] = []
    while left:
        degree = {f: sum(f in pair for pair in left) for pair in left for f in pair}
        media.append(max(sorted(degree, key=str), key=lambda f: degree[f]))
        left = {pair for pair in left if media[-1] not in pair}
    groups = _joined(problem.carried, media, held)
    multiplied = any(frozenset(pair) in pairs for pair in combinations(media, 2))
    if not media or multiplied or nonlinear - set(media) or len(groups) < FEWEST:
        return None
    return States(tuple(media), groups)


def fields_of(expression: sympy.Expr) -> set[Field]:
    """The fields whose partials an expression holds."""
    return {p.field for p in partials([expression])}


def _products(expression: sympy.Expr) -> Iterable[frozenset[Field]]:
    """The pairs of fields whose product an expression holds; one field alone where it is nonlinear in that."""
    for p, slope in linearise(expression).items():
        yield from (frozenset((p.field, q.field)) for q in partials([slope]))


def _joined(fields: Iterable[Field], media: Iterable[Field], held: Iterable[set[Field]]) -> tuple[tuple[Field, ...], ...]:
    """The fields that are no media, in groups that no equation joins."""
    groups: list[list[Field]] = [[f] for f in fields if f not in media]
    for together in held:
        touched = [g for g in groups if together & set(g)]
        if len(touched) > 1:
            groups = [g for g in groups if g not in touched] + [[f for g in touched for f in g]]
    order: Mapping[Field, int] = {f: i for i, f in enumerate(fields)}
    return tuple(sorted((tuple(sorted(g, key=order.__getitem__)) for g in groups), key=lambda g: order[g[0]]))
