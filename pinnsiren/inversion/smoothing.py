"""What an inversion adds to the misfit: the variation of q = log(c/c₀), by which media with few edges are preferred.

    V_p(q) = (1/p) ∫ ((|∇q|² + ε²)^{p/2} − ε^p) dx dy

is Tikhonov's smoothing for p = 2, the total variation for p = 1, and for p < 1 it prefers few sharp edges to several lesser
ones.
Reference: Rudin, Osher & Fatemi, Physica D 60 (1992); Portniaguine & Zhdanov, Geophysics 64 (1999), on p → 0.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from pinnsiren.errors import SolveError
from pinnsiren.inversion.unknown import Unknown
from pinnsiren.surveys.waves import Array


@dataclass(frozen=True)
class Variation:
    """V_p of q at the unknown nodes.

    Args:
        power: p, 0 < p ≤ 2.
        flat: ε > 0, |∇q| in the inverse unit of length below which a medium counts as smooth.

    Raises:
        SolveError: numbers outside these bounds.
    """

    power: float = 1.0
    flat: float = 0.5

    def __post_init__(self) -> None:
        if not (0 < self.power <= 2 and self.flat > 0):
            raise SolveError(f"{self}: expected 0 < power ≤ 2 (1: total variation, 2: Tikhonov's smoothing), flat > 0.")

    def value(self, unknown: Unknown, q: Array) -> float:
        """V_p, in the unit of length to the power 2 − p."""
        hx, hy = unknown.grid.spacing
        return float(np.sum(self._steepness(unknown, q) ** (self.power / 2) - self.flat**self.power)) * hx * hy / self.power

    def matrix(self, unknown: Unknown, q: Array) -> sparse.csr_matrix:
        """R, (M, M), positive semidefinite, with R q = ∂V/∂q; ½ pᵀR p + const lies above V and touches it at p = q.

        Reference: Vogel & Oman, Iterative methods for total variation denoising, SIAM J. Sci. Comput. 17 (1996).
        """
        hx, hy = unknown.grid.spacing
        weights = sparse.diags_array(hx * hy * self._steepness(unknown, q) ** (self.power / 2 - 1))
        return sparse.csr_matrix(sum(d.T @ weights @ d for d in unknown.differences))

    def _steepness(self, unknown: Unknown, q: Array) -> Array:
        dx, dy = (d @ q for d in unknown.differences)
        return np.asarray(dx**2 + dy**2 + self.flat**2)
