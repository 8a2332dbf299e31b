"""NysNewton-CG: damped Gauss–Newton steps by preconditioned conjugate gradients, for networks whose Jacobian does not fit."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinnsiren.errors import SolveError
from pinnsiren.model import parameter_vector, set_parameters
from pinnsiren.residual import Residual
from pinnsiren.solvers.adaptive import Adaptive, redraw, require_adaptive
from pinnsiren.solvers.conjugate_gradients import conjugate_gradients
from pinnsiren.solvers.loss import loss_step
from pinnsiren.solvers.task import Solver, Step, Task

ARMIJO = 0.1  # of the reduction that the slope promises: the least that a step must bring
HALVINGS = 12  # of a step before another damping is tried
GOOD = 0.75  # of the predicted reduction: the model of the loss holds, and the damping may fall
EASE, TIGHTEN = 1 / 3, 10.0  # factors on the damping
LEAST = 1e-13  # damping, in units of the largest eigenvalue: rounding
FAILURES = 8  # dampings in a row without a step: nothing lower is found


@dataclass(frozen=True)
class NNCG(Solver):
    """Steps p with (JᵀJ + μ) p ≈ −Jᵀr by conjugate gradients, preconditioned by a randomised Nyström sketch of JᵀJ, and
    shortened until Armijo's rule holds; new points at every step, in float64.

    The paper takes the Hessian. Jets here are differentiable in θ only once, so the matrix is Gauss–Newton's, which ½‖r‖² has
    at a solution and which is never indefinite. No Jacobian is formed: Jᵀw is one reverse pass, exact to rounding, and J v is
    a central difference of r along v, two forward passes, good to ten digits in float64. μ falls while steps keep what
    they promise, and grows where they do not, as Levenberg's.

    Args:
        iterations: Newton steps, at most.
        points: how many where the user does not say.
        rank: columns of the sketch.
        refresh: Newton steps between two sketches; each costs ``rank`` products.
        products: conjugate-gradient iterations a step, at most.
        tolerance: of ‖Jᵀ(r + J p) + μ p‖ in the preconditioner's norm, against its value at p = 0.
        damping: the first μ, in units of the largest eigenvalue of JᵀJ.
        adaptive: how new points follow the residual, as in :class:`~pinnsiren.solvers.gauss_newton.GaussNewton`.

    Raises:
        SolveError: a number out of its range; an equation in another norm than "l2", whose weights would follow the
            difference.
    References:
        Rathore, Lei, Frangella, Lu & Udell, Challenges in Training PINNs: A Loss Landscape Perspective, ICML 2024, alg. 4–6;
        Frangella, Tropp & Udell, SIAM J. Matrix Anal. Appl. 44 (2023), alg. 2.1 and eq. 1.3.
    """

    iterations: int = 1000
    points: int = 4096
    rank: int = 60
    refresh: int = 20
    products: int = 100
    tolerance: float = 1e-2
    damping: float = 1e-4
    adaptive: Adaptive | None = "rad"

    def __post_init__(self) -> None:
        require_adaptive(self.adaptive, "NNCG")
        if min(self.iterations, self.points, self.rank, self.refresh, self.products) < 1:
            raise SolveError(f"{self} has a number below 1; iterations, points, rank, refresh and products count from 1.")
        if not 0 < self.tolerance < 1 or not self.damping > 0:
            raise SolveError(f"{self} has a number out of its range: tolerance is between 0 and 1, damping is positive.")

    def iterate(self, task: Task) -> Iterator[Step]:
        model = task.require_model("NNCG")
        _require_squares(task)
        judged = task.residual(model, self.points, seed=52)
        residual = task.residual(model, self.points, seed=51)
        generator = torch.Generator().manual_seed(task.seed)
        damping, failures, sketch = self.damping, 0, None
        for iteration in range(self.iterations + 1):
            yield loss_step(judged, "NNCG", iteration)
            if iteration == self.iterations:
                return
            if iteration:
                residual = redraw(self.adaptive)(residual, task.seed + 300 + iteration)
            products = Products(residual)
            if sketch is None or iteration % self.refresh == 0:
                sketch = Nystrom.of(products, min(self.rank, len(products.theta)), generator)
            change = self._advance(products, sketch, damping * sketch.largest)
            failures = failures + 1 if change == TIGHTEN else 0
            damping = max(LEAST, damping * change)
            if failures == FAILURES:
                return

    def _advance(self, products: "Products", sketch: "Nystrom", damping: float) -> float:
        """Take a step if one is found that pays; the factor on the damping for the next."""
        r, theta, model = products.rows, products.theta, products.residual.model
        p = self._direction(products, sketch, damping)
        image = products.forward(p)
        slope = float(image @ r)  # gᵀp
        before, predicted = 0.5 * float(r @ r), -slope - 0.5 * float(image @ image)
        length = 1.0
        for _ in range(HALVINGS if slope < 0 else 0):
            set_parameters(model, theta + length * p)
            reduction = before - _loss(products.residual)
            if reduction >= -ARMIJO * length * slope:
                return EASE if length == 1 and reduction >= GOOD * predicted else 1.0 if length == 1 else 1 / EASE
            length /= 2
        set_parameters(model, theta)
        return TIGHTEN

    def _direction(self, products: "Products", sketch: "Nystrom", damping: float) -> Tensor:
        """p, from 0 until the gradient of the damped problem has fallen enough or ``products`` are used up."""
        operator = Damped(products, damping**0.5)
        target = torch.cat([-products.rows, torch.zeros_like(products.theta)])
        first = None
        for found in conjugate_gradients(operator, target, torch.zeros_like(products.theta),
                                         lambda g: sketch.solve(g, damping)):
            first = found.gradient if first is None else first
            if found.gradient <= self.tolerance * first or found.iteration >= self.products:
                break
        return found.x


class Products:
    """J v and Jᵀ w of a residual at its model's present parameters, which may change afterwards.

    Attributes:
        rows: r, (R,). theta: θ, (P,).
    """

    def __init__(self, residual: Residual) -> None:
        self.residual = residual
        self.theta = parameter_vector(residual.model)
        own, self._moved = (replace(residual, model=copy.deepcopy(residual.model)) for _ in range(2))
        self._parameters = list(own.model.parameters())
        self._graph = own()
        self.rows = self._graph.detach()

    def forward(self, v: Tensor) -> Tensor:
        """J v ≈ (r(θ + hv) − r(θ − hv))/2h, (R,): h‖v‖ = ε^{1/3} ‖θ‖ balances rounding and curvature."""
        length = float(v.norm())
        if length == 0:
            return torch.zeros_like(self.rows)
        h = torch.finfo(v.dtype).eps ** (1 / 3) * (float(self.theta.norm()) or 1.0) / length
        return (self._at(self.theta + h * v) - self._at(self.theta - h * v)) / (2 * h)

    def adjoint(self, w: Tensor) -> Tensor:
        """Jᵀ w, (P,)."""
        gradient = torch.autograd.grad(self._graph, self._parameters, w, retain_graph=True, allow_unused=True,
                                       materialize_grads=True)
        return torch.cat([g.reshape(-1) for g in gradient])

    @torch.no_grad()
    def _at(self, theta: Tensor) -> Tensor:
        set_parameters(self._moved.model, theta)
        return self._moved()


@dataclass(frozen=True)
class Damped:
    """The map x ↦ (J x, √μ x), whose normal equations are (JᵀJ + μ) x = Jᵀ …."""

    products: Products
    root: float

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.products.forward(x), self.root * x])

    def adjoint(self, y: Tensor) -> Tensor:
        rows = len(self.products.rows)
        return self.products.adjoint(y[:rows]) + self.root * y[rows:]


@dataclass(frozen=True)
class Nystrom:
    """JᵀJ ≈ U Λ Uᵀ from its products with a few random directions.

    Args:
        basis: U, (P, k), orthonormal columns. values: Λ, (k,), falling.
    """

    basis: Tensor
    values: Tensor

    @classmethod
    def of(cls, products: Products, rank: int, generator: torch.Generator) -> "Nystrom":
        """A sketch of so many columns; a shift of the square root of rounding keeps the small matrix positive."""
        theta = products.theta
        random = torch.randn(len(theta), rank, generator=generator, dtype=torch.float64).to(theta)
        directions = torch.linalg.qr(random).Q
        images = torch.stack([products.forward(d) for d in directions.T])  # J Ω, as rows
        core = images @ images.T
        shift = torch.finfo(theta.dtype).eps ** 0.5 * float(core.diagonal().max())
        if shift == 0:  # θ has no influence at all
            return cls(directions, torch.zeros_like(core[0]))
        core.diagonal().add_(shift)
        sketched = torch.stack([products.adjoint(z) for z in images], dim=1) + shift * directions
        root = torch.linalg.solve_triangular(torch.linalg.cholesky(core).mT, sketched, upper=True, left=False)
        basis, singular, _ = torch.linalg.svd(root, full_matrices=False)
        return cls(basis, (singular.square() - shift).clamp_min(0))

    @property
    def largest(self) -> float:
        return float(self.values[0])

    def solve(self, g: Tensor, damping: float) -> Tensor:
        """P⁻¹ g with P⁻¹ = (λ_k + μ) U (Λ + μ)⁻¹ Uᵀ + (1 − U Uᵀ)."""
        shrink = (self.values[-1] + damping) / (self.values + damping) - 1
        return g + self.basis @ (shrink * (self.basis.T @ g))


@torch.no_grad()
def _loss(residual: Residual) -> float:
    r = residual()
    return 0.5 * float(r @ r)


def _require_squares(task: Task) -> None:
    other = [c.name for c in task.problem.constraints if c.norm != "l2"]
    if other:
        raise SolveError(f"NNCG takes differences of the rows, and the equations {other} are in another norm than l2, whose "
                         "weights would change with them. Take GaussNewton, LBFGS or a first-order method.")
