"""How large the error of some fields is, from their residual on points that were not fitted.

A residual says little by itself: the same root mean square is a small error where it oscillates and a large one where it
is smooth. So its smooth part is solved for: a correction δ with L δ ≈ −r is found among a few slow features, and only what
remains is divided by the size that the fast features give to the rows.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from pinnsiren.last_layer import LastLayer, Rows, jets_of
from pinnsiren.model import Model
from pinnsiren.networks import Fourier
from pinnsiren.residual import Residual, partial_columns

RIDGE = 1e-14  # of a column's length: moderate coefficients at no loss of digits; 1e-12 already costs some
UNBALANCED = 0.5  # of the residual of zero fields: more is no solution
PROBES = 120  # slow features of the correction
PROBE_BAND = 4.0  # their band: up to about one period across the domain


def ridge_solve(matrix: Tensor, target: Tensor, ridge: float = RIDGE) -> Tensor:
    """argmin ‖A c − b‖² + ρ²‖D c‖², D the columns' lengths, by an orthogonal factorisation of the stacked matrix.

    Columns are scaled to length one. With ρ near rounding this is as accurate as a truncated SVD and several times
    faster; the normal equations would lose half of the digits.

    Args:
        matrix: A, (m, n). target: b, (m,).
    """
    lengths = matrix.norm(dim=0)
    lengths = torch.where(lengths > 0, lengths, torch.ones_like(lengths))
    m, n = matrix.shape
    stacked = matrix.new_zeros(m + n, n + 1)
    torch.div(matrix, lengths, out=stacked[:m, :n])
    stacked[:m, n] = target
    stacked[m:, :n].fill_diagonal_(ridge)
    factor = torch.linalg.qr(stacked, mode="r").R
    solution = torch.linalg.solve_triangular(factor[:n, :n], factor[:n, n:], upper=True)
    return solution[:, 0] / lengths


def row_scales(rows: Mapping[str, Rows]) -> dict[str, float]:
    """S_m, the root mean square that a feature of unit amplitude gives to each constraint's rows.

    Dividing by it puts all residuals into the units of the fields, so that boundary and interior errors balance.
    """
    scales = {}
    for name, r in rows.items():
        squares = r.matrix.square().mean(dim=0)
        used = squares[squares > 0]
        scales[name] = math.sqrt(2 * float(used.mean())) if len(used) else 1.0
    return scales


def balanced_scales(residual: Residual, fast: Mapping[str, float]) -> dict[str, float]:
    """√(S_m · S_m^slow): the factor by which each constraint's rows are divided in a fit.

    S_m alone, from the fast features, is right where the residual oscillates as fast as they do, and drowns a smooth
    residual, as a corner leaves it; S_m^slow alone, from a few slow features, lets errors on boundaries grow. The
    geometric mean costs neither more than a small factor.
    """
    probe = residual.carried_by(_probe(residual.model, residual.rows // 3))
    layer = LastLayer(probe)
    slow = row_scales(layer.rows(layer.zero()))
    return {name: math.sqrt(s * slow[name]) for name, s in fast.items()}


def judge(residual: Residual, scales: Mapping[str, float]) -> tuple[float, float, dict[str, float]]:
    """(estimated relative error, loss, residuals by constraint) of a model at a residual's points.

    The estimate is (|δ| + √Σ_m w_m (ρ_m / S_m)²) / |u|: root mean squares of the smooth correction δ, of what it leaves
    of each constraint, and of the fields. It ranks fields, and is usually above the error by up to two digits.

    Args:
        residual: at points that the model was not fitted to.
        scales: S_m, see :func:`row_scales`.
    """
    with torch.no_grad():
        r = residual()
        loss, rms = 0.5 * float(r @ r), residual.root_mean_squares(r)
        if not math.isfinite(loss):
            return math.inf, loss, rms
        smooth, left = _correction(residual, scales)
        estimate = (smooth + left) / (field_size(residual) or 1.0)
        return max(estimate, _unbalanced(residual, rms, scales)), loss, rms


def _unbalanced(residual: Residual, rms: Mapping[str, float], scales: Mapping[str, float]) -> float:
    """The largest residual beside the largest of zero fields, both over S_m, where it is more than half of it; else 0.

    Fields that grow without bound, as for equations that contradict each other, would look right beside their own size.
    """
    given: dict[str, float] = {}
    for s in residual.samples:
        zero = [x.new_zeros(len(q.channels), s.count, len(c.fields))
                for q, x, c in zip(s.group.requests, s.inputs, residual.model.carriers, strict=True)]
        values = s.bound(partial_columns(s.group, zero))
        given |= {c.name: float(torch.stack(values[places]).square().mean().sqrt()) for c, places in s.group.components()}
    largest = max((g / scales[name] for name, g in given.items() if math.isfinite(g)), default=0.0)
    left = max(rms[name] / scales[name] for name in given)
    return left / largest if left > UNBALANCED * largest > 0 else 0.0


def _correction(residual: Residual, scales: Mapping[str, float]) -> tuple[float, float]:
    """Root mean squares of δ, and of the rows that it leaves, in units of the fields."""
    probe = residual.carried_by(_probe(residual.model, residual.rows // 3))
    layer = LastLayer(probe)
    rows = layer.rows(jets_of(residual.model, residual))
    factors = row_factors(residual, row_scales(rows))
    matrix = torch.cat([x.matrix * factors[name] for name, x in rows.items()])
    target = torch.cat([-x.value * factors[name] for name, x in rows.items()])
    delta = ridge_solve(matrix, target, ridge=1e-10)
    layer.write(layer.split(delta))
    fine = row_factors(residual, scales)
    left = torch.cat([(x.value + x.matrix @ delta) * fine[name] for name, x in rows.items()])
    return field_size(probe), float(left.norm())


def _probe(model: Model, most: int) -> Model:
    """Slow features for each carrier of a model, on the box that its network knows or its inputs fill."""
    return Model({c.fields: Fourier(c.network.inputs, len(c.fields), max(1, min(PROBES, most)), PROBE_BAND,
                                    box=_box(c.network), dtype=model.reference.dtype, device=model.reference.device)
                  for c in model.carriers})


def _box(network: torch.nn.Module) -> Tensor | None:
    buffers = dict(network.named_buffers())
    if "centre" not in buffers:
        return None
    centre, half = buffers["centre"], buffers["half_width"]
    return torch.stack([centre - half, centre + half], dim=1)


def field_size(residual: Residual) -> float:
    """The root mean square of a model's fields at a residual's points."""
    values = [c.network(x).flatten() for s in residual.samples
              for c, x in zip(residual.model.carriers, s.inputs, strict=True) if len(x)]
    return float(torch.cat(values).square().mean().sqrt())


def row_factors(residual: Residual, scales: Mapping[str, float]) -> dict[str, float]:
    """The factor of each constraint's rows: √(w/n)/S."""
    counts = {c.name: (c.weight, s.count) for s in residual.samples for c, _ in s.group.components()}
    return {name: math.sqrt(w / n) / scales[name] for name, (w, n) in counts.items()}
