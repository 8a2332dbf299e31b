"""Points where they are needed: drawn anew with a density that follows the residual, or kept where it is large."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, get_args

import torch
from torch import Tensor

from pinnsiren.errors import SolveError
from pinnsiren.ranks import ALONE
from pinnsiren.residual import Residual, Sample

POOL = 10  # trial points for each that is kept
FLOOR = 1.0  # share of uniform points beside those that follow the residual, in units of the latter


Adaptive = Literal["rad", "r3"]  # residual-based adaptive distribution; retain, resample, release


def redraw(adaptive: Adaptive | None) -> Callable[[Residual, int], Residual]:
    """What draws the next points: :func:`concentrated`, :func:`retained`, or evenly spread ones for None."""
    return {"rad": concentrated, "r3": retained, None: Residual.resampled}[adaptive]


def require_adaptive(adaptive: Adaptive | None, solver: str) -> None:
    """Refuse what is no way to draw points."""
    if adaptive not in (None, *get_args(Adaptive)):
        raise SolveError(f"{solver}(adaptive={adaptive!r}) is not known; choose one of {', '.join(get_args(Adaptive))}, or "
                         "None for evenly spread points.")


@torch.no_grad()
def concentrated(residual: Residual, seed: int) -> Residual:
    """The same equations at as many new points, of density |C| / mean|C| + 1.

    Layers and fronts, which few uniform points would meet, get half of the points. Rows keep their weights, so the loss is
    that with the new density. Sets of points, and regions that are single points, are left as they are.

    Args:
        residual: its rows decide, and its numbers of points are kept.
        seed: of the points.

    Reference: Wu, Zhu, Tan, Kartha & Lu, Comput. Methods Appl. Mech. Eng. 403 (2023), "RAD" with k = c = 1.
    """
    ranks = residual.ranks
    pool = replace(residual, ranks=ALONE).crowded(POOL, seed)  # all of it: who knows where the chosen ones lie?
    share = pool.shared(ranks)
    r, generator = share(), torch.Generator().manual_seed(seed)
    chosen = []
    for sample, wanted in zip(share.samples, residual.samples, strict=True):
        if not sample.is_drawn:
            chosen.append(torch.arange(sample.whole))
            continue
        density = _density(ranks.whole(_sizes(share, sample, r), sample.whole).cpu())
        chosen.append(_systematic(density, wanted.whole, generator))
    found = pool.selected(chosen, ranks)
    samples = zip(found.samples, residual.samples, strict=True)
    return replace(found, samples=tuple(replace(s, group=old.group) for s, old in samples))


@torch.no_grad()
def retained(residual: Residual, seed: int) -> Residual:
    """The same equations at as many points: those with |C| above its mean over them stay, new ones replace the others.

    What was missed gathers points step after step, without a pool of trial points; new ones are spread evenly. Sets of points,
    and regions that are single points, are left as they are.

    Args:
        residual: its rows decide.
        seed: of the new points.

    Reference: Daw, Bu, Wang, Perdikaris & Karpatne, ICML 2023, "R3": retain, resample, release.
    """
    ranks = residual.ranks
    new = replace(residual, ranks=ALONE).resampled(seed)
    r, columns = residual(), residual.columns()
    for place, (sample, fresh) in enumerate(zip(residual.samples, new.samples, strict=True)):
        if sample.is_drawn:
            size = ranks.whole(_sizes(residual, sample, r), sample.whole)
            stay = size > size.mean()
            columns[place] = {c: torch.where(stay, v, fresh.columns[c]) for c, v in columns[place].items()}
    return residual.placed(columns)


def _systematic(density: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Places of ``count`` draws at equal distances along the cumulated density, from a random start.

    A place comes up as often as its density asks, rounded up or down: twice only where the pool has too few there.
    """
    edges = density.double().cumsum(dim=0)
    along = (torch.arange(count, dtype=torch.float64) + torch.rand(1, generator=generator, dtype=torch.float64)) / count
    return torch.searchsorted(edges, along * edges[-1]).clamp_max(len(density) - 1)


def _sizes(residual: Residual, sample: Sample, r: Tensor) -> Tensor:
    """|C| at the points of a sample, over all of its equations."""
    rows = [r[residual.blocks[c.name]].view(-1, sample.count) for c, _ in sample.group.components()]
    size: Tensor = torch.cat(rows).double().norm(dim=0)
    return size


def _density(size: Tensor) -> Tensor:
    """|C| / mean|C| + 1; uniform where it is not finite, or 0."""
    mean = float(size.mean())
    return size / mean + FLOOR if 0 < mean < float("inf") else torch.ones_like(size)
