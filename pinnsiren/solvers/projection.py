"""Variable projection: a medium from the states that it makes, each state eliminated by its own least-squares problem.

    min_m Σ_s min_{c_s} ½‖A_s(m) c_s − b_s(m)‖² + ½‖R m‖²

With A = QR and the residual r_s of the best c_s, a Gauss–Newton step in m sees (1 − QQᵀ)(r_s + ∂r_s/∂m δm) alone (Kaufman's
form). States whose equations differ only in what is known, such as those of several sources, share A, and its factors. States
of low frequency come first: they see the medium coarsely, and are not led astray by its details.
Reference: Golub & Pereyra, Inverse Problems 19 (2003); van Leeuwen & Herrmann, Geophys. J. Int. 195 (2013), equations that are
weighted against data and not fulfilled exactly.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnsiren.errors import SolveError
from pinnsiren.model import Model
from pinnsiren.networks import Fourier, Network
from pinnsiren.problem import Problem
from pinnsiren.solvers.bands import wave_scales
from pinnsiren.solvers.eliminated import Eliminated, Elimination
from pinnsiren.solvers.states import States, fields_of, states_of
from pinnsiren.solvers.task import Solver, Step, Task
from pinnsiren.symbols import Field

FIRST, HIGHEST = 1e-4, 1e3  # damping of a step, relative to the mean diagonal entry of its matrix
STRONGER, WEAKER = 10.0, 0.2  # its change after a step that fails or succeeds
FALL = 0.5  # of the larger weights, from one step to the next
LEAST = 1e-10  # of the damping
LEAST_GAIN = 1e-3  # of the loss
SLOWEST = 6.0  # radians per half-width, of waves


@dataclass(frozen=True)
class VariableProjection(Solver):
    """For problems of several states that share one medium, linear in each.

    Args:
        features: of the medium.
        medium_band: of these, radians per half-width of the box, over that of the fastest waves, or 6 where there are none.
        at_rest, per_wave: features of a state whose waves have κ radians per half-width: at_rest + per_wave κ². Their band is
            that of the medium more than κ: a state has the edges of its medium, whatever its waves.
        points: inside, for each feature of the widest state.
        steps: at most so many with each band of waves but the last, and with all of them.
        damped: factor by which constraints on the medium alone count more where a band begins.

    Raises:
        SolveError: when solving, a problem of another kind, or with a network of the user's.
    """

    features: int = 400
    medium_band: float = 1.25
    at_rest: int = 600
    per_wave: float = 1.5
    points: float = 1.6
    steps: tuple[int, int] = (5, 6)
    damped: float = 10.0

    def iterate(self, task: Task) -> Iterator[Step]:
        found = states_of(task.problem)
        if found is None or len(found.media) != 1 or task.model is not None:
            raise SolveError("VariableProjection is for problems of several fields that share one unknown coefficient, linear "
                             "in each of them, and chooses their networks; leave solver and network out.")
        waves = _waves(task.problem, found)
        task.model = self._model(task, found, waves)
        most = self.at_rest + int(self.per_wave * max(waves) ** 2)
        residual = task.residual(task.model, int(self.points * most), inside=0.9)
        elimination = Elimination(residual, found)
        medium = elimination.medium
        for band in sorted(set(waves)):
            active = [s for s, b in enumerate(waves) if b <= band]
            for descent in self._descent(elimination, medium, active, last=band == max(waves)):
                medium = descent.medium
                elimination.write(medium, {s: e.coefficients for s, e in zip(active, descent.states, strict=True)})
                with torch.no_grad():
                    r = residual()
                yield Step(task.model, descent.loss, descent.loss, residual.root_mean_squares(r),
                           f"variable projection, {len(active)} states", estimates=False)
                if time.monotonic() > task.deadline:
                    return

    def _descent(self, elimination: Elimination, medium: Tensor, active: Sequence[int], *, last: bool) -> Iterator["_Descent"]:
        """Levenberg–Marquardt steps in the medium."""
        now = _Descent(elimination, active, medium, elimination.states(medium, active), self.damped)
        damping = FIRST
        for _ in range(self.steps[last]):
            before, stepped = now.loss, now.stepped()
            trial = now.at(stepped(damping))
            while not trial.loss < before and damping < HIGHEST:
                damping *= STRONGER
                trial = now.at(stepped(damping))
            if not trial.loss < before:
                return
            damping *= WEAKER
            now, gain = trial, 1 - trial.loss / before
            yield now
            if now.emphasis > 1:
                now = replace(now, emphasis=max(1.0, FALL * now.emphasis))
            elif gain < LEAST_GAIN:
                return

    def _model(self, task: Task, found: States, waves: Sequence[float]) -> Model:
        """One network for all states of a band, and one for the medium."""
        box = [task.problem.bounds[c] for c in found.media[0].coordinates]

        def sines(fields: tuple[Field, ...], width: int, band: float, seed: int) -> Network:
            return Fourier(len(box), len(fields), width, band, box=box, seed=task.seed + seed, device=task.device,
                           dtype=task.dtype or torch.float64)

        networks: dict[tuple[Field, ...], Network] = {}
        detail = self.medium_band * max(SLOWEST, *waves)
        for i, band in enumerate(sorted(set(waves))):
            fields = tuple(f for group, b in zip(found.states, waves, strict=True) if b == band for f in group)
            width = self.at_rest + int(self.per_wave * band**2)
            networks[fields] = sines(fields, width, band + detail, i + 1)  # the band of the product m u
        networks[found.media] = sines(found.media, self.features, detail, 0)
        return Model(networks)


@dataclass(frozen=True, eq=False)
class _Descent:
    """A medium with its states at their best; ``emphasis`` multiplies what constrains the medium alone."""

    elimination: Elimination
    active: Sequence[int]
    medium: Tensor
    states: Sequence[Eliminated]
    emphasis: float

    @property
    def loss(self) -> float:
        return sum(s.loss for s in self.states) + self.emphasis * self.elimination.alone(self.medium)[0]

    def at(self, medium: Tensor) -> "_Descent":
        return replace(self, medium=medium, states=self.elimination.states(medium, self.active))

    def stepped(self) -> Callable[[float], Tensor]:
        """λ ↦ the medium after the damped step."""
        _, slope, matrix = self.elimination.alone(self.medium)
        slope, matrix = self.emphasis * slope, self.emphasis * matrix
        for s in self.states:
            g, h = s.normal()
            slope, matrix = slope + g, matrix + h
        size = matrix.diagonal().mean()

        def step(damping: float) -> Tensor:
            damped = matrix + (LEAST + damping) * size * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
            return self.medium - torch.linalg.solve(damped, slope)

        return step


def _waves(problem: Problem, found: States) -> list[float]:
    """κ of each state, radians per half-width of the box, in a medium whose own fields are 0: where fields are compared, for a
    layer bends the coefficients."""
    halves = {c: (b - a) / 2 for c, (a, b) in problem.bounds.items()}
    bands = []
    for group in found.states:
        own = [c for c in problem.constraints if c.region.dimension == len(c.region.coordinates)
               and set(group) & {f for r in c.residuals for f in fields_of(r)}]
        scales = [wave_scales(replace(c, region=problem.compared or c.region), frozenset(found.media)) for c in own]
        bands.append(round(max((w * halves[x] for s in scales for x, w in s.items()), default=0.0), 3))
    return bands
