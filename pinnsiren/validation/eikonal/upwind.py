"""First arrivals to second order: one-sided differences of T = T₀τ along the rays, all nodes at once by Newton's method.

Differences look to where the wave came from, so that with the nodes in the order of their arrival the Jacobian is
triangular. T₀ takes the singularity of a point source, where τ is smooth.
Reference: Fomel, Luo & Zhao, Fast sweeping method for the factored eikonal equation, J. Comput. Phys. 228 (2009).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve_triangular

from pinnsiren.errors import ReferenceError
from pinnsiren.validation.eikonal.sweeping import Array, Index, Lattice, Mask

ROUNDS = 12  # in which every step looks anew where the wave came from; later that is kept, lest a node wavers
MOST_ROUNDS = 40
SETTLED = 1e-12  # of the largest arrival
MOST_ACROSS = 0.5  # of s², for the share of an axis that a wave crosses at a right angle; it is of the order of h²


@dataclass(frozen=True, eq=False)
class Factor:
    """T₀ with its gradient at places: (n,) and (n, d); T₀ = 1 where nothing is singular."""

    values: Array
    gradient: Array


def refined_arrivals(lattice: Lattice, slowness: Array, arrivals: Array, *, known: Mask, factor: Factor) -> tuple[Array, Array]:
    """τ and T at the nodes, both (N,), to second order.

    At every node Σ_k max(0, a_kτ + b_k)² = s² is solved for τ, b_k holding the neighbours that the wave came from; Newton's
    method finds the τ that all nodes agree on.

    Args:
        slowness: s (N,).
        arrivals: T (N,) to first order, exact at the nodes that are known.
        known: (N,) nodes at and around the source.
        factor: T₀.
    Raises:
        ReferenceError: Newton's method does not converge.
    """
    fresh = np.divide(arrivals, factor.values, out=np.ones_like(arrivals), where=factor.values > 0)
    stencils: list[_Stencil] = []
    for step in range(MOST_ROUNDS):
        found = factor.values * fresh
        if step < ROUNDS:
            stencils = [_stencil(lattice, found, k) for k in range(len(lattice.shape))]
        change = _newton_step(lattice, slowness, fresh, known=known, factor=factor, stencils=stencils)
        fresh = fresh + change
        if np.max(np.abs(factor.values * change)) <= SETTLED * np.max(found):
            return fresh, factor.values * fresh
    raise ReferenceError("Newton's method for the first arrivals does not converge; the speed may change too much from one "
                         "node to the next. Give more cells: FastSweeping(cells=…).")


@dataclass(frozen=True, eq=False)
class _Stencil:
    """σ∂τ/∂x_k ≈ c₀τ_i + c₁τ_j + c₂τ_l along one axis at every node, j and l one and two steps towards the source.

    Attributes:
        neighbours: (2, N) places j and l, counted like nodes.
        weights: (3, N) c₀, c₁, c₂ per length.
        sign: (N,) σ = ±1, so that T grows along σ.
        across: (N,) where both neighbours are later: the wave crosses the axis at a right angle, to a cell.
        sides: (2, N) places of the two neighbours there.
    """

    neighbours: Index
    weights: Array
    sign: Array
    across: Mask
    sides: Index


def _stencil(lattice: Lattice, arrivals: Array, axis: int) -> _Stencil:
    flat, nodes, stride, h = lattice.framed(arrivals, np.inf), lattice.nodes, lattice.strides[axis], lattice.spacing[axis]
    below, above = flat[nodes - stride], flat[nodes + stride]
    step = np.where(below <= above, -1, 1)
    near, beyond = np.minimum(below, above), flat[nodes + 2 * step * stride]
    weights = np.where(beyond <= near, [[1.5], [-2.0], [0.5]], [[1.0], [-1.0], [0.0]]) / h
    number = lattice.framed(np.arange(len(nodes), dtype=np.float64), 0.0).astype(np.intp)
    return _Stencil(np.stack([number[nodes + step * stride], number[nodes + 2 * step * stride]]), weights * (near < arrivals),
                    -step.astype(float), (near >= arrivals) & np.isfinite(np.maximum(below, above)),
                    np.stack([number[nodes - stride], number[nodes + stride]]))


def _newton_step(lattice: Lattice, slowness: Array, fresh: Array, *, known: Mask, factor: Factor,
                 stencils: Sequence[_Stencil]) -> Array:
    """The solution of (1 − G′) δ = G(τ) − τ, G(τ) being what each node's neighbours make of it; 0 at known nodes.

    Where a wave crosses an axis at a right angle, that axis's small share of |∇T|² is taken from the iterate before: as a
    part of G it would couple neighbours both ways, and the equations would have a second, wrong solution.
    """
    left = slowness**2
    a, b = np.zeros((2, len(stencils), len(fresh)))
    for k, (stencil, h) in enumerate(zip(stencils, lattice.spacing, strict=True)):
        central = (fresh[stencil.sides[1]] - fresh[stencil.sides[0]]) / (2 * h)
        left = left - stencil.across * (factor.values * central + fresh * factor.gradient[:, k]) ** 2
        used = stencil.weights[0] > 0
        a[k] = used * (factor.values * stencil.weights[0] + stencil.sign * factor.gradient[:, k])
        b[k] = factor.values * (stencil.weights[1:] * fresh[stencil.neighbours]).sum(axis=0)
    wanted = _root(a, b, np.maximum(left, (1 - MOST_ACROSS) * slowness**2))
    wanted = np.where(np.isfinite(wanted), wanted, fresh)  # at the source itself no axis counts
    rates = np.maximum(0.0, a * wanted + b)
    slope = (rates * a).sum(axis=0)
    change = np.where(known | (slope <= 0), 0.0, wanted - fresh)
    return _solved(fresh, factor, change, [(s, np.divide(p, slope, out=np.zeros_like(p), where=~known & (slope > 0)))
                                           for s, p in zip(stencils, rates, strict=True)])


def _root(a: Array, b: Array, square: Array) -> Array:
    """τ (N,) with Σ_k max(0, a_kτ + b_k)² = square, for a, b (d, N) with a ≥ 0; axes with a = 0 do not count."""
    with np.errstate(divide="ignore", invalid="ignore"):
        enters = np.where(a > 0, -b / a, np.inf)  # an axis counts from this τ on
        order = np.argsort(enters, axis=0)
        enters, a, b = (np.take_along_axis(v, order, axis=0) for v in (enters, a, b))
        found = enters[0] + np.sqrt(square) / a[0]
        for k in range(1, len(a)):
            # relative to the first axis's start, so that no digits are lost
            shifted = a[:k + 1] * (enters[0] - enters[:k + 1])
            p, q = (a[:k + 1] ** 2).sum(axis=0), (a[:k + 1] * shifted).sum(axis=0)
            further = enters[0] + (-q + np.sqrt(np.maximum(q * q - p * ((shifted**2).sum(axis=0) - square), 0.0))) / p
            found = np.where(found > enters[k], further, found)
    return found


def _solved(fresh: Array, factor: Factor, change: Array, shares: Sequence[tuple[_Stencil, Array]]) -> Array:
    """The triangular solve, nodes in the order of their arrival."""
    count = len(fresh)
    order = np.argsort(factor.values * fresh, kind="stable")
    place = np.empty(count, np.intp)
    place[order] = np.arange(count)
    rows, columns, entries = [np.arange(count)], [np.arange(count)], [np.ones(count)]
    for stencil, share in shares:
        for neighbour, weight in zip(stencil.neighbours, stencil.weights[1:], strict=True):
            kept = np.flatnonzero((share * weight != 0) & (place[neighbour] < place))
            rows.append(place[kept])
            columns.append(place[neighbour[kept]])
            entries.append((share * factor.values * weight)[kept])
    matrix = sparse.csr_matrix((np.concatenate(entries), (np.concatenate(rows), np.concatenate(columns))), shape=(count, count))
    return np.asarray(spsolve_triangular(matrix, change[order], overwrite_b=True, unit_diagonal=True)[place])
