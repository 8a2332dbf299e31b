"""A space of functions: images from few of their pixels, and solutions of families of boundary-value problems.

Published (Sitzmann et al., NeurIPS 2020, sec. 4.4): images of CelebA from 10, 100 and 1000 of their 32² pixels, mean square
error of colours in [−1, 1]. Images here are others: squares of a few photographs, or those of a folder.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

from pinnsiren.errors import SolveError
from pinnsiren.experiments.experiment import Experiment, Row
from pinnsiren.experiments.families import POINTS, SQUARE, Coefficients, Members, Sources, U
from pinnsiren.experiments.space_pictures import draw_images, draw_solutions
from pinnsiren.networks import Network, Siren
from pinnsiren.networks.encoders import ConvEncoder, Encoder, SetEncoder
from pinnsiren.networks.feedforward import FeedForward
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.signals.patches import Patches, cut_patches, images_in
from pinnsiren.solution import Solution
from pinnsiren.solve import solve
from pinnsiren.solvers import GaussNewton, LeastSquares, Solver
from pinnsiren.space import Family, Space
from pinnsiren.validation import Chebyshev

Array = NDArray[np.float64]

NAME = "space"
CONTEXTS = (10, 100, 1000)
PUBLISHED = {10: "0.033", 100: "0.009", 1000: "0.008"}  # conv encoder, CelebA; siren-paper's table 1 in the supplement
PUBLISHED_WITH = "CelebA, 32², conv encoder"
SHARES = {"conv": 0.26, "set": 0.24, "source": 0.1, "coefficient": 0.14}  # of the seconds, to train; the rest is measuring
SENSORS = (10, 30, 100)
STEPS = (3, 10)
PASSES, REFINED = 8, 2  # members of a family that one pass is measured on, and that are refined
COMPARED = 2000  # points of a relative L2 error
ERROR = "relative L2"
WARM_UP = 10  # iterations that tell how long one takes
LATEST = 1.3  # times the seconds that were meant, after which a training ends all the same
BATCH, PIXELS, LATENT = 16, 256, 256  # instances for each step, and of an image the pixels; the paper's length of z
TESTED = 64  # held-out images at most
PRIOR = 128  # members that teach what last layers lack
SEARCH = 50
IMAGE_OMEGA0 = 7.0  # rad per half-width; with the paper's 30 an hour's training would be needed to learn anything
IMAGE_WEIGHT = 0.0
NARROW, SOLUTION_OMEGA0 = 24, 4.0  # width of the SIREN for solutions: a step of Gauss–Newton then takes half a second
NODES = 32  # of the Chebyshev reference, along each side: its own error is about 1e-8


def compare(folder: Path, seconds: float = 180.0, images: Path | None = None, size: int = 32, width: int = 64,
            training: int = 2000, instances: int = 1000, seed: int = 0) -> list[Row]:
    """A space of functions: images from 10, 100 and 1000 pixels, and solutions of two families of equations.

    Args:
        folder: for the pictures and the trained spaces.
        seconds: for everything, on an idle core.
        images: a folder of images; None for squares of the photographs that ship in dependencies.
        size: pixels along each side.
        width: of the SIREN for images; the paper's is 256.
        training: squares to train on, of photographs.
        instances: members of each family of equations to train on.
    """
    if not (math.isfinite(seconds) and seconds > 0):
        raise SolveError(f"the experiment was given seconds={seconds}; expected a number > 0.")
    patches = cut_patches(training, 64, size, seed) if images is None else images_in(images, size)
    rows = list(_image_rows(patches, folder, seconds, width=width, seed=seed))
    for members in (Sources(), Coefficients()):
        rows += _solution_rows(members, folder, SHARES[members.name] * seconds, instances=instances, seed=seed)
    return rows


def _trained(make: Callable[[int], Space], instances: int, settings: Mapping[str, Any],
             seconds: float) -> tuple[Space, str, float]:
    """A space that is trained for about so many seconds; how many iterations that were; and the seconds that they took.

    How many iterations there is time for is measured beforehand: the learning rate's cosine has to know.

    Args:
        make: from a number of instances to a new space.
    """
    trial = make(min(BATCH, instances)).fit(3 * WARM_UP, every=WARM_UP, progress=False, **settings).history.seconds
    rate = 2 * WARM_UP / float(trial[-1] - trial[0])  # the first of them make the instances
    space = make(instances)
    fitted = space.fit(max(2 * WARM_UP, round(rate * seconds)), max_time=LATEST * seconds, progress=False, **settings)
    taken = float(fitted.history.seconds[-1])
    return space, f"{fitted.iterations} steps of {BATCH}", taken


def _image_rows(patches: Patches, folder: Path, seconds: float, *, width: int, seed: int) -> Iterator[Row]:
    contexts = [k for k in CONTEXTS if k <= patches.size**2]
    test = range(patches.training, min(len(patches.values), patches.training + TESTED))
    where = f"{patches.name}: {len(test)} held out, {patches.size}²"
    pictures: dict[tuple[str, int], list[Array]] = {}
    for k in contexts:
        found = [_interpolated(patches, n, _context(patches, n, k)) for n in test]
        pictures["interpolation", k] = found
        yield Row(NAME, "interpolation, no network", f"{k} pixels of {where}", _error(patches, test, found), "MSE", 0.0)
    for kind in ("conv", "set"):
        space, steps, taken = _image_space(patches, kind, contexts, SHARES[kind] * seconds, width=width, seed=seed)
        space.save(folder / f"images_{kind}.h5")
        passes: dict[str, Callable[[Problem], FeedForward]] = {kind: space.network, f"{kind}, conditioned": space.conditioned}
        for (name, one_pass), k in product(passes.items(), contexts):
            pictures[name, k] = [_picture(patches, one_pass(patches.problem(n, _context(patches, n, k)))) for n in test]
            method = f"{kind} encoder, SIREN {width}" + ("" if name == kind else ", last layer conditioned")
            yield Row(NAME, method, f"{k} pixels of {where}; {patches.training} to train on, {steps}",
                      _error(patches, test, pictures[name, k]), "MSE", taken,
                      f"{PUBLISHED[k]} ({PUBLISHED_WITH})" if name == kind else "")
    yield _optimised_row(patches, space, test, contexts[-1 if len(contexts) < 2 else 1], width=width)
    draw_images(patches, test, pictures, {k: [_context(patches, n, k) for n in test] for k in contexts}, folder / "images.png")


def _image_space(patches: Patches, kind: str, contexts: list[int], seconds: float, *, width: int,
                 seed: int) -> tuple[Space, str, float]:
    """As :func:`_trained`, with the prior of last layers."""
    def make(count: int) -> Space:
        network = Siren(2, 3, width=width, layers=3, omega0=IMAGE_OMEGA0, seed=seed)
        return Space(patches.problem, network, _encoder(kind, patches), instances=count, seed=seed)

    seen, held_out = (contexts[0], contexts[-1]), min(16, len(patches.values) - patches.training)
    settings = {"batch": BATCH, "points": PIXELS, "context": seen, "learning_rate": 1e-3, "seed": seed,
                "parameter_weight": IMAGE_WEIGHT, "held_out": held_out}
    space, steps, taken = _trained(make, patches.training, settings, seconds)
    space.learn_prior(min(PRIOR, patches.training), context=seen, seed=seed)
    return space, steps, taken


def _optimised_row(patches: Patches, space: Space, test: range, k: int, *, width: int) -> Row:
    """The latent that fits the pixels of the context best, from what the encoder says."""
    start, some = time.monotonic(), test[:PASSES]
    found = []
    for n in some:
        rows = _context(patches, n, k)
        found.append(_picture(patches, space.network(space.optimised(patches.problem(n, rows), SEARCH))))
    return Row(NAME, f"set encoder, then {SEARCH} steps of L-BFGS on z", f"{k} pixels of {len(some)} of these, SIREN {width}",
               _error(patches, some, found), "MSE", time.monotonic() - start)


def _encoder(kind: str, patches: Patches) -> Encoder:
    if kind == "conv":
        return ConvEncoder(3, (patches.size, patches.size), LATENT, width=16)
    return SetEncoder(2, 3, LATENT, width=128)


def _context(patches: Patches, number: int, count: int) -> NDArray[np.int64]:
    """Which pixels of an image are seen: always the same ones."""
    return np.random.default_rng(number).permutation(patches.size**2)[:count]


def _picture(patches: Patches, network: FeedForward) -> Array:
    """The image of a network, (N, N, 3)."""
    own = next(network.parameters())
    with torch.no_grad():
        colours = network(torch.as_tensor(patches.points).to(own))
    return colours.double().numpy().reshape(patches.size, patches.size, 3)


def _interpolated(patches: Patches, number: int, rows: NDArray[np.int64]) -> Array:
    """Linear between the pixels that are seen, the nearest one beyond."""
    places, colours = patches.points[rows], patches.values[number].reshape(-1, 3)[rows]
    linear, nearest = LinearNDInterpolator(places, colours)(patches.points), NearestNDInterpolator(places, colours)
    return np.where(np.isnan(linear), nearest(patches.points), linear).reshape(patches.values[number].shape)


def _error(patches: Patches, test: range, found: list[Array]) -> float:
    return float(np.mean([(f - patches.values[n]) ** 2 for n, f in zip(test, found, strict=True)]))


def _solution_rows(members: Members, folder: Path, seconds: float, *, instances: int, seed: int) -> Iterator[Row]:
    """One pass on new members, from all of the data and from few sensors; then Gauss–Newton from there and from a new SIREN."""
    network = Siren(2, 1, width=NARROW, layers=3, omega0=[SOLUTION_OMEGA0, 1.0, 1.0], seed=seed)
    family = Family(members.instance, members.observed)

    def make(count: int) -> Space:
        return Space(family, network, SetEncoder(2, 1, 64, width=64), instances=count, spread=0.05, seed=seed)

    seen = (SENSORS[0], POINTS)
    settings = {"batch": BATCH, "points": 100, "context": seen, "learning_rate": 2e-3, "latent_weight": 1e-3,
                "parameter_weight": 0.0, "seed": seed}
    space, steps, taken = _trained(make, instances, settings, seconds)
    space.learn_prior(min(PRIOR, instances), context=seen, seed=seed)
    space.save(folder / f"{members.name}.h5")
    known = Known(members, range(instances + 16, instances + 16 + PASSES))
    told = f"{members.title}: median of {PASSES} new members; {instances} to train on, {steps}, residuals alone"
    for count in (*SENSORS, POINTS):
        problems = {n: members.instance(n, count) for n in known.numbers}
        for method, held in (("one pass", False), ("one pass, last layer conditioned", True)):
            found = [known.error(n, space.solution(p, given=p if held else None)) for n, p in problems.items()]
            yield Row(NAME, method, f"{told}; data at {count} sensors", float(np.median(found)), ERROR, taken)
    yield from _refined_rows(members, space, network, known)
    draw_solutions(members, space, known.numbers[:3], known.values, folder / f"{members.name}.png")


def _refined_rows(members: Members, space: Space, network: Siren, known: "Known") -> Iterator[Row]:
    some = known.numbers[:REFINED]
    told = f"{members.title}: geometric mean of {len(some)} new members"
    problems = [members.written_out(n) for n in some]
    starts: dict[str, list[Network]] = {"conditioned": [space.conditioned(members.instance(n)) for n in some],
                                        "a new SIREN": [network for _ in some]}

    def refined(networks: list[Network], solver: Solver) -> list[Solution]:
        return [solve(p, w, solver, ansatz=members.hard, progress=False) for p, w in zip(problems, networks, strict=True)]

    for name, networks in starts.items():
        if problems[0].is_linear:
            begun = time.monotonic()
            error = known.mean_error(some, refined(networks, LeastSquares()))
            yield Row(NAME, f"least squares for the last layer from {name}", told, error, ERROR,
                      (time.monotonic() - begun) / len(some))
        for k in STEPS:
            begun = time.monotonic()
            error = known.mean_error(some, refined(networks, GaussNewton(iterations=k)))
            yield Row(NAME, f"{k} Gauss–Newton steps from {name}", told, error, ERROR, (time.monotonic() - begun) / len(some))
    begun = time.monotonic()
    solution = solve(problems[0], progress=False)
    taken, error = time.monotonic() - begun, known.error(some[0], solution)
    yield Row(NAME, "ps.solve, nothing else said", f"{members.title}: one of them", error, ERROR, taken)


@dataclass(frozen=True, eq=False)
class Known:
    """Members of a family with their solutions by Chebyshev collocation, which no space has seen."""

    members: Members
    numbers: range
    points: Points = field(default_factory=lambda: SQUARE.interior.sample(COMPARED, seed=5))
    _values: dict[int, Array] = field(default_factory=dict)

    def values(self, number: int, points: Points) -> Array:
        """The solution at points, (n,)."""
        reference = Chebyshev(NODES).compute(self.members.written_out(number), points)
        return np.asarray(reference.values(U, points), dtype=np.float64)

    def error(self, number: int, solution: Solution) -> float:
        """‖u − u_ref‖ / ‖u_ref‖ over points inside."""
        if number not in self._values:
            self._values[number] = self.values(number, self.points)
        expected = self._values[number]
        return float(np.linalg.norm(solution(U, self.points.values) - expected) / np.linalg.norm(expected))

    def mean_error(self, numbers: range, solutions: list[Solution]) -> float:
        """The geometric mean of some members' errors."""
        errors = [self.error(n, s) for n, s in zip(numbers, solutions, strict=True)]
        return float(np.exp(np.mean(np.log(errors))))


EXPERIMENT = Experiment(compare)
