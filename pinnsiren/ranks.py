"""The processes of one solve: how they share points, add up what they computed, and agree. One process alone does nothing.

Points are independent, so every rank keeps each size-th of them; what solvers need of all is a sum of numbers, or the triangle
of a QR factorisation. All ranks run the same program and call these functions in the same order.
"""

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from pinnsiren.errors import RankError, SolveError

TIMEOUT = 300.0  # seconds without an answer after which a rank counts as lost: longer than any step between two messages
T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """A group of processes, and this one's place in it.

    Args:
        rank: of this process, 0 to size − 1.
        size: how many there are.
        device: where numbers have to be for messages: the CPU for gloo, this rank's GPU for nccl.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @classmethod
    def launched(cls, device: torch.device | None = None, timeout: float = TIMEOUT) -> "Ranks":
        """Those that ``torchrun`` started, as its environment says; one where there is none.

        Args:
            device: to compute on, by default cuda:LOCAL_RANK where there is a GPU for each process of the machine.
            timeout: seconds; see :data:`TIMEOUT`.

        Raises:
            SolveError: the others cannot be reached.
        """
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1 or "RANK" not in os.environ:
            return cls()
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if device is None:
            beside = int(os.environ.get("LOCAL_WORLD_SIZE", str(size)))  # all of a machine decide alike
            device = torch.device("cuda" if beside <= torch.cuda.device_count() else "cpu")
        if device.type == "cuda":
            device = torch.device("cuda", local if device.index is None else device.index)
            torch.cuda.set_device(device)
        if not dist.is_initialized():
            try:
                dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(seconds=timeout))
            except (RuntimeError, ValueError) as error:
                raise SolveError(f"the {size} processes of torchrun cannot reach each other "
                                 f"({str(error).splitlines()[0][:200]}); start them again.") from error
        return cls(dist.get_rank(), dist.get_world_size(), device)

    @property
    def is_first(self) -> bool:
        """Whether this one prints, writes and decides."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Which of ``count`` points are this rank's: each size-th, or all where there are fewer points than ranks."""
        return slice(self.rank, None, self.size) if count >= self.size else slice(None)

    def copies(self, count: int) -> int:
        """On how many ranks each of ``count`` points is: 1, or ``size`` where there are fewer points than ranks."""
        return 1 if count >= self.size else self.size

    def sum(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Each tensor summed over all ranks, by one all-reduce of all their numbers. They have one dtype."""
        if self.size == 1:
            return tensors
        parts = [(torch.view_as_real(t.resolve_conj()) if t.is_complex() else t).detach() for t in tensors]
        flat = torch.cat([p.reshape(-1) for p in parts]).to(self.device)
        with _answering():
            dist.all_reduce(flat)
        found = [x.view(p.shape).to(p.device) for x, p in zip(flat.split([p.numel() for p in parts]), parts, strict=True)]
        return tuple(torch.view_as_complex(x) if t.is_complex() else x for x, t in zip(found, tensors, strict=True))

    def total(self, value: Tensor) -> float:
        """The sum of a number over all ranks."""
        return float(self.sum(value)[0])

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Put the sum over all ranks into the gradients, by one all-reduce."""
        if self.size == 1:
            return
        grads = [p.grad for p in parameters if p.grad is not None]
        for grad, whole in zip(grads, self.sum(*grads), strict=True):
            grad.copy_(whole)

    def extreme(self, values: Tensor) -> Tensor:
        """The largest of each number over all ranks."""
        if self.size == 1:
            return values
        found = values.detach().to(self.device, copy=True)
        with _answering():
            dist.all_reduce(found, op=dist.ReduceOp.MAX)
        return found.to(values.device)

    def every(self, holds: bool) -> bool:
        """Whether something holds on all ranks."""
        return holds if self.size == 1 else not bool(self.extreme(torch.tensor([not holds], dtype=torch.int32)))

    def agreed(self, value: T) -> T:
        """What the first rank has: numbers, texts and dicts of them, by which all are to decide alike."""
        if self.size == 1:
            return value
        box: list[Any] = [value]
        with _answering():
            dist.broadcast_object_list(box, device=self.device)
        found: T = box[0]
        return found

    def first(self, value: float) -> float:
        """The first rank's number."""
        return value if self.size == 1 else float(self.same(torch.tensor([value], dtype=torch.float64))[0])

    def same(self, x: Tensor) -> Tensor:
        """The first rank's tensor, of the same shape on all: equal to the last bit, whatever machines they are."""
        if self.size == 1:
            return x
        real = torch.view_as_real(x.resolve_conj()) if x.is_complex() else x
        found = real.detach().to(self.device, copy=True).contiguous()
        with _answering():
            dist.broadcast(found, 0)
        found = found.to(x.device)
        return torch.view_as_complex(found) if x.is_complex() else found

    def whole(self, x: Tensor, count: int) -> Tensor:
        """Shares (n, …) put back into the order of all ``count`` points: each number is there once, so none is rounded."""
        if self.size == 1:
            return x
        found = x.new_zeros(count, *x.shape[1:])
        if self.copies(count) == 1 or self.is_first:
            found[self.share(count)] = x.detach()
        return self.sum(found)[0]

    def together(self, x: Tensor) -> Tensor:
        """The rows (n, …) of all ranks, below each other in the order of the ranks; their numbers may differ."""
        if self.size == 1:
            return x
        counts = torch.zeros(self.size, dtype=torch.int64)
        counts[self.rank] = len(x)
        counts = self.sum(counts)[0]
        found, start = x.new_zeros(int(counts.sum()), *x.shape[1:]), int(counts[:self.rank].sum())
        found[start:start + len(x)] = x.detach()
        return self.sum(found)[0]

    def triangle(self, rows: Tensor) -> Tensor:
        """R (n, n) of a QR factorisation of the rows (m, n) of all ranks, the same on each: triangles meet in a binary tree.

        As accurate as one factorisation of all rows; log₂(size) messages of n² numbers, one after the other, and a broadcast.

        Reference: Demmel, Grigori, Hoemmen & Langou, SIAM J. Sci. Comput. 34 (2012), TSQR.
        """
        factor = _square(torch.linalg.qr(rows.detach(), mode="r").R)
        if self.size == 1:
            return factor
        step = 1
        while step < self.size:
            if self.rank % (2 * step) == step:
                self._send(factor, self.rank - step)
                break
            if self.rank % (2 * step) == 0 and self.rank + step < self.size:
                below = self._receive(factor, self.rank + step)
                factor = torch.linalg.qr(torch.cat([factor, below]), mode="r").R
            step *= 2
        return self.same(factor)

    def _send(self, x: Tensor, to: int) -> None:
        real = torch.view_as_real(x.resolve_conj()) if x.is_complex() else x
        with _answering():
            dist.send(real.to(self.device).contiguous(), to)

    def _receive(self, like: Tensor, sender: int) -> Tensor:
        shape = (*like.shape, 2) if like.is_complex() else like.shape
        found = torch.empty(shape, dtype=like.real.dtype, device=self.device)
        with _answering():
            dist.recv(found, sender)
        found = found.to(like.device)
        return torch.view_as_complex(found) if like.is_complex() else found

    def exchange(self, parts: dict[int, Tensor]) -> dict[int, Tensor]:
        """Give each neighbour its part, and get theirs, of the same shape: all messages under way at once."""
        found = {other: torch.empty_like(part, device=self.device) for other, part in parts.items()}
        operations = [dist.P2POp(dist.isend, part.to(self.device).contiguous(), other) for other, part in parts.items()]
        operations += [dist.P2POp(dist.irecv, found[other], other) for other in parts]
        with _answering():
            for request in dist.batch_isend_irecv(operations) if operations else ():
                request.wait()
        return {other: x.to(parts[other].device) for other, x in found.items()}

    def close(self) -> None:
        """Leave the group, at the end of the program."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()


ALONE = Ranks()


class Signals:
    """While several ranks run: an interrupt on any of them lets all end at the same step, with nothing left half done.

    One process alone is interrupted at once, by Python's own KeyboardInterrupt. Once a rank is ``lost``, SIGTERM is ignored.
    """

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks
        self.asked = self.lost = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Signals":
        if self.ranks.size > 1 and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            # torchrun sends SIGTERM to the rest when one process died, and kills them 30 s later: time to save and tell
            signal.signal(number, signal.SIG_IGN if self.lost and number == signal.SIGTERM else handler)

    def stop_all(self) -> bool:
        """Whether any rank was interrupted."""
        return not self.ranks.every(not self.asked)

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True


def _square(factor: Tensor) -> Tensor:
    """R with rows of zeros below it where there were fewer rows than columns."""
    missing = factor.shape[1] - len(factor)
    return torch.cat([factor, factor.new_zeros(missing, factor.shape[1])]) if missing > 0 else factor


@contextmanager
def _answering() -> Iterator[None]:
    """What the backend says when a peer has died or is silent, as an error that the loop knows."""
    try:
        yield
    except RuntimeError as error:  # gloo's and nccl's own errors are RuntimeErrors
        said = str(error).splitlines()[0][:200]
        raise RankError(f"another process of this solve died or does not answer ({said})") from error
