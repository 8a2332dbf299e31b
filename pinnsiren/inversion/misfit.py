"""How far a medium is from recorded data, with the fields eliminated by the discretised equation; its adjoint-state gradient.

    Φ(m) = ½ Σ_ω Σ_s ‖P u_s − d_s‖² / σ_ω²,   A_ω(m) u_s = f_s.

With the adjoint fields A^T λ_s = Pᵀ conj(P u_s − d_s) the gradient is ∂Φ/∂m = −Re Σ k² e_x e_y u_s λ_s: one more solve with the
same factors. With A^T G = Pᵀ, a column for each receiver, all rows of the Jacobian are −k² e_x e_y G_r u_s.
Reference: Plessix, Geophys. J. Int. 167 (2006), the adjoint-state method; Pratt, Shin & Hicks, Geophys. J. Int. 133 (1998).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from pinnsiren.surveys.survey import Survey
from pinnsiren.surveys.waves import Array, Complex, WaveGrid, Waves


@dataclass(frozen=True, eq=False)
class Solved:
    """One frequency's waves in some medium.

    Attributes:
        residual: (S, R), over the deviation.
        deviation: of the data's errors.
        fields: (N, S).
        waves: the equation, with its factors.
    """

    residual: Complex
    deviation: float
    fields: Complex
    waves: Waves


@dataclass(frozen=True, eq=False)
class Misfit:
    """Φ of squared slowness m at the nodes of a grid, in units of the noise.

    The waves of the last medium are kept: an inversion asks for the value where a step leads, then for the derivatives there.

    Args:
        survey: the data.
        grid: the one that inverts.
        frequencies: how many of the survey's, from the lowest; None for all.
    """

    survey: Survey
    grid: WaveGrid
    frequencies: int | None = None
    _last: list[tuple[Array, tuple[Solved, ...]]] = field(default_factory=list, init=False, repr=False)

    @property
    def count(self) -> int:
        """Real data: twice the complex ones."""
        return 2 * self.survey.data[:self.frequencies].size

    def value(self, squared_slowness: Array) -> float:
        """Φ; with the true medium it is expected to be half the number of complex data."""
        return 0.5 * sum(float(np.sum(np.abs(s.residual) ** 2)) for s in self.solved(squared_slowness))

    def gradient(self, squared_slowness: Array) -> tuple[float, Array]:
        """Φ and ∂Φ/∂m at the nodes, (N,): for each frequency one factorisation, and as many solves again as sources."""
        slope = np.zeros(len(squared_slowness))
        for s in self.solved(squared_slowness):
            adjoint = s.waves.solve(self._receivers.T @ s.residual.conj().T / s.deviation)
            slope -= np.real(s.waves.slope * np.sum(s.fields * adjoint, axis=1))
        return self.value(squared_slowness), slope

    def jacobian(self, squared_slowness: Array, columns: sparse.csr_matrix) -> tuple[Array, Array]:
        """The residual (count,) with Φ = ½‖r‖², and its derivatives (count, M) with respect to q where δm = columns · δq.

        Args:
            columns: (N, M).
        """
        residuals, rows, spread = [], [], sparse.csr_matrix(columns.T)
        for solved in self.solved(squared_slowness):
            waves = solved.waves
            green = waves.solve(self._receivers.T.toarray()) * (-waves.slope / solved.deviation)[:, None]
            for residual, u in zip(solved.residual, solved.fields.T, strict=True):
                row = (spread @ (green * u[:, None])).T
                rows += [row.real, row.imag]
                residuals += [residual.real, residual.imag]
        return np.concatenate(residuals), np.concatenate(rows)

    def solved(self, squared_slowness: Array) -> tuple[Solved, ...]:
        """The waves of each frequency in a medium m (N,)."""
        if not (self._last and np.array_equal(self._last[0][0], squared_slowness)):
            self._last[:] = [(squared_slowness.copy(), tuple(self._solved(squared_slowness)))]
        return self._last[0][1]

    @cached_property
    def _receivers(self) -> sparse.csr_matrix:
        return self.grid.interpolation(self.survey.acquisition.receivers)

    @cached_property
    def _sources(self) -> Array:
        return self.grid.sources(self.survey.acquisition.sources)

    def _solved(self, squared_slowness: Array) -> Iterator[Solved]:
        acquisition = self.survey.acquisition
        kept = slice(0, self.frequencies)
        for w, data, deviation in zip(acquisition.frequencies[kept], self.survey.data[kept], self.survey.deviations[kept],
                                      strict=True):
            waves = self.grid.waves(float(w), squared_slowness)
            fields = waves.solve(acquisition.driven(float(w)) * self._sources)
            yield Solved(((self._receivers @ fields).T - data) / deviation, float(deviation), fields, waves)
