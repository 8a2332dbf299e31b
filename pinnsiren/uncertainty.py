"""How well unknown scalars are determined: their standard errors from the rows of the fit and the noise of the data.

With rows A (scaled as in the fit) the estimate is p = A⁺b. Noise of standard deviation σ_i in the rows of measured data,
and none in those of the equations, gives Var p_k = Σ_i (A⁺_ki σ_i)²: the covariance of Gauss–Newton where only data are
noisy. Around a nonlinear solution A is the Jacobian there.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from pinnsiren.domains import PointSet
from pinnsiren.last_layer import LastLayer, jets_of
from pinnsiren.model import Model
from pinnsiren.networks import LinearOutput
from pinnsiren.residual import Residual
from pinnsiren.symbols import Field

RIDGE = 1e-12  # of a column's length: far below any direction that the data determine


def standard_errors(residual: Residual, factors: Mapping[str, float]) -> dict[Field, float]:
    """The standard error of every unknown scalar that a model carries, in the unit of the scalar.

    The noise of each data set is estimated from what the fit leaves of it, with the degrees of freedom that it uses up.
    Without data sets, all constraints count as noisy.

    Args:
        residual: of the fitted model, with all data.
        factors: by which the fit scaled each constraint's rows.
    """
    places = _scalar_places(residual.model)
    blocks = _rows(residual)
    measured = [c.name for s in residual.samples for c, _ in s.group.components() if isinstance(c.region, PointSet)]
    matrix = torch.cat([a * factors[name] for name, (_, a) in blocks.items()])
    lengths = matrix.norm(dim=0).clamp_min(torch.finfo(matrix.dtype).tiny)
    scaled = matrix / lengths
    stacked = torch.cat([scaled, RIDGE * torch.eye(scaled.shape[1], dtype=scaled.dtype, device=scaled.device)])
    factor = torch.linalg.qr(stacked, mode="r").R
    q = torch.linalg.solve_triangular(factor, scaled, upper=True, left=False)
    variance = {field: 0.0 for field in places}
    start = 0
    for name, (r, a) in blocks.items():
        rows = q[start:start + len(a)]
        start += len(a)
        if name in measured or not measured:
            used = float(rows.square().sum())
            noise = factors[name] ** 2 * float(r.square().sum()) / max(1.0, len(r) - used)
            for field, k in places.items():
                unit = torch.zeros(scaled.shape[1], 1, dtype=scaled.dtype, device=scaled.device)
                unit[k] = 1 / lengths[k]
                weights = rows @ torch.linalg.solve_triangular(factor.T, unit, upper=False)
                variance[field] += noise * float(weights.square().sum())
    return {field: math.sqrt(v) for field, v in variance.items()}


def _rows(residual: Residual) -> dict[str, tuple[Tensor, Tensor]]:
    """Each constraint's values (n,) and rows (n, P), unscaled: of the output layers, or of all parameters."""
    model = residual.model
    if all(isinstance(c.network, LinearOutput) for c in model.carriers):
        return {name: (rows.value, rows.matrix) for name, rows in LastLayer(residual).rows(jets_of(model, residual)).items()}
    r, jacobian = residual.jacobian()
    weights = {c.name: math.sqrt(c.weight / s.count) for s in residual.samples for c, _ in s.group.components()}
    return {name: (r[block] / weights[name], jacobian[block] / weights[name]) for name, block in residual.blocks.items()}


def _scalar_places(model: Model) -> dict[Field, int]:
    """The column of every unknown scalar among the unknowns of :func:`_rows`."""
    linear = all(isinstance(c.network, LinearOutput) for c in model.carriers)
    places: dict[Field, int] = {}
    start = 0
    for c in model.carriers:
        if linear and isinstance(c.network, LinearOutput):
            width = c.network.output.in_features + 1
            if not c.coordinates:
                places |= {f: start + (i + 1) * width - 1 for i, f in enumerate(c.fields)}  # its bias
            start += len(c.fields) * width
        else:
            count = sum(p.numel() for p in c.network.parameters())
            if not c.coordinates:
                places |= {f: start + count - len(c.fields) + i for i, f in enumerate(c.fields)}
            start += count
    return places
