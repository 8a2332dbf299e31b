"""Stepping y' = G(t, y) with scipy's integrators: explicit where stability allows long steps, implicit where it does not."""

import numpy as np
from scipy import sparse
from scipy.integrate import solve_ivp

from pinnsiren.errors import ReferenceError
from pinnsiren.partials import partials
from pinnsiren.validation.finite_difference.history import History, instants_for
from pinnsiren.validation.finite_difference.semidiscrete import SemiDiscrete
from pinnsiren.validation.finite_difference.stencils import Array

# An explicit method of order 8 is stable up to about |λ| Δt = 5, so that the spectral radius times the duration tells
# the number of its steps; beyond this an implicit one is cheaper. Diffusion has few slow modes, which an implicit method
# follows in a hundred steps; the fast modes of waves never die out, and it has to follow them all.
STIFF, STIFF_FOR_WAVES = 1.5e3, 2e4
# DOP853's polynomial between its steps is some digits less accurate than the steps where these are long
LONGEST, SHARPER = 2.0, 0.1  # steps in intervals between instants, and their tolerance
LARGEST_GROWTH = 1e12  # from the initial values, or from 1 in the field's unit: what grows more is the scheme
PRODUCTS = 40  # with the Jacobian, to estimate its spectral radius
DENSE = 0.2  # of a matrix filled: then dense factors are faster than sparse ones


def evolve(system: SemiDiscrete, *, tolerance: float, kept: float = 1.0) -> History:
    """Step a semidiscrete problem from the first to the last time.

    Args:
        tolerance: of every step, relative to the size of the solution.
        kept: share of the instants that are kept, fewer on the coarser grids of an estimate.
    Raises:
        ReferenceError: the steps become too small, or the values are not finite.
    """
    start, (first, last) = system.start, system.form.span
    with np.errstate(all="ignore"):  # what overflows is found below
        if not np.all(np.isfinite(start)) or not np.all(np.isfinite(system.rate(first, start))):
            raise ReferenceError("the initial values or the rates there are not finite; cut the singular point out of the "
                                 "box, or rewrite the initial conditions.")
        jacobian = system.jacobian(first, start)
        stiff = spectral_radius(jacobian) * (last - first) > _limit(system)
        instants = instants_for(system.form, system.grid, share=kept, graded=stiff)
        dense = jacobian.nnz > DENSE * np.prod(jacobian.shape)

        def slopes(t: float, y: Array) -> Array | sparse.csc_matrix:
            found = system.jacobian(t, y)
            return found.toarray() if dense else sparse.csc_matrix(found)

        span, sizes = (first, last), _sizes(system, start)
        try:
            if stiff:
                found = solve_ivp(system.rate, span, start, method="Radau", jac=slopes, t_eval=instants.times,
                                  rtol=tolerance, atol=tolerance * sizes)
            else:
                found = solve_ivp(system.rate, span, start, method="DOP853", t_eval=instants.times,
                                  max_step=LONGEST * (last - first) / (instants.count - 1),
                                  rtol=SHARPER * tolerance, atol=SHARPER * tolerance * sizes)
        except ValueError as error:  # factors of a matrix that is not finite
            raise failed(first, str(error)) from error
        if found.status != 0 or not np.all(np.isfinite(found.y)):
            raise failed(float(found.t[-1]) if len(found.t) else first, found.message)
        values = np.stack([system.values(t, y) for t, y in zip(found.t, found.y.T, strict=True)])
    require_bounded(values, found.t)
    return History(system.form, system.grid, instants, values)


def spectral_radius(matrix: sparse.csr_matrix, products: int = PRODUCTS) -> float:
    """The largest |λ| of a square matrix, from below to some per cent: the growth of ‖Aⁿx‖ over the last three quarters."""
    x = np.random.default_rng(0).standard_normal(matrix.shape[0])
    growth = []
    for _ in range(products):
        x = matrix @ x
        size = float(np.linalg.norm(x))
        if size == 0 or not np.isfinite(size):
            return size
        growth.append(np.log(size))
        x /= size
    return float(np.exp(np.mean(growth[products // 4:])))


def require_bounded(values: Array, times: Array) -> None:
    """Raise a ReferenceError where values (instants, fields, N) are not finite or have grown beyond all measure."""
    size = np.abs(values).max(axis=2)
    start = max(size[0].max(), 1.0)
    wild = ~(size.max(axis=1) <= LARGEST_GROWTH * start)  # NaN is wild, too
    if wild.any():
        raise failed(float(times[np.argmax(wild)]), f"values have grown from {start:.2g} to {size[wild][0].max():.2g}")


def _limit(system: SemiDiscrete) -> float:
    """How large the spectral radius times the duration may be for an explicit method."""
    form = system.form
    diffusing = [f for f, rate in form.rates.items() if form.orders[f] == 1
                 and any(p.field == f and p.order > 0 and p.order % 2 == 0 for p in partials([rate]))]
    return STIFF if diffusing else STIFF_FOR_WAVES


def _sizes(system: SemiDiscrete, start: Array) -> Array:
    """The size of each entry's own field and level at the first time; where it starts from zero, that of all."""
    block = system.state // len(system.grid)
    sizes = np.zeros(int(block.max()) + 1)
    np.maximum.at(sizes, block, np.abs(start))
    first, last = system.form.span
    largest = float(sizes.max()) or float(np.abs(system.rate(first, start)).max()) * (last - first) or 1.0
    return np.where(sizes > 0, sizes, largest)[block]


def failed(t: float, message: str) -> ReferenceError:
    """The error of a history that stops on the way."""
    return ReferenceError(f"stepping in time stopped at t = {t:.4g} ({message}); either the solution becomes infinite there, "
                          "or this grid makes it so: shorten the time, or take another order or more cells.")
