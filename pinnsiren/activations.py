"""Activations of neurons and their derivatives of any order up to the fifth, by name."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnsiren.errors import SolveError


class Activation(ABC):
    """A scalar function f with derivatives f, f', …, f^(5), built from a few tensors that are computed once."""

    @abstractmethod
    def basis(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        """What the derivatives up to ``order`` are made of; each has the shape of z."""

    @abstractmethod
    def derivative(self, basis: Sequence[Tensor], k: int) -> Tensor:
        """f^(k)(z) from the basis at z."""


@dataclass(frozen=True)
class Sine(Activation):
    """sin z; its derivatives are cos z, −sin z, −cos z, sin z, …"""

    def basis(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        return torch.sin(z), torch.cos(z)

    def derivative(self, basis: Sequence[Tensor], k: int) -> Tensor:
        return basis[k % 2] if k % 4 < 2 else -basis[k % 2]


@dataclass(frozen=True)
class Finer(Activation):
    """sin g with g = (|z|/ω + 1) z: a sine whose frequency grows with |z|, so that biases choose the frequency.

    g' = 2|z|/ω + 1, g'' = 2 sign(z)/ω, and nothing further: f'' jumps at z = 0.

    Args:
        omega: ω > 0, so that a layer is sin(ω (|z'| + 1) z') for z = ω z'.

    Reference: Liu et al., FINER: flexible spectral-bias tuning in implicit neural representation by variable-periodic
        activation functions, CVPR 2024.
    """

    omega: float = 1.0

    def basis(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        rise = z.abs() / self.omega
        g = (rise + 1) * z
        return torch.sin(g), torch.cos(g), 2 * rise + 1, 2 / self.omega * torch.sign(z)

    def derivative(self, basis: Sequence[Tensor], k: int) -> Tensor:
        """By Faà di Bruno's formula; g has no third derivative."""
        sine, cosine, p, q = basis
        match k:
            case 0:
                return sine
            case 1:
                return cosine * p
            case 2:
                return cosine * q - sine * p**2
            case 3:
                return -cosine * p**3 - 3 * sine * p * q
            case 4:
                return sine * p**4 - 6 * cosine * p**2 * q - 3 * sine * q**2
            case _:
                return cosine * p**5 + 10 * sine * p**3 * q - 15 * cosine * p * q**2


@dataclass(frozen=True)
class Tanh(Activation):
    """t = tanh z, with t' = 1 − t², and every further derivative a polynomial in t."""

    def basis(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        return (torch.tanh(z),)

    def derivative(self, basis: Sequence[Tensor], k: int) -> Tensor:
        return _polynomial_in(basis[0], _derivatives((0, 1), slope=(1, 0, -1), k=k))


@dataclass(frozen=True)
class Softplus(Activation):
    """log(1 + eᶻ); with the logistic function p = 1/(1 + e⁻ᶻ), f' = p and p' = p − p²."""

    def basis(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        # logaddexp, since torch's softplus is the identity above z = 20: an error of 2e-9.
        return torch.logaddexp(z, torch.zeros_like(z)), torch.sigmoid(z)

    def derivative(self, basis: Sequence[Tensor], k: int) -> Tensor:
        return basis[0] if k == 0 else _polynomial_in(basis[1], _derivatives((0, 1), slope=(0, 1, -1), k=k - 1))


@dataclass(frozen=True)
class ReLU(Activation):
    """max(z, 0): slope 0 or 1 (0 at the kink), every higher derivative 0. It cannot satisfy a second-order equation."""

    def basis(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        return torch.relu(z), (z > 0).to(z.dtype)

    def derivative(self, basis: Sequence[Tensor], k: int) -> Tensor:
        return basis[k] if k < 2 else torch.zeros_like(basis[0])


@dataclass(frozen=True)
class Identity(Activation):
    """z itself."""

    def basis(self, z: Tensor, order: int) -> tuple[Tensor, ...]:
        return (z,)

    def derivative(self, basis: Sequence[Tensor], k: int) -> Tensor:
        return basis[0] if k == 0 else torch.full_like(basis[0], float(k == 1))


def activation_named(name: str) -> Activation:
    """The activation of a name: finer, identity, relu, sine, softplus, tanh.

    Raises:
        SolveError: no such activation.
    """
    known = {"finer": Finer(), "identity": Identity(), "relu": ReLU(), "sine": Sine(), "softplus": Softplus(), "tanh": Tanh()}
    if name not in known:
        raise SolveError(f"activation {name!r} is not known; choose one of {', '.join(known)}.")
    return known[name]


def _derivatives(polynomial: tuple[int, ...], *, slope: tuple[int, ...], k: int) -> tuple[int, ...]:
    """Coefficients of the k-th derivative along z of a polynomial in t(z), where dt/dz is the polynomial ``slope``."""
    for _ in range(k):
        inner = [m * c for m, c in enumerate(polynomial)][1:]
        polynomial = tuple(sum(inner[m] * slope[n - m] for m in range(len(inner)) if 0 <= n - m < len(slope))
                           for n in range(len(inner) + len(slope) - 1))
    return polynomial


def _polynomial_in(t: Tensor, coefficients: tuple[int, ...]) -> Tensor:
    value = torch.full_like(t, float(coefficients[-1]))
    for coefficient in reversed(coefficients[:-1]):
        value = value * t + coefficient
    return value
