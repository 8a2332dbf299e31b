"""Families: one structure, other data; and what differs in more than that is named."""

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.errors import DataError, ProblemError
from pinnsiren.space import Family

X, Y = ps.coordinates("x y")
U, V, F, G = ps.Field("u", X, Y), ps.Field("v", X, Y), ps.Data("f"), ps.Data("g")
SQUARE = ps.Box({X: (-1, 1), Y: (-1, 1)})
PLACES = SQUARE.interior.sample(20, seed=0).values


def member(number, left=None, data=None, count=20, weight=1.0, region=SQUARE.boundary):
    places = PLACES[:count]
    columns = {F: number + places[:, 0]} if data is None else data
    inside = ps.PointSet((X, Y), places, columns)
    return ps.Problem(ps.Equation(-ps.laplacian(U) if left is None else left, F).on(inside, weight),
                      ps.Equation(U, 0).on(region))


def test_columns_of_an_instance_give_its_own_residual():
    family = Family(member)
    network = ps.Siren(2, 1, 8, 2, omega0=2.0, seed=1, dtype=torch.float64)
    residual = family.residual(network)
    third = residual.placed(family.member(3, residual).columns)
    with torch.no_grad():
        rows = third()[third.blocks["points"]] * np.sqrt(20)
        first = family.residual(network).placed(family.member(0, residual).columns)
        network_of_x = first()[third.blocks["points"]] * np.sqrt(20)
    assert torch.allclose(network_of_x - rows, torch.full((20,), 3.0, dtype=torch.float64), atol=1e-12)
    assert family.observed == (F,)


def test_instances_of_another_structure_are_named():
    cases = {
        "another structure than instance 0: '.*' reads .*u.* = f, and was": lambda n: member(n, U if n else None),
        "has weight 2 and norm l2, and had 1 and l2": lambda n: member(n, weight=2.0 if n else 1.0),
        "is on PointSet.*data of g, f|is on PointSet.*data of f, g": lambda n: member(
            n, data={F: PLACES[:, 0], G: PLACES[:, 1]} if n else None),
        "is on .*, and was on": lambda n: member(n, region=ps.Box({X: (-2, 2), Y: (-1, 1)}).boundary if n else SQUARE.boundary),
        "its constraints are": lambda n: ps.Problem(*member(n).constraints[:1]) if n else member(n),
        r"instance\(2\) of the family is a int; expected a ps.Problem": lambda n: member(n) if n < 2 else 3,
    }
    for message, made in cases.items():
        family = Family(made)
        with pytest.raises(ProblemError, match=message):
            family.problem(2)
        assert family.problem(0) is family.first


def test_data_are_needed():
    with pytest.raises(DataError, match="carry no data, so that nothing tells one from another"):
        Family(lambda n: ps.Problem(ps.Equation(ps.laplacian(U), 1).on(SQUARE.interior)))
    with pytest.raises(DataError, match="no point set of the problem carries f, g"):
        Family(member, observed=(F, G))


def test_what_one_network_cannot_carry():
    columns = {F: PLACES[:, 0]}
    points = ps.PointSet((X, Y), PLACES, columns)
    k, alone = ps.Unknown("k", 1.0), ps.Field("w", X)
    with pytest.raises(ProblemError, match="have unknown scalars; a space gives fields only"):
        Family(lambda n: ps.Problem(ps.Equation(U, k * F).on(points)))
    with pytest.raises(ProblemError, match="have different coordinates, so one network cannot carry them all"):
        Family(lambda n: ps.Problem(ps.Equation(U + alone, F).on(points)))


def test_the_ansatz_is_the_first_problems_own():
    hard = ps.ansatz.dirichlet(ps.Problem(ps.Equation(ps.laplacian(U), 0).on(SQUARE.interior),
                                          ps.Equation(U, 0).on(SQUARE.boundary)))
    family = Family(lambda n: ps.Problem(*member(n).constraints, ansatz=hard))
    assert [c.name for c in family.formulation.problem.constraints] == ["points"]
    assert sympy.simplify(family.formulation.forms[U].subs(X, 1)) == 0
    assert family.fields[0].name == "N_u"
    plain = Family(lambda n: ps.Problem(*member(n).constraints, ansatz=hard), ansatz=False)
    assert plain.fields == (U,)
