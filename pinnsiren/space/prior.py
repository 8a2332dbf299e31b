"""What the last layers of generated networks lack: a normal prior that a family teaches, and its mean given some equations.

The last layer of a generated network is linear, u = (c + δ)·h(x). Over a family let δ ~ N(0, Σ), and let every equation hold
but for noise: with residuals C_i and their slopes M_i in the coefficients (all of them where an equation is linear),

    A δ = b + ε,    A = √w M,    b = −√w C,    ε ~ N(0, σ²).

What is expected of δ is then one small linear solve, E[δ | b] = Σ Aᵀ (A Σ Aᵀ + σ²)⁻¹ b: of a Gaussian process whose mean is the
generated field and whose covariance is h(x)ᵀ Σ h(x'). Without equations it is 0, and without noise all equations hold that can.

Σ and σ² maximise the likelihood of b over members of the family, by expectation and maximisation (empirical Bayes).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnsiren.last_layer import LastLayer
from pinnsiren.model import set_parameters
from pinnsiren.networks.encoders import Seen
from pinnsiren.space.context import context
from pinnsiren.space.family import POINTS, Columns, Family
from pinnsiren.space.generator import Generator

STEPS = 12  # of expectation and maximisation; with 30 photographs were worse from few pixels (0.105 for 0.093 from ten)


@dataclass(frozen=True, eq=False)
class Prior:
    """δ ~ N(0, Σ) and ε ~ N(0, σ²).

    Args:
        covariance: Σ, (K, K) float64, of all outputs' coefficients, each output's bias after its weights; in the unit of the
            fields squared. Outputs are independent.
        noise: σ², in the unit of √w C squared, > 0.
    """

    covariance: Tensor
    noise: float

    def mean(self, matrix: Tensor, target: Tensor) -> Tensor:
        """E[δ | b], (K,), for A (R, K) and b (R,).

        σ² is enlarged by 1 + K/R: where equations are fewer than coefficients the answer leans on Σ, which is itself an
        estimate, and on noise without correlations, which what no last layer can follow is not. Photographs gain 6 % by it
        from ten pixels.
        With Σ = L Lᵀ it is L z for the least squares of A L z = b and σ z = 0: the digits of A are not lost to its square.
        """
        if len(target) == 0:
            return target.new_zeros(len(self.covariance))
        root = torch.linalg.cholesky(self.covariance.to(matrix.device))
        noise = self.noise * (1 + len(root) / len(target))
        stacked = torch.cat([matrix @ root, noise**0.5 * torch.eye(len(root)).to(root)])
        return root @ torch.linalg.lstsq(stacked, torch.cat([target, target.new_zeros(len(root))])[:, None]).solution[:, 0]

    def record(self) -> dict[str, Any]:
        """As plain values."""
        return {"covariance": self.covariance.cpu().numpy(), "noise": self.noise}

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Prior":
        """Of what :meth:`record` gave."""
        return cls(torch.as_tensor(np.asarray(record["covariance"])), float(record["noise"]))


def system(layer: LastLayer) -> tuple[Tensor, Tensor]:
    """A (R, K) and b (R,) of a model's last layer at a residual's points, float64; around its own fields."""
    rows, weights = layer.rows(layer.jets(layer.coefficients())), layer.residual.weights
    matrix = torch.cat([weights[name] ** 0.5 * r.matrix for name, r in rows.items()])
    return matrix.double(), -torch.cat([weights[name] ** 0.5 * r.value for name, r in rows.items()]).double()


@torch.no_grad()
def learned(generator: Generator, family: Family, instances: int, numbers: tuple[int, int] | None, seed: int) -> Prior:
    """The prior of a family's first instances, at what the generator makes of a random part of each.

    Args:
        numbers: (fewest, most) points that an encoder sees.
    """
    network = generator.network(generator.hypernetwork(generator.like.new_zeros(1, generator.hypernetwork.latent))[0])
    residual, random = family.residual(network), torch.Generator().manual_seed(seed)
    layer, found = LastLayer(residual), []
    for number in range(instances):
        member = family.member(number, residual)
        latent = (generator.table[number:number + 1] if generator.table is not None else
                  generator.encoded(Seen.of([context(member.places, member.values, numbers, random)])))
        set_parameters(network, generator.hypernetwork(latent)[0])
        layer = LastLayer(residual.placed([_some(c, random) for c in member.columns]), layer.linearisations)
        found.append(Moments.of(*system(layer)))
    return fitted(found, [own.shape[1] for own in layer.coefficients() for _ in own])


def _some(columns: Columns, random: torch.Generator) -> Columns:
    """At most as many points as are sampled where nobody says how many."""
    rows = torch.randperm(len(next(iter(columns.values()))), generator=random)[:POINTS]
    return {symbol: values[rows.to(values.device)] for symbol, values in columns.items()}


@dataclass(frozen=True, eq=False)
class Moments:
    """What the likelihood needs of one instance: AᵀA (K, K), Aᵀb (K,), ‖b‖² and how many rows there are."""

    square: Tensor
    product: Tensor
    length: float
    rows: int

    @classmethod
    def of(cls, matrix: Tensor, target: Tensor) -> "Moments":
        return cls(matrix.T @ matrix, matrix.T @ target, float(target.square().sum()), len(target))


def fitted(found: Sequence[Moments], widths: Sequence[int]) -> Prior:
    """The prior under which what was found of some instances is likeliest.

    Args:
        widths: how many coefficients each output has: covariances between two outputs are left 0.
    """
    squares, products = torch.stack([m.square for m in found]), torch.stack([m.product for m in found])
    length, rows = sum(m.length for m in found), sum(m.rows for m in found)
    eye = torch.eye(len(products[0]), dtype=products.dtype, device=products.device)
    blocks = torch.block_diag(*[eye.new_ones(w, w) for w in widths])
    coupled = bool((squares * (1 - blocks)).any())
    ends = [0, len(eye)] if coupled else [0, *accumulate(widths)]
    places = [slice(a, b) for a, b in pairwise(ends)]
    noise = length / rows
    covariance = noise * rows / float(squares.diagonal(dim1=1, dim2=2).sum()) * len(eye) * eye
    for _ in range(STEPS):
        spread = _inverse(squares / noise + _inverse(covariance, places), places)
        means = (spread @ products[..., None])[..., 0] / noise
        left = length - 2 * (means * products).sum() + torch.einsum("ik,ikl,il->", means, squares, means)
        noise = float(left + (spread * squares).sum()) / rows
        covariance = blocks * (means.T @ means + spread.sum(0)) / len(found)
    return Prior(covariance, noise)


def _inverse(matrix: Tensor, places: Sequence[slice]) -> Tensor:
    """The inverse (…, K, K) of matrices with nothing but blocks on the diagonal."""
    found = torch.zeros_like(matrix)
    for p in places:
        found[..., p, p] = torch.linalg.inv(matrix[..., p, p])
    return found
