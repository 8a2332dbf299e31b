"""Unknown scalars after a solve: their values and standard errors, with the equations exact and the data noisy.

With rows A and the scaling of the fit the estimate is p = A⁺b. Noise of standard deviation σ_i in the rows of measured data,
and none in those of the equations, gives Var p_k = Σ_i (A⁺_ki σ_i)²: the covariance of Gauss–Newton where only data are
noisy. Around a nonlinear solution A is the Jacobian there.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from pinnsiren.last_layer import LastLayer, Rows, jets_of, linear_outputs, unknowns
from pinnsiren.model import Model
from pinnsiren.networks import LinearOutput
from pinnsiren.solvers.estimate import balanced_scales, measured, row_factors, row_scales
from pinnsiren.solvers.output_layer import FIRM
from pinnsiren.solvers.task import Task
from pinnsiren.symbols import Field

RIDGE = 1e-12  # of a column's length: far below any direction that the data determine
SEED = 31


def identified(task: Task, model: Model) -> dict[Field, tuple[float, float]]:
    """The value and the standard error of every unknown scalar.

    For networks without a linear output, whose rows these are not, standard errors are NaN.
    """
    scalars = [c for c in model.carriers if not c.coordinates]
    if not all(isinstance(c.network, LinearOutput) for c in model.carriers):
        return {f: (float(v), math.nan) for c in scalars for f, v in zip(c.fields, _values(c.network), strict=True)}
    points = task.points_for(max(map(unknowns, linear_outputs(model))))
    residual = task.residual(model, points, seed=SEED)
    noisy = measured(residual)
    rows = LastLayer(residual).rows(jets_of(model, residual))
    factors = {name: f if name in noisy or not noisy else FIRM * f
               for name, f in row_factors(residual, balanced_scales(residual, row_scales(rows))).items()}
    errors = standard_errors(model, rows, factors, noisy)
    return {f: (float(v), errors[f]) for c in scalars for f, v in zip(c.fields, _values(c.network), strict=True)}


def standard_errors(model: Model, rows: Mapping[str, Rows], factors: Mapping[str, float],
                    noisy: frozenset[str]) -> dict[Field, float]:
    """The standard error of every unknown scalar, in its own unit.

    The noise of each data set is estimated from what the fit leaves of it, with the degrees of freedom that it uses up.

    Args:
        rows: of a model's output layer at its own fields.
        factors: by which the fit multiplied each constraint's rows.
        noisy: the constraints with measured data; where there are none, all count as noisy.
    """
    places = _places(model)
    matrix = torch.cat([x.matrix * factors[name] for name, x in rows.items()])
    lengths = matrix.norm(dim=0).clamp_min(torch.finfo(matrix.dtype).tiny)
    scaled = matrix / lengths
    ridge = RIDGE * torch.eye(scaled.shape[1], dtype=scaled.dtype, device=scaled.device)
    triangle = torch.linalg.qr(torch.cat([scaled, ridge]), mode="r").R
    orthogonal = torch.linalg.solve_triangular(triangle, scaled, upper=True, left=False)
    units = scaled.new_zeros(scaled.shape[1], len(places))
    for i, k in enumerate(places.values()):
        units[k, i] = 1 / lengths[k]
    directions = torch.linalg.solve_triangular(triangle.T, units, upper=False)
    variances, start = scaled.new_zeros(len(places)), 0
    for name, x in rows.items():
        own = orthogonal[start:start + len(x.matrix)]
        start += len(x.matrix)
        if name in noisy or not noisy:
            free = max(1.0, len(own) - float(own.square().sum()))
            noise = factors[name] ** 2 * float(x.value.square().sum()) / free
            variances += noise * (own @ directions).square().sum(dim=0)
    return dict(zip(places, variances.sqrt().tolist(), strict=True))


def _values(network: torch.nn.Module) -> Tensor:
    assert isinstance(network, LinearOutput)
    bias: Tensor = network.output.bias.detach()
    return bias


def _places(model: Model) -> dict[Field, int]:
    """The column of every unknown scalar among the output layer's unknowns: its bias."""
    places: dict[Field, int] = {}
    start = 0
    for c, network in zip(model.carriers, linear_outputs(model), strict=True):
        width = unknowns(network) + 1
        if not c.coordinates:
            places |= {f: start + (i + 1) * width - 1 for i, f in enumerate(c.fields)}
        start += len(c.fields) * width
    return places
