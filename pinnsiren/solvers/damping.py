"""Damped least-squares steps: one reduction of the Jacobian to a small system, then a cheap factorisation for each damping.

Which reduction follows from what fits into memory. With R rows and P parameters: J whole, by its smaller side; JᵀJ summed over
pieces of the rows where P × P fits; JJᵀ filled block by block where R × R does; and where neither does, a sketch of J with as
many rows as do (see :mod:`pinnsiren.solvers.sketch`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnsiren.errors import SolveError
from pinnsiren.solvers.linearised import BYTES, SHARE, Linearised

SQUARES = 3  # of the smaller side that Cholesky's steps hold: the matrix, it with the damping, and its factor
TRIANGLES = 6  # that orthogonal ones do: the triangle, rows to be added to it, their factorisation, and that of a step

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Proposal:
    """One step.

    Args:
        step: p, (P,).
        gain: ½‖s‖² − ½‖J p + s‖², the reduction that the linearisation predicts.
        correction: t ↦ argmin_a ‖J a + t‖² + λ ‖a‖² for any t (R,), with the same factorisation; to half of the digits.
    """

    step: Tensor
    gain: float
    correction: Map


class DampedSteps(ABC):
    """The steps p(λ) = argmin_p ‖J p + s‖² + λ ‖p‖².

    Attributes:
        size: ‖J‖_F², the sum of the squared singular values.
    """

    size: float

    @abstractmethod
    def step(self, damping: float) -> Proposal | None:
        """p(λ); None where rounding makes the system singular."""


def damped_steps(system: Linearised, target: Tensor, *, precise: bool, memory_limit: float) -> DampedSteps:
    """Reduce J (R, P) by what fits into memory.

    Args:
        target: s, (R,).
        precise: by orthogonal factorisations, in full precision; otherwise by the normal equations and Cholesky's, several
            times cheaper, whose steps along singular values below 1e-8 of the largest are lost. Where J does not fit and has
            fewer rows than columns, or triangles do not fit, it is always the latter.
        memory_limit: bytes.

    Raises:
        SolveError: several ranks, and JᵀJ does not fit.
    """
    rows, columns = system.shape
    tall = rows >= columns
    whole = system.held is not None and system.ranks.size == 1
    precise = precise and (whole or (tall and columns <= fitting(memory_limit, TRIANGLES)))
    if system.ranks.size > 1:
        return _of_all_ranks(system, target, precise=precise, memory_limit=memory_limit)
    if system.held is not None:
        shifted = target.to(system.held)
        if precise:
            return Orthogonal.of(system.held, shifted, tall, system.adjoint)
        if tall:
            return NormalEquations.of(system.held.T @ system.held, system.held.T @ shifted, system.adjoint)
        return Kernel.of(system.held @ system.held.T, shifted, system.adjoint)
    if min(rows, columns) > fitting(memory_limit, SQUARES):
        from pinnsiren.solvers.sketch import sketched  # it reduces what it sketched by this function
        return sketched(system, target, memory_limit)
    if not tall:
        return Kernel.of(kernel(system, memory_limit), target, system.adjoint)
    if precise:
        return Orthogonal.of_triangle(triangle(system, target), system.adjoint)
    return NormalEquations.of(*normal_equations(system, target), system.adjoint)


def _of_all_ranks(system: Linearised, target: Tensor, *, precise: bool, memory_limit: float) -> DampedSteps:
    """From the rows of all ranks: the sum of their JᵀJ, or one triangle of theirs."""
    ranks, columns = system.ranks, system.shape[1]
    if columns > fitting(memory_limit, SQUARES):
        raise SolveError(f"on {ranks.size} processes Gauss–Newton needs {columns} × {columns} numbers, which do not fit into "
                         f"memory_limit={memory_limit:.1e} bytes. Allow more, take Adam, or solve in one process.")
    if precise:
        return Orthogonal.of_triangle(ranks.triangle(triangle(system, target)), system.adjoint)
    gram, moment = ranks.sum(*normal_equations(system, target))
    return NormalEquations.of(gram, moment, system.adjoint)


def fitting(memory_limit: float, squares: int) -> int:
    """The largest n of which ``squares`` matrices n × n fit into so many bytes, beside the rows of a piece."""
    return int(((1 - SHARE) * memory_limit / (squares * BYTES)) ** 0.5)


def normal_equations(system: Linearised, target: Tensor) -> tuple[Tensor, Tensor]:
    """JᵀJ and Jᵀs, summed over pieces of the rows."""
    like = target if system.held is None else system.held
    gram, moment = like.new_zeros(system.shape[1], system.shape[1]), like.new_zeros(system.shape[1])
    for places, rows in system.pieces():
        gram.addmm_(rows.T, rows)
        moment += rows.T @ target[places].to(rows)
    return gram, moment


def triangle(system: Linearised, target: Tensor) -> Tensor:
    """The triangle of a QR factorisation of (J s), to which pieces of the rows are added as they come: (P + 1, P + 1)."""
    held: list[Tensor] = []
    for places, rows in system.pieces():
        held.append(torch.cat([rows, target[places, None]], dim=1))
        if sum(map(len, held)) > 2 * system.shape[1]:
            held = [torch.linalg.qr(torch.cat(held), mode="r").R]
    return torch.linalg.qr(torch.cat(held), mode="r").R


def kernel(system: Linearised, memory_limit: float) -> Tensor:
    """JJᵀ, (R, R): each block of rows that fits is held while the others are made once more beside it."""
    count = system.shape[0]
    gram = system.r.new_empty(count, count)
    most = max(1.0, (memory_limit - BYTES * SQUARES * count**2) / 2)
    pieces, start, done = system.pieces(), 0, False
    while not done:
        places, block = [], []
        for place, rows in pieces:
            places.append(place)
            block.append(rows)
            if sum(b.numel() for b in block) * BYTES >= most:
                break
        else:
            done = True
        if not block:
            break
        own, held = torch.cat(places), torch.cat(block)
        gram[own[:, None], own] = held @ held.T
        start += len(block)
        for others, rows in system.pieces(start):
            part = held @ rows.T
            gram[own[:, None], others], gram[others[:, None], own] = part, part.T
        pieces = system.pieces(start)
    return gram


def _inverse(gram: Tensor, damping: float) -> Map | None:
    """(G + λ)⁻¹; None where Cholesky's factorisation fails."""
    shifted = gram.clone()
    shifted.diagonal().add_(damping)
    factor, failed = torch.linalg.cholesky_ex(shifted)
    return None if bool(failed) else lambda b: torch.cholesky_solve(b.to(factor)[:, None], factor)[:, 0]


@dataclass(frozen=True, eq=False)
class NormalEquations(DampedSteps):
    """p = −(JᵀJ + λ)⁻¹ Jᵀs."""

    gram: Tensor  # JᵀJ
    moment: Tensor  # Jᵀs
    adjoint: Map  # y ↦ Jᵀ y
    size: float

    @classmethod
    def of(cls, gram: Tensor, moment: Tensor, adjoint: Map) -> "NormalEquations":
        """From JᵀJ, Jᵀs and y ↦ Jᵀ y."""
        return cls(gram, moment, adjoint, float(gram.diagonal().sum()))

    def step(self, damping: float) -> Proposal | None:
        inverse = _inverse(self.gram, damping)
        if inverse is None:
            return None
        p = inverse(-self.moment)
        predicted = -float(p @ self.moment) - 0.5 * float(p @ (self.gram @ p))
        return Proposal(p, predicted, lambda t: inverse(-self.adjoint(t)))


@dataclass(frozen=True, eq=False)
class Kernel(DampedSteps):
    """p = −Jᵀ (JJᵀ + λ)⁻¹ s, where there are fewer rows than parameters."""

    gram: Tensor  # JJᵀ
    target: Tensor  # s
    adjoint: Map  # y ↦ Jᵀ y
    size: float

    @classmethod
    def of(cls, gram: Tensor, target: Tensor, adjoint: Map) -> "Kernel":
        """From JJᵀ, s and y ↦ Jᵀ y."""
        return cls(gram, target, adjoint, float(gram.diagonal().sum()))

    def step(self, damping: float) -> Proposal | None:
        inverse = _inverse(self.gram, damping)
        if inverse is None:
            return None
        y = inverse(-self.target)
        return Proposal(self.adjoint(y), gain(self.gram @ y, self.target), lambda t: self.adjoint(inverse(-t)))


@dataclass(frozen=True, eq=False)
class Orthogonal(DampedSteps):
    """p = Q y with y = argmin ‖M y + s‖² + λ ‖y‖², by QR of M with √λ below it; M is square, from a QR of J or Jᵀ."""

    square: Tensor  # M
    shifted: Tensor  # s
    lift: Tensor | None  # Q; None for the identity
    adjoint: Map  # y ↦ Jᵀ y
    size: float

    @classmethod
    def of(cls, jacobian: Tensor, target: Tensor, tall: bool, adjoint: Map) -> "Orthogonal":
        """Reduce J (R, P)."""
        if tall:
            return cls.of_triangle(torch.linalg.qr(torch.cat([jacobian, target[:, None]], dim=1), mode="r").R, adjoint)
        q, factor = torch.linalg.qr(jacobian.T)
        return cls(factor.T, target, q, adjoint, float(factor.square().sum()))

    @classmethod
    def of_triangle(cls, factor: Tensor, adjoint: Map) -> "Orthogonal":
        """From the triangle of a QR factorisation of (J s)."""
        size = factor.shape[1] - 1
        square = factor[:size, :size]
        return cls(square, factor[:size, size], None, adjoint, float(square.square().sum()))

    def step(self, damping: float) -> Proposal | None:
        size = len(self.shifted)
        stacked = self.square.new_zeros(2 * size, size + 1)
        stacked[:size, :size], stacked[:size, size] = self.square, -self.shifted
        stacked[size:, :size].fill_diagonal_(damping**0.5)
        factor = torch.linalg.qr(stacked, mode="r").R
        if not bool((factor.diagonal()[:size] != 0).all()):
            return None
        root = factor[:size, :size]
        y = torch.linalg.solve_triangular(root, factor[:size, size:], upper=True)[:, 0]

        def correction(t: Tensor) -> Tensor:
            moment = self.adjoint(t) if self.lift is None else self.square.T @ t
            return self._lifted(-torch.cholesky_solve(moment[:, None], root, upper=True)[:, 0])

        return Proposal(self._lifted(y), gain(self.square @ y, self.shifted), correction)

    def _lifted(self, y: Tensor) -> Tensor:
        return y if self.lift is None else self.lift @ y


def gain(image: Tensor, target: Tensor) -> float:
    """½‖s‖² − ½‖s + J p‖² from J p."""
    return -float(image @ target) - 0.5 * float(image @ image)
