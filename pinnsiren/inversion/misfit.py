"""How far a medium is from recorded data, with the fields eliminated by the discretised equation; its adjoint-state gradient.

    Φ(m) = ½ Σ_ω Σ_s ‖P u_s − d_s‖² / σ_ω²,   A_ω(m) u_s = f_s.

With the adjoint fields A^T λ_s = Pᵀ conj(P u_s − d_s) the gradient is ∂Φ/∂m = −Re Σ k² e_x e_y u_s λ_s: one more solve with the
same factors. With A^T G = Pᵀ, a column for each receiver, all rows of the Jacobian are −k² e_x e_y G_r u_s.
Reference: Plessix, Geophys. J. Int. 167 (2006), the adjoint-state method; Pratt, Shin & Hicks, Geophys. J. Int. 133 (1998).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from pinnsiren.surveys.survey import Survey
from pinnsiren.surveys.waves import Array, Complex, WaveGrid, Waves


@dataclass(frozen=True, eq=False)
class Misfit:
    """Φ of squared slowness m at the nodes of a grid, in units of the noise.

    Args:
        survey: the data.
        grid: the one that inverts.
        frequencies: how many of the survey's, from the lowest; None for all.
    """

    survey: Survey
    grid: WaveGrid
    frequencies: int | None = None

    @property
    def count(self) -> int:
        """Real data: twice the complex ones."""
        return 2 * self.survey.data[:self.frequencies].size

    def value(self, squared_slowness: Array) -> float:
        """Φ; with the true medium it is expected to be half the number of complex data."""
        return 0.5 * sum(float(np.sum(np.abs(r) ** 2)) for r, *_ in self._states(squared_slowness))

    def gradient(self, squared_slowness: Array) -> tuple[float, Array]:
        """Φ and ∂Φ/∂m at the nodes, (N,): for each frequency one factorisation, and as many solves again as sources."""
        value, slope = 0.0, np.zeros(len(squared_slowness))
        for residual, deviation, fields, waves in self._states(squared_slowness):
            adjoint = waves.solve(self._receivers.T @ residual.conj().T / deviation)
            value += 0.5 * float(np.sum(np.abs(residual) ** 2))
            slope -= np.real(waves.slope * np.sum(fields * adjoint, axis=1))
        return value, slope

    def jacobian(self, squared_slowness: Array, columns: sparse.csr_matrix) -> tuple[Array, Array]:
        """The residual (count,) with Φ = ½‖r‖², and its derivatives (count, M) with respect to q where δm = columns · δq.

        Args:
            columns: (N, M).
        """
        residuals, rows, spread = [], [], sparse.csr_matrix(columns.T)
        for residual, deviation, fields, waves in self._states(squared_slowness):
            green = waves.solve(self._receivers.T.toarray()) * (-waves.slope / deviation)[:, None]
            for s in range(fields.shape[1]):
                row = (spread @ (green * fields[:, s, None])).T
                rows += [row.real, row.imag]
                residuals += [residual[s].real, residual[s].imag]
        return np.concatenate(residuals), np.concatenate(rows)

    @cached_property
    def _receivers(self) -> sparse.csr_matrix:
        return self.grid.interpolation(self.survey.acquisition.receivers)

    @cached_property
    def _sources(self) -> Array:
        return self.grid.sources(self.survey.acquisition.sources)

    def _states(self, squared_slowness: Array) -> Iterator[tuple[Complex, float, Complex, Waves]]:
        """For each frequency the residual (S, R) over its deviation, the deviation, the fields (N, S), and the equation."""
        acquisition = self.survey.acquisition
        kept = slice(0, self.frequencies)
        for w, data, deviation in zip(acquisition.frequencies[kept], self.survey.data[kept], self.survey.deviations[kept],
                                      strict=True):
            waves = self.grid.waves(float(w), squared_slowness)
            fields = waves.solve(acquisition.driven(float(w)) * self._sources)
            yield ((self._receivers @ fields).T - data) / deviation, float(deviation), fields, waves
