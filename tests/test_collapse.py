"""Collapsed sums are the same numbers with fewer channels, and are left alone where they would not be."""

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.collapse import Collapsed, collapse
from pinnsiren.compile import compile_expressions
from pinnsiren.partials import Partial, in_partials

x, y, z = ps.coordinates("x y z")
u, v = ps.Field("u", x, y, z), ps.Field("v", x, y, z)
a = 1 + x**2

COLLAPSE = {
    "laplacian": [ps.laplacian(u) - 1],
    "variable coefficient": [ps.div(a * ps.grad(u)) + u],
    "scaled by the field": [(1 + u**2) * ps.laplacian(u)],
    "mixed": [u.diff(x, 2) + 2 * x * u.diff(x, y) + 3 * u.diff(z, 2)],
    "two fields": [ps.laplacian(u) + v, ps.laplacian(v) - u],
    "twice the same": [ps.laplacian(u), 3 * ps.laplacian(u) + u],
}
LEAVE = {
    "one": [u.diff(x, 2) + u],
    "not affine": [u.diff(x, 2) * u.diff(y, 2) - u.diff(x, y) ** 2],
    "fourth order": [u.diff(x, 4) + u.diff(y, 2) + u.diff(x, 2)],
    "each apart": [u.diff(x, 2), u.diff(y, 2), u.diff(x, 2) + u.diff(y, 2)],
    "coefficients of different fields": [u * u.diff(x, 2) + v * u.diff(y, 2)],
}


@pytest.mark.parametrize("name", [*COLLAPSE, *LEAVE])
def test_collapsed_equations_mean_the_same(name) -> None:
    flat = [in_partials(e) for e in (COLLAPSE | LEAVE)[name]]
    rng = np.random.default_rng(0)
    symbols = sorted({s for e in flat for s in e.free_symbols}, key=str)
    columns = {s: torch.tensor(rng.normal(size=5)) for s in symbols}
    collapsed = collapse(flat)
    full = dict(columns)
    for s in collapsed.sums:
        partials = [Partial(s.field, [(i == k) + (j == k) for k in range(3)]) for i, j in s.pairs]
        (full[s],) = compile_expressions([sum(c * p for c, p in zip(s.coefficients, partials, strict=True))])(columns)
    for one, two in zip(compile_expressions(flat)(columns), compile_expressions(collapsed.expressions)(full), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12)


@pytest.mark.parametrize("name", COLLAPSE)
def test_sums_are_collapsed_where_it_pays(name) -> None:
    result = collapse([in_partials(e) for e in COLLAPSE[name]])
    assert result.sums
    assert not any(p.order == 2 for e in result.expressions for p in e.atoms(Partial))
    assert len({s.operator for s in result.sums}) == 1
    assert not any(c.has(Partial, Collapsed) for s in result.sums for c in s.coefficients)


@pytest.mark.parametrize("name", LEAVE)
def test_sums_are_left_where_it_does_not(name) -> None:
    flat = tuple(in_partials(e) for e in LEAVE[name])
    assert collapse(flat).expressions == flat


def test_planted_error_is_seen() -> None:
    flat = in_partials(ps.laplacian(u))
    (s,) = collapse([flat]).sums
    assert sympy.expand(sum(s.coefficients)) == 3
