"""Two images blended by their gradients: a problem that asks for the image whose gradient is made of both.

    ∇u = g      at the pixels, and its components midway between neighbours;   with a mask,   u = a      at the pixels outside.

g is the mean of both gradients ("average", Sitzmann et al., NeurIPS 2020, sec. 4.1), the larger of the two ("mix") or that of
b ("clone"). With a mask this is the least-squares form of Δu = div g with Dirichlet data: seamless cloning.
Reference: Pérez, Gangnet & Blake, Poisson image editing, SIGGRAPH 2003.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike

from pinnsiren.domains import PointSet
from pinnsiren.equation import Constraint, Equation
from pinnsiren.errors import DataError
from pinnsiren.problem import Problem
from pinnsiren.signals import cosines
from pinnsiren.signals.images import Array, Image
from pinnsiren.signals.links import Mask, Slopes, difference, ends, touching, with_differences, with_slopes
from pinnsiren.symbols import Data, Field, coordinates

Mode = Literal["average", "mix", "clone"]
TOLERANCE = 0.02  # relative L2, about 40 dB on photographs
FIRMNESS = 30.0  # of one value outside beside one slope; see blend
CONSISTENT = 1e-9  # relative: what rounding leaves of a gradient that is one
Slope = Callable[[Array, int], Array]  # (values, axis) → along links
AXES = ("y", "x")
INSIDE = Data("inside")  # 1 where the gradients are blended


@dataclass(frozen=True, eq=False)
class Blend:
    """What is known of a blended image: slopes along links, per pixel, and values outside.

    Args:
        around: a, whose values hold outside, and whose pixels all are about.
        other: b, on the same pixels and with the same channels.
        inside: (N, M), where the blended image is to be found.
        slopes: g, per pixel.
    """

    around: Image
    other: Image
    inside: Mask
    slopes: Slopes

    @property
    def whole(self) -> bool:
        """Whether nothing is known but slopes."""
        return bool(self.inside.all())

    @property
    def mean(self) -> Array:
        """Of each channel of (a + b)/2: where everything is to be found, the mean is free, and this is taken."""
        return np.asarray(0.5 * (self.around.values + self.other.values).mean(axis=(0, 1)))

    @property
    def expected(self) -> Image:
        """The least-squares solution of the same slopes without any network: a sum of cosines."""
        g = self.slopes
        if not self.whole:
            return self.around.like(with_slopes(g, self.around.values, self.inside))
        # links and pixels see the same ∑ θ² a² of a sum of cosines, so that both together have the mean of both solutions
        both = 0.5 * (cosines.with_slopes_between(g.down, g.right) + cosines.with_gradient(*g.at_pixels))
        return self.around.like(both + self.mean)

    @property
    def places(self) -> tuple[Mask, Mask, Mask, Mask]:
        """Where slopes are given, in the order of ``slopes.parts``: at what touches the inside."""
        return touching(self.inside, 0), touching(self.inside, 1), self.inside, self.inside

    def inconsistency(self, found: Image) -> float:
        """How much of the slopes an image leaves over, relative, root mean square where they are given."""
        pairs = list(zip(self.slopes.parts, Slopes.of(found.values).parts, self.places, strict=True))
        left = sum(float(np.sum((own - given)[chosen] ** 2)) for given, own, chosen in pairs)
        size = sum(float(np.sum(given[chosen] ** 2)) for given, _, chosen in pairs)
        return float(np.sqrt(left / size)) if size else 0.0


def blend(a: Image, b: Image, mask: ArrayLike | None = None, mode: Mode = "average") -> Problem:
    """The problem whose solution is two images blended; solve it, and look at it by :func:`blended`.

    Args:
        a, b: of the same pixels. A grey one is taken for red, green and blue where the other has colours.
        mask: (rows, columns) of True or 1 where the gradients are blended; outside, the values are a's. It may touch the
            edges: there ∂u/∂n = g·n. None: everywhere; then the mean of u is free, and :func:`blended` takes that of
            (a + b)/2.
        mode: "average", (∇a + ∇b)/2; "mix", of the two gradients the larger, by its length over all colours; "clone", ∇b,
            with a mask only.

    Returns:
        a problem for "grey", or "red", "green" and "blue". Its exact solution is the least-squares one among sums of cosines,
        found without a network (:func:`~pinnsiren.signals.links.with_slopes`): slopes that are no image's, such as those
        of "mix", have no other.

    Raises:
        DataError: images of different shapes; a mask of another shape, of other values, empty or full; an unknown mode, and
            "clone" without a mask.
    """
    return _problem(_known(a, b, mask, mode))


def blend_by_differences(a: Image, b: Image, mask: ArrayLike | None = None, mode: Mode = "average") -> Image:
    """The same image by five-point differences of a and b, as is usual: a sparse direct solve, no network.

    A filter is not a derivative, so this agrees with the sum of cosines that is nearest in least squares to rounding only where
    the slopes are an image's; on the astronaut and the cat at 256² in colour to 38 dB for "mix", and to 50 dB for a clone.

    Args, raises: those of :func:`blend`.
    """
    known = _known(a, b, mask, mode)
    inside = known.inside.copy()
    inside[0, 0] &= not known.whole  # one value in place of the mean, which is set afterwards
    down, right = (_target(known.around.values, known.other.values, axis, mode, difference) for axis in (0, 1))
    found = with_differences(down, right, known.around.values, inside)
    return known.around.like(found + (known.mean - found.mean(axis=(0, 1))) if known.whole else found)


class Solved(Protocol):
    """What :func:`pinnsiren.solve` returns."""

    @property
    def problem(self) -> Problem: ...

    def __call__(self, field: Any, points: Any) -> Any: ...


def blended(solution: Solved) -> Image:
    """The image that a solution of :func:`blend` is. Where its mean is free it is that of (a + b)/2.

    Raises:
        DataError: a solution of another problem.
    """
    problem, exact = solution.problem, solution.problem.exact or {}
    region = problem.compared
    if not isinstance(region, PointSet) or INSIDE not in region.data:
        raise DataError(f"{solution!r} is no solution of ps.signals.blend's problem; give what ps.solve made of one.")
    given = dict(region.columns)
    free = given[INSIDE].all()
    channels = []
    for field, symbol in exact.items():
        values = np.asarray(solution(field, region.values))
        channels.append(values + (given[symbol].mean() - values.mean()) if free else values)
    shape = tuple(len(np.unique(column)) for column in region.values.T[::-1])
    return Image("blend", np.stack(channels, axis=-1).reshape(*shape, -1).squeeze())


def _known(a: Image, b: Image, mask: ArrayLike | None, mode: Mode) -> Blend:
    if mode not in get_args(Mode):
        raise DataError(f"mode {mode!r} is not known; choose one of {', '.join(get_args(Mode))}.")
    if a.shape != b.shape:
        sizes = " and ".join(f"{i.name} with {i.shape[1]} × {i.shape[0]}" for i in (a, b))
        raise DataError(f"images of different pixels are to be blended: {sizes}; read both with the same size=, and with "
                        "square=True if their shapes differ, or resize one.")
    if mask is None and mode == "clone":
        raise DataError("mode 'clone' was given no mask; give one, (rows, columns), True where b is to be seen.")
    inside = np.ones(a.shape, dtype=bool) if mask is None else _checked(mask, a.shape)
    first, second = ((_coloured(i) if a.values.ndim != b.values.ndim else i.values) for i in (a, b))
    down, right = (_target(first, second, axis, mode, cosines.slope_between) for axis in (0, 1))
    below, beside = _mixed(Slopes.of(first).at_pixels, Slopes.of(second).at_pixels, mode,
                           steeper=_steepness(second) > _steepness(first))
    return Blend(replace(a, values=first), replace(b, values=second), inside, Slopes(down, right, (below, beside)))


def _coloured(image: Image) -> Array:
    return image.values if image.values.ndim == 3 else np.repeat(image.values[:, :, None], 3, axis=2)


def _checked(mask: ArrayLike, shape: tuple[int, int]) -> Mask:
    given = np.asarray(mask)
    if given.shape != shape:
        raise DataError(f"the mask has shape {given.shape}; expected {shape}, the rows and columns of the images.")
    inside = given.astype(bool)
    if given.dtype != bool and not np.array_equal(given, inside):
        raise DataError(f"the mask has values from {given.min()} to {given.max()}; expected True and False, or 1 and 0: "
                        "give mask > 0.5, say.")
    if inside.all() or not inside.any():
        what = "covers all pixels, so that nothing of a is left to keep" if inside.any() else "is empty"
        raise DataError(f"the mask {what}; leave some pixels out and some in, or for 'average' and 'mix' of everything leave "
                        "the mask out.")
    return inside


def _target(a: Array, b: Array, axis: int, mode: Mode, slope: Slope) -> Array:
    """The slope along each link of an axis; the steeper image is that with the larger |∇|² at the link's ends."""
    steepness_a, steepness_b = (np.add(*ends(_steepness(values), axis)) for values in (a, b))
    return _mixed((slope(a, axis),), (slope(b, axis),), mode, steeper=steepness_b > steepness_a)[0]


def _mixed(of_a: Sequence[Array], of_b: Sequence[Array], mode: Mode, *, steeper: Mask) -> tuple[Array, ...]:
    """Components of g from those of ∇a and ∇b; where b is the steeper one is known."""
    if mode == "clone":
        return tuple(of_b)
    if mode == "average":
        return tuple(0.5 * (p + q) for p, q in zip(of_a, of_b, strict=True))
    return tuple(np.where(steeper if p.ndim == 2 else steeper[:, :, None], q, p) for p, q in zip(of_a, of_b, strict=True))


def _steepness(values: Array) -> Array:
    """|∇|² at the pixels (N, M), over all colours."""
    squares = sum(cosines.slope(values, axis, "spectral") ** 2 for axis in (0, 1))
    return np.asarray(squares if values.ndim == 2 else np.sum(squares, axis=2))


def _problem(known: Blend) -> Problem:
    symbols, found = coordinates("x y"), known.expected
    fields = {channel: Field(channel, *symbols) for channel in known.around.channels}
    constraints = _slopes(known, list(fields.values()))
    points = known.around.points
    if not known.whole:
        outside = ~known.inside.ravel()
        values = {Data(f"{c} of a"): v[outside] for c, v in known.around.channels.items()}
        # one value counts as one slope, times the firmness. 30: values outside to 60 dB and more; with 1 they give way, with
        # 1000 conjugate gradients take longer
        weight = FIRMNESS * np.count_nonzero(outside) / (constraints[0].region.points or 1)
        constraints.append(Equation(list(fields.values()), list(values), name="values outside")
                           .on(PointSet(symbols, points[outside], values), weight=weight))
    exact = {field: Data(f"{channel} expected") for channel, field in fields.items()}
    columns = dict(zip(exact.values(), found.channels.values(), strict=True))
    for name, image in (("a", known.around), ("b", known.other)):  # for pictures
        columns |= {Data(f"{channel} of {name}"): values for channel, values in image.channels.items()}
    pixels = PointSet(symbols, points, {**columns, INSIDE: known.inside.ravel()})
    return Problem(*constraints, name="blend", exact=exact, tolerance=TOLERANCE, remark=_remark(known, found), compared=pixels)


def _slopes(known: Blend, fields: Sequence[Field]) -> list[Constraint]:
    """∂u/∂x and ∂u/∂y midway along links, and at pixels. Each point counts the same: a constraint counts by its mean square."""
    image = known.around
    centres = image.points.reshape(*image.shape, 2)
    middles = [np.mean(ends(centres, axis), axis=0) for axis in (0, 1)]
    first, found = 0, []
    for k, (name, points) in enumerate(zip(("links", "links", "pixels", "pixels"), (*middles, centres, centres), strict=True)):
        axis, chosen = k % 2, known.places[k]
        along, coordinate = AXES[axis], fields[0].coordinates[1 - axis]
        given = known.slopes.parts[k][chosen].reshape(-1, len(fields)) / (image.spacing * (-1, 1)[axis])  # y points up
        columns = {Data(f"g_{along} of {f.name}"): given[:, i] for i, f in enumerate(fields)}
        first = first or len(given)
        found.append(Equation([f.diff(coordinate) for f in fields], list(columns), name=f"∂/∂{along} at {name}").on(
            PointSet(fields[0].coordinates, points[chosen], columns), weight=len(given) / first))
    return found


def _remark(known: Blend, found: Image) -> str:
    """The pixels, and whether any image has the slopes."""
    rows, columns = found.shape
    left = known.inconsistency(found)
    if left < CONSISTENT:
        return f"{columns} × {rows} pixels; the slopes are an image's, up to rounding"
    what = "these slopes" if known.whole else "these slopes and these values outside"
    return f"{columns} × {rows} pixels; no image has {what}: the nearest leaves {100 * left:.0f} % of the slopes"
