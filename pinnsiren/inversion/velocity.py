"""What carries the unknown q = log(c/c₀): values on a grid, or a network. Each solves for its own Gauss–Newton step."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from scipy.interpolate import RegularGridInterpolator
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.linalg import splu

from pinnsiren.inversion.unknown import Unknown
from pinnsiren.jets import Channels
from pinnsiren.model import parameter_vector, set_parameters
from pinnsiren.networks import Network
from pinnsiren.surveys.waves import Array

SMALL = 1e-7  # of the largest diagonal entry of αR: damps the constant, which R does not see, and nothing else


@dataclass(frozen=True, eq=False)
class Quadratic:
    """½‖r + J δ‖² + α (½ δᵀR δ + gᵀδ): the model of the objective around q, for steps δ of q.

    Args:
        residual, jacobian: r (D,) and J (D, M).
        matrix: α R, (M, M), sparse.
        slope: α R q, (M,).
    """

    residual: Array
    jacobian: Array
    matrix: sparse.csr_matrix
    slope: Array

    @property
    def gradient(self) -> Array:
        """At δ = 0: (M,)."""
        return np.asarray(self.jacobian.T @ self.residual + self.slope)


class Velocity(ABC):
    """Parameters θ and the q (M,) that they give at the unknown nodes."""

    @abstractmethod
    def on(self, unknown: Unknown, theta: Array) -> tuple["Velocity", Array]:
        """The same velocity at the nodes of another grid, and its parameters there."""

    @abstractmethod
    def start(self) -> Array:
        """θ to begin with, (P,)."""

    @abstractmethod
    def values(self, theta: Array) -> Array:
        """q at the unknown nodes, (M,)."""

    @abstractmethod
    def at(self, theta: Array, points: Array) -> Array:
        """q at points (n, 2) of the unknown rectangle: (n,)."""

    @abstractmethod
    def steps(self, theta: Array, quadratic: Quadratic) -> Callable[[float], Array]:
        """λ ↦ the step of θ (P,) that minimises the quadratic, q linearised in θ, plus a damping ½λ‖δθ‖².

        λ ≥ 0 is relative to the size of the quadratic's matrix.
        """

    @abstractmethod
    def pulled_back(self, theta: Array, gradient: Array) -> Array:
        """(∂q/∂θ)ᵀ times a gradient in q (M,): (P,)."""


@dataclass(frozen=True, eq=False)
class GridVelocity(Velocity):
    """q itself at the unknown nodes: classical full-waveform inversion."""

    unknown: Unknown

    def on(self, unknown: Unknown, theta: Array) -> tuple[Velocity, Array]:
        return GridVelocity(unknown), self.at(theta, unknown.nodes)

    def at(self, theta: Array, points: Array) -> Array:
        """Linear between the nodes, constant beyond the last ones."""
        axes = [np.unique(c) for c in self.unknown.nodes.T]
        inside = np.clip(points, [a[0] for a in axes], [a[-1] for a in axes])
        return np.asarray(RegularGridInterpolator(axes, theta.reshape(self.unknown.shape))(inside))

    def start(self) -> Array:
        return np.zeros(len(self.unknown.nodes))

    def values(self, theta: Array) -> Array:
        return theta

    def steps(self, theta: Array, quadratic: Quadratic) -> Callable[[float], Array]:
        """By the sparse factors of αR and, there being fewer data than nodes, the formula of Sherman, Morrison and Woodbury."""
        size = float(quadratic.matrix.diagonal().max())

        def step(damping: float) -> Array:
            ridge = (SMALL + damping) * size * sparse.eye_array(len(theta))
            factors = splu(sparse.csc_matrix(quadratic.matrix + ridge), permc_spec="MMD_AT_PLUS_A")
            spread = factors.solve(np.ascontiguousarray(quadratic.jacobian.T))
            alone = factors.solve(-quadratic.gradient)
            inner = np.eye(len(quadratic.residual)) + quadratic.jacobian @ spread
            return np.asarray(alone - spread @ cho_solve(cho_factor(inner), quadratic.jacobian @ alone))

        return step

    def pulled_back(self, theta: Array, gradient: Array) -> Array:
        return gradient


@dataclass(frozen=True, eq=False)
class NetworkVelocity(Velocity):
    """q = N(x, y) at the unknown nodes, with the network's rows ∂N/∂θ in closed form.

    Args:
        network: of two inputs and one output, in float64; its parameters are where the inversion begins.
    """

    unknown: Unknown
    network: Network

    def on(self, unknown: Unknown, theta: Array) -> tuple[Velocity, Array]:
        return NetworkVelocity(unknown, self.network), theta

    def start(self) -> Array:
        return np.asarray(parameter_vector(self.network).numpy())

    def values(self, theta: Array) -> Array:
        return self.at(theta, self.unknown.nodes)

    def at(self, theta: Array, points: Array) -> Array:
        set_parameters(self.network, torch.from_numpy(theta))
        with torch.no_grad():
            return np.asarray(self.network(torch.from_numpy(points))[:, 0].numpy())

    def rows(self, theta: Array) -> Array:
        """∂q/∂θ, (M, P)."""
        set_parameters(self.network, torch.from_numpy(theta))
        trace = self.network.trace(torch.from_numpy(self.unknown.nodes), Channels(2, ((0, 0),)))
        return np.asarray(trace.pullback(torch.ones_like(trace.jet)).detach().numpy())

    def steps(self, theta: Array, quadratic: Quadratic) -> Callable[[float], Array]:
        """By Cholesky's factors."""
        rows = self.rows(theta)
        gradient, data = rows.T @ quadratic.gradient, quadratic.jacobian @ rows
        matrix = data.T @ data + rows.T @ (quadratic.matrix @ rows)
        size = float(np.trace(matrix)) / len(theta)

        def step(damping: float) -> Array:
            damped = matrix + (SMALL + damping) * size * np.eye(len(theta))
            return np.asarray(cho_solve(cho_factor(damped, overwrite_a=True), -gradient))

        return step

    def pulled_back(self, theta: Array, gradient: Array) -> Array:
        return np.asarray(self.rows(theta).T @ gradient)
