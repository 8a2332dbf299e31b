"""Families of boundary-value problems on the square [−1, 1]², whose members differ in a random smooth function.

Each member is written twice: over data at points, as a space of functions is trained, and with the function as a formula, as
everything else takes it. They say the same.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnsiren.ansatz import Ansatz, dirichlet
from pinnsiren.domains import Box, PointSet
from pinnsiren.equation import Constraint, Equation
from pinnsiren.problem import Problem
from pinnsiren.symbols import Data, Field, coordinates, div, grad, laplacian

Array = NDArray[np.float64]

WAVES, BAND = 8, 2.0  # plane waves of a random function, and the standard deviation of each wavenumber: lengths of about 1/2
POINTS = 400  # at which the data of a member are given
STRENGTH, CONTRAST = 10.0, 0.7

X, Y = coordinates("x y")
U = Field("u", X, Y)
SQUARE = Box({X: (-1, 1), Y: (-1, 1)})
BUMP = sympy.cos(sympy.pi * X / 2) * sympy.cos(sympy.pi * Y / 2)  # 0 on the boundary: no singularities at corners


@dataclass(frozen=True)
class RandomWaves:
    """s(x) = √(2/8) Σ_j c_j sin(w_j·x + b_j): close to a normal field of variance 1 with the correlation exp(−2 |x − x'|²)."""

    seed: int

    @cached_property
    def _drawn(self) -> tuple[Array, Array, Array]:
        random = np.random.default_rng(self.seed)
        return (BAND * random.normal(size=(WAVES, 2)), random.uniform(0, 2 * np.pi, WAVES),
                np.sqrt(2 / WAVES) * random.normal(size=WAVES))

    def __call__(self, points: Array) -> Array:
        """Values (n,) at points (n, 2)."""
        w, b, c = self._drawn
        return np.sin(points @ w.T + b) @ c

    def gradient(self, points: Array) -> Array:
        """(n, 2)."""
        w, b, c = self._drawn
        return (np.cos(points @ w.T + b) * c) @ w

    @property
    def formula(self) -> sympy.Expr:
        w, b, c = (array.tolist() for array in self._drawn)
        return sympy.Add(*[a * sympy.sin(k * X + m * Y + phase) for a, (k, m), phase in zip(c, w, b, strict=True)])


class Members(ABC):
    """A family, its members by number.

    Attributes:
        name, title: for files and for readers.
        observed: the data that vary.
    """

    name: str
    title: str
    observed: tuple[Data, ...]

    def instance(self, number: int, count: int = POINTS) -> Problem:
        """A member over data at random points, or at the first few of them."""
        places = SQUARE.interior.sample(POINTS, seed=number).values[:count]
        inside = PointSet((X, Y), places, self.columns(number, places))
        return Problem(self._over_data.on(inside), self.boundary, name=self.name, ansatz=self.hard)

    def written_out(self, number: int) -> Problem:
        """The same member with the random function as a formula."""
        return Problem(self.formula(number).on(SQUARE.interior), self.boundary, name=self.name)

    @cached_property
    def _over_data(self) -> Equation:
        """All members' own: to compare two of them is then to look whether they are one."""
        return self.equation

    @cached_property
    def boundary(self) -> Constraint:
        return Equation(U, 0, name="boundary").on(SQUARE.boundary)

    @cached_property
    def hard(self) -> Ansatz:
        """u = φ N, with φ = 0 on the boundary."""
        return dirichlet(Problem(Equation(laplacian(U), 0, name="inside").on(SQUARE.interior), self.boundary))

    @property
    @abstractmethod
    def equation(self) -> Equation: ...

    @abstractmethod
    def columns(self, number: int, places: Array) -> dict[Data, Array]: ...

    @abstractmethod
    def formula(self, number: int) -> Equation: ...

    @abstractmethod
    def shown(self, number: int, places: Array) -> Array:
        """What varies, to look at."""


class Sources(Members):
    """−Δu = 10 cos(πx/2) cos(πy/2) s(x, y), u = 0 on the boundary: a linear family."""

    name, title = "source", "−Δu = f"
    f = Data("f")
    observed = (f,)

    @property
    def equation(self) -> Equation:
        return Equation(-laplacian(U), self.f, name="inside")

    def columns(self, number: int, places: Array) -> dict[Data, Array]:
        return {self.f: self.shown(number, places)}

    def formula(self, number: int) -> Equation:
        return Equation(-laplacian(U), STRENGTH * BUMP * RandomWaves(number).formula, name="inside")

    def shown(self, number: int, places: Array) -> Array:
        return STRENGTH * np.cos(np.pi * places / 2).prod(1) * RandomWaves(number)(places)


class Coefficients(Members):
    """−div(eᵃ ∇u) + u³ = 10 cos(πx/2) cos(πy/2) with a = 0.7 s(x, y), u = 0 on the boundary: coefficients vary, and not linear.

    A space is trained with the equation divided by eᵃ, −Δu − ∇a·∇u + e⁻ᵃ(u³ − g) = 0, so that where eᵃ is large counts no more.
    """

    name, title = "coefficient", "−div(eᵃ∇u) + u³ = g"
    a, ax, ay = Data("a"), Data("a_x"), Data("a_y")
    observed = (a,)

    @property
    def equation(self) -> Equation:
        inner = laplacian(U) + self.ax * U.diff(X) + self.ay * U.diff(Y)
        return Equation(-inner + sympy.exp(-self.a) * (U**3 - STRENGTH * BUMP), name="inside")

    def columns(self, number: int, places: Array) -> dict[Data, Array]:
        slopes = CONTRAST * RandomWaves(number).gradient(places)
        return {self.a: self.shown(number, places), self.ax: slopes[:, 0], self.ay: slopes[:, 1]}

    def formula(self, number: int) -> Equation:
        stiffness = sympy.exp(CONTRAST * RandomWaves(number).formula)
        return Equation(-div(stiffness * grad(U)) + U**3, STRENGTH * BUMP, name="inside")

    def shown(self, number: int, places: Array) -> Array:
        return CONTRAST * RandomWaves(number)(places)
