"""Points on pieces of space: equal-measure charts of the unit cube, filled at random, by Sobol's sequence or a grid.

A piece of measure μ and dimension m is the image of [0, 1]^m under a map that takes equal volumes to equal measures.
So one set of points of the unit cube serves interiors, faces, circles and spheres alike, and a random, a
quasi-random and a regular sample differ only there.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray
from scipy.stats import qmc

from pinnsiren.errors import DataError, DomainError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

METHODS = ("uniform", "sobol", "grid", "edges")
_SOBOL_BITS = 30
_MOST_IN_A_BATCH = 2**18  # trial points held at once: 2 MB a coordinate
_MOST_TRIALS = 2**26  # trial points for one piece, some ten seconds: beyond, the region is described too loosely


@dataclass(frozen=True, eq=False)
class Points:
    """Points of a region with what travels with them.

    Args:
        coordinates: d symbols, the order of the columns.
        values: (n, d) float64, in the coordinates' units.
        normals: (n, d) outward unit normals where the region is a boundary, else None.
        data: a column (n,) for each Data symbol.

    Raises:
        DataError: shapes that do not agree.
    """

    coordinates: tuple[sympy.Symbol, ...]
    values: Array
    normals: Array | None = None
    data: Mapping[sympy.Symbol, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = as_points(self.values, self.coordinates)
        object.__setattr__(self, "values", values)
        if self.normals is not None and np.shape(self.normals) != values.shape:
            raise DataError(f"normals have shape {np.shape(self.normals)}, the points {values.shape}; "
                            "give one for each point.")
        for symbol, column in self.data.items():
            if np.shape(column) != (len(values),):
                raise DataError(f"data column {symbol} has shape {np.shape(column)}; expected ({len(values)},).")

    def __len__(self) -> int:
        return len(self.values)

    def subset(self, chosen: Mask) -> "Points":
        """Some of the points: (n,) bool."""
        return Points(self.coordinates, self.values[chosen], None if self.normals is None else self.normals[chosen],
                      {symbol: column[chosen] for symbol, column in self.data.items()})


@dataclass(frozen=True, eq=False)
class Flat:
    """A piece that lies in the plane coordinate = value; ``covers(points, tolerance)`` tells which points are on it."""

    coordinate: sympy.Symbol
    value: float
    covers: Callable[[Array, float], Mask]


@dataclass(frozen=True, eq=False)
class Chart:
    """An equal-measure map from the unit cube [0, 1]^m to a piece of a region.

    Args:
        dimension: m; 0 for a single point.
        measure: length, area, volume … of the whole piece; 1 for a point.
        place: unit points (n, m) to points (n, d) and their outward unit normals (n, d), None inside a domain.
        keep: which of these points belong to the region, where it is only a part of the piece.
        flat: the coordinate plane that holds the piece, if one does.
    """

    dimension: int
    measure: float
    place: Callable[[Array], tuple[Array, Array | None]]
    keep: Callable[[Array, Array | None], Mask] | None = None
    flat: Flat | None = None

    def only(self, condition: Callable[[Array, Array | None], Mask]) -> "Chart":
        """The part of the piece where a condition on (points, normals) holds too."""
        earlier = self.keep
        if earlier is None:
            return replace(self, keep=condition)
        return replace(self, keep=lambda points, normals: earlier(points, normals) & condition(points, normals))

    def flipped(self) -> "Chart":
        """The same piece seen from its other side: normals reversed."""
        place, keep = self.place, self.keep

        def placed(unit: Array) -> tuple[Array, Array | None]:
            points, normals = place(unit)
            return points, _reversed(normals)

        return replace(self, place=placed,
                       keep=None if keep is None else lambda points, normals: keep(points, _reversed(normals)))

    def accepted(self, unit: Array) -> tuple[Array, Array | None]:
        """The images of unit points (n, m), without those that ``keep`` refuses."""
        points, normals = self.place(unit)
        if self.keep is None:
            return points, normals
        kept = self.keep(points, normals)
        return points[kept], None if normals is None else normals[kept]


def as_points(points: ArrayLike, coordinates: Sequence[sympy.Symbol]) -> Array:
    """Points as a float64 array (n, d), one column for each coordinate.

    Raises:
        DataError: another shape, or values that are not real numbers.
    """
    try:
        values = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"points are not an array of real numbers ({error}); "
                        f"give (n, {len(coordinates)}) floats.") from None
    if values.ndim != 2 or values.shape[1] != len(coordinates):
        raise DataError(f"points have shape {values.shape}; expected (n, {len(coordinates)}): "
                        f"one column for each of {tuple(coordinates)}.")
    return values


def check_request(n: int, seed: int, method: str) -> None:
    """Refuse a sample that cannot be drawn: n < 1, a seed that is not a natural number, an unknown method."""
    for name, value, least in (("n", n, 1), ("seed", seed, 0)):
        try:
            natural = operator.index(value)
        except TypeError:
            natural = -1
        if natural < least:
            raise DomainError(f"sample(n, seed): {name} is {value!r}; give a whole number of at least {least}.")
    if method not in METHODS:
        raise DomainError(f"sampling method {method!r} is not known; choose one of {', '.join(map(repr, METHODS))}.")


def unit_points(n: int, dimension: int, *, seed: int | Sequence[int] = 0, method: str = "sobol") -> Array:
    """n points of the open unit cube.

    ``"uniform"``: independent and uniform. ``"sobol"``: Sobol's sequence with Owen's scrambling (better than 1/√n
    for smooth integrands). ``"grid"``: the midpoints of k^m equal cells; when n is no such power, n of the next
    larger grid's, evenly spread. ``"edges"``: Sobol's sequence with half of the points moved to (1 − cos πu)/2, as close to the
    faces of the cube as Chebyshev's points: between the last even point and a face, sums of sines may do anything.

    Returns:
        (n, dimension) float64. A longer sample of the same seed continues a shorter one, except for a grid.
    """
    if method == "grid" and dimension:
        cells = _cells(n, dimension)
        if cells**dimension >= 2**63:
            raise DomainError(f"a grid in {dimension} dimensions has too many cells to count; use method 'sobol'.")
        return _midpoints(_thinned(cells**dimension, n), cells, dimension)
    size = 1 << (n - 1).bit_length()
    return next(_batches(dimension, seed, method, size))[:n]


def allot(n: int, shares: Array, seed: int = 0) -> NDArray[np.int64]:
    """Split n points over pieces in proportion to their shares, with at least one for each positive share.

    With fewer points than pieces, systematic sampling with a seeded start chooses among them, so that no piece is
    left out for every seed.

    Args:
        shares: (k,) not negative, not all zero.
    Returns:
        (k,) counts that sum to n.
    """
    counts = np.zeros(len(shares), dtype=np.int64)
    pieces = np.flatnonzero(shares > 0)
    ideal = n * shares[pieces] / shares.sum()
    if n < len(pieces):
        ends = np.floor(np.cumsum(ideal) + np.random.default_rng(seed).random()).astype(np.int64)
        ends[-1] = n  # which rounding may miss
        counts[pieces] = np.diff(ends, prepend=0)
        return counts
    given = np.maximum(np.floor(ideal).astype(np.int64), 1)
    while given.sum() < n:
        given[np.argmax(ideal - given)] += 1
    while given.sum() > n:
        given[np.argmax(np.where(given > 1, given - ideal, -np.inf))] -= 1
    counts[pieces] = given
    return counts


def accepted_fraction(chart: Chart, trials: int) -> float:
    """Which part of a piece its ``keep`` accepts, from Sobol points: to about 1/trials^¾, and 1 exactly without it."""
    if chart.keep is None:
        return 1.0
    trials = trials if chart.dimension else 1
    return len(chart.accepted(unit_points(trials, chart.dimension))[0]) / trials


def draw(chart: Chart, n: int, fraction: float, *,
         seed: int | Sequence[int], method: str) -> tuple[Array, Array | None]:
    """Exactly n points of a piece and their normals, by rejection where only a part of it belongs to the region.

    Args:
        fraction: about which part is accepted, positive: sets how many trials are made at once.
    Raises:
        DomainError: so little is accepted that n points were not found.
    """
    if chart.keep is None:
        return chart.place(unit_points(n, chart.dimension, seed=seed, method=method))
    if method == "grid" and chart.dimension:
        return _draw_grid(chart, n, fraction)
    wanted = int(1.1 * n / fraction) + 16
    size = min(1 << (wanted - 1).bit_length(), _MOST_IN_A_BATCH)
    points: list[Array] = []
    normals: list[Array] = []
    found = tried = 0
    for unit in _batches(chart.dimension, seed, method, size):
        some, their_normals = chart.accepted(unit)
        points.append(some)
        normals.extend([] if their_normals is None else [their_normals])
        found, tried = found + len(some), tried + size
        if found >= n:
            break
        if tried >= _MOST_TRIALS:
            raise DomainError(f"only {found} of {n} points were found in {tried} trials: the region is a tiny part "
                              "of the domain; describe it by a smaller domain, or ask for fewer points.")
    return np.concatenate(points)[:n], np.concatenate(normals)[:n] if normals else None


def _draw_grid(chart: Chart, n: int, fraction: float) -> tuple[Array, Array | None]:
    cells = _cells(max(n, int(n / fraction)), chart.dimension)
    while cells**chart.dimension <= _MOST_TRIALS:
        every = _midpoints(np.arange(cells**chart.dimension), cells, chart.dimension)
        points, normals = chart.accepted(every)
        if len(points) >= n:
            chosen = _thinned(len(points), n)
            return points[chosen], None if normals is None else normals[chosen]
        cells += 1 + cells // 16
    raise DomainError(f"a grid with {n} accepted points needs more than {_MOST_TRIALS} cells; use method 'sobol'.")


def _batches(dimension: int, seed: int | Sequence[int], method: str, size: int) -> Iterator[Array]:
    """Endless unit points, ``size`` (a power of two, which Sobol's balance asks for) at a time."""
    generator = np.random.default_rng(seed)
    sobol = None
    if method in ("sobol", "edges") and dimension:
        sobol = qmc.Sobol(dimension + (method == "edges"), scramble=True, bits=_SOBOL_BITS, rng=generator)
    while True:
        if sobol is not None:
            unit = sobol.random(size) + 0.5**(_SOBOL_BITS + 1)  # centres of the sequence's cells: never 0
            yield _towards_edges(unit) if method == "edges" else unit
        else:
            yield np.maximum(generator.random((size, dimension)), 0.5**54)


def _towards_edges(unit: Array) -> Array:
    """The points moved towards the faces of the cube where their last coordinate is below 1/2, without that."""
    even = unit[:, :-1]
    near = np.clip((1 - np.cos(np.pi * even)) / 2, 0.5**54, 1 - 0.5**53)
    return np.where(unit[:, -1:] < 0.5, near, even)


def _cells(n: int, dimension: int) -> int:
    """The least k with k^m ≥ n."""
    k = round(n ** (1 / dimension))
    return k if k**dimension >= n else k + 1


def _midpoints(indices: NDArray[np.int64], cells: int, dimension: int) -> Array:
    """Midpoints of some of the k^m equal cells, the last coordinate running fastest."""
    places = np.empty((len(indices), dimension))
    for axis in reversed(range(dimension)):
        indices, remainder = np.divmod(indices, cells)
        places[:, axis] = (remainder + 0.5) / cells
    return places


def _thinned(many: int, n: int) -> NDArray[np.int64]:
    """n evenly spread indices below ``many``."""
    return np.array([(2 * i + 1) * many // (2 * n) for i in range(n)], dtype=np.int64)


def _reversed(normals: Array | None) -> Array | None:
    return None if normals is None else 0.0 - normals
