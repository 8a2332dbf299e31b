"""First arrivals as a reference: the eikonal equation |∇T| = s by fast sweeping and second-order upwind differences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from pinnsiren.errors import ReferenceError
from pinnsiren.gridded import Evaluation, Table
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Field
from pinnsiren.validation.eikonal.equation import Eikonal, eikonal_of
from pinnsiren.validation.eikonal.sources import Source, sources_of
from pinnsiren.validation.eikonal.sweeping import Lattice, first_arrivals
from pinnsiren.validation.eikonal.upwind import refined_arrivals
from pinnsiren.validation.finite_difference.refinement import estimated_error
from pinnsiren.validation.reference import Array, Reference, ReferenceSolution, in_order

CELLS = {1: (100, 400, 1600), 2: (50, 100, 200, 400), 3: (24, 48)}
LEAST = 16  # cells, so that the coarsest of three grids has nodes that are not around the source
SECONDS = {1: 1e-5, 2: 2e-5, 3: 4e-5}  # a node, all three grids together
FASTEST = 1 / 3  # ratio of successive differences to believe: 1/4 where T is smooth, 1/2 where waves meet
EARLY = 2.0  # cells' worth of time: by how much the first-order sweeps may be early


@dataclass(frozen=True)
class FastSweeping(Reference):
    """First arrivals T of |∇T| = s(x), however it is written, in 1 to 3 dimensions.

    T is given at points, on sides of the box, or constant on curves and surfaces; where several waves meet, the first one
    counts, and rays stay in the box. The order is 2 where T is smooth, and at a point source, which is factored out; near
    corners of a curved source and where waves meet it is lower.

    Args:
        cells: along each coordinate, at least 16; None tries more and more.

    Raises:
        ReferenceError: too few cells.
    """

    cells: int | None = None

    def __post_init__(self) -> None:
        if self.cells is not None and self.cells < LEAST:
            raise ReferenceError(f"FastSweeping(cells={self.cells}) is too coarse to estimate its own error; expected at "
                                 f"least {LEAST} cells.")

    def unfit(self, problem: Problem) -> str | None:
        try:
            eikonal_of(problem)
        except ReferenceError as error:
            return str(error)
        return None

    def refinements(self, problem: Problem) -> Iterator[Reference]:
        for cells in CELLS[len(problem.coordinates)] if self.cells is None else (self.cells,):
            yield FastSweeping(cells)

    def cost(self, problem: Problem) -> float:
        dimension = len(problem.coordinates)
        return 0.2 + SECONDS[dimension] * float(self._decided()) ** dimension

    def compute(self, problem: Problem, points: Points) -> ReferenceSolution:
        """Arrivals on grids with cells, cells/2 and cells/4."""
        cells = self._decided()
        eikonal = eikonal_of(problem)
        sources = sources_of(eikonal, problem.coordinates)
        grids = [_Arrivals(eikonal, sources, problem.coordinates, n) for n in (cells, cells // 2, cells // 4)]
        at = in_order(points, problem)
        fine, middle, coarse = (g.at(at) for g in grids)
        size = float(np.sqrt(np.mean(fine**2))) or 1.0
        blurred = max(s.blur for s in sources) * grids[0].slowest / size
        error = estimated_error(fine, middle, coarse, fastest=FASTEST) + blurred + float(np.finfo(float).eps)

        def values(field: Field, at: Points) -> Array:
            return grids[0].at(in_order(at, problem))

        across = " × ".join([str(cells)] * len(problem.coordinates))
        return ReferenceSolution(f"fast sweeping of second order on {across} cells", {eikonal.field: error}, values)

    def _decided(self) -> int:
        if self.cells is None:
            raise ReferenceError(f"{self} leaves open what to compute; take one of its refinements(problem).")
        return self.cells


@dataclass(frozen=True, eq=False)
class _Arrivals:
    """The arrivals from every source on one grid, as splines of what is smooth of them."""

    problem: Eikonal
    sources: tuple[Source, ...]
    coordinates: tuple[sympy.Symbol, ...]
    cells: int

    @cached_property
    def lattice(self) -> Lattice:
        domain = self.problem.domain
        bounds = domain.bounds[[domain.coordinates.index(c) for c in self.coordinates]]
        return Lattice(tuple(np.linspace(a, b, self.cells + 1) for a, b in bounds))

    @cached_property
    def outside(self) -> Array:
        """(N,) nodes outside the domain."""
        domain = self.problem.domain
        order = [self.coordinates.index(c) for c in domain.coordinates]
        return domain.sides(self.lattice.places[:, order], 1e-9 * domain.size) > 0

    @cached_property
    def slowness(self) -> Array:
        """(N,) at the nodes; the largest outside the domain, where nothing is asked."""
        slow = np.zeros(len(self.lattice.places))
        slow[~self.outside] = self._slowness(self.lattice.places[~self.outside])
        return np.where(self.outside, slow.max(), slow)

    @property
    def slowest(self) -> float:
        return float(self.slowness.max())

    def _slowness(self, places: Array) -> Array:
        return self.problem.slowness(Points(self.coordinates, places))

    @property
    def bend(self) -> float:
        """The largest curvature |∇s|/s that a ray may have, per length."""
        s = self.slowness.reshape(self.lattice.shape)
        slopes = [np.diff(s, axis=k) / h for k, h in enumerate(self.lattice.spacing)]
        return float(np.sqrt(sum(np.abs(g).max() ** 2 for g in slopes)) / s.min())

    @cached_property
    def waves(self) -> tuple["_Wave", ...]:
        """From each point source its own wave, and from all curves and surfaces together another one.

        Raises:
            ReferenceError: waves arrive at a source before T is as given there.
        """
        starts = {s: s.start(self.lattice, self._slowness, outside=self.outside, bend=self.bend) for s in self.sources}
        spread = [s for s in self.sources if not s.is_point]
        groups = [[s] for s in self.sources if s.is_point] + ([spread] if spread else [])
        waves = [self._wave(group, np.min([starts[s] for s in group], axis=0)) for group in groups]
        earliest = np.min([w.arrivals for w in waves], axis=0)
        for source, start in starts.items():
            early = np.isfinite(start) & (earliest < start - EARLY * self.slowness * max(self.lattice.spacing))
            if early.any():
                place = self.lattice.places[np.argmax(early)].round(6).tolist()
                raise ReferenceError(f"'{source.given.name}' gives {self.problem.field.name} = {start[early][0]:.4g} near "
                                     f"{place}, where waves from elsewhere arrive at {earliest[early][0]:.4g} already; first "
                                     "arrivals are not as given there.")
        return tuple(waves)

    def _wave(self, sources: Sequence[Source], start: Array) -> "_Wave":
        source, lowest = sources[0], min(float(s.values.min()) for s in sources)
        zero = lowest if source.is_point else 0.0
        factor = source.factor(self.lattice.places, self._slowness)
        rough = first_arrivals(self.lattice, self.slowness, start - zero)
        smooth, arrivals = refined_arrivals(self.lattice, self.slowness, rough, known=np.isfinite(start), factor=factor)
        if not source.is_point:
            # beyond a curve that bounds the domain T goes on falling, lest the spline has a kink there
            smooth = np.where(self.outside, 2 * lowest - smooth, smooth)
        table = Table("arrivals", self.lattice.axes, smooth.reshape(self.lattice.shape))
        return _Wave(source, zero, arrivals + zero, Evaluation(table, (0,) * len(self.coordinates)))

    def at(self, places: Array) -> Array:
        """First arrivals (n,) at places (n, d)."""
        found = [w.zero + w.source.factor(places, self._slowness).values * w.smooth(*places.T) for w in self.waves]
        return np.asarray(np.min(found, axis=0))


@dataclass(frozen=True, eq=False)
class _Wave:
    """T = zero + T₀τ from one source, or several curves and surfaces.

    Attributes:
        arrivals: (N,) T at the nodes.
        smooth: the spline of τ.
    """

    source: Source
    zero: float
    arrivals: Array
    smooth: Evaluation
