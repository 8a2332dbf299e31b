"""All rows of a linear problem for a Windows network as one operator: A x and Aᵀ y."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnsiren.errors import SolveError
from pinnsiren.networks.windows import Windows
from pinnsiren.ranks import ALONE
from pinnsiren.solvers.window_points import point_rows
from pinnsiren.solvers.window_rows import Block, Layout, Rows, cell_rows
from pinnsiren.solvers.window_slabs import Slab


@dataclass(frozen=True, eq=False)
class WindowOperator:
    """A and b of min ‖A x − b‖ for a Windows network, whose coefficients are ``basis`` @ x.

    Args:
        blocks: their rows.
        basis: (features, r), float64.
        shape: (windows, r, outputs) of x.
        slab: the cells whose rows these are, and to whose windows x belongs.
    """

    blocks: tuple[Rows, ...]
    basis: Tensor
    shape: tuple[int, int, int]
    slab: Slab

    @classmethod
    def of(cls, network: Windows, blocks: Sequence[Block], basis: Tensor, *, dtype: torch.dtype = torch.float64,
           memory_limit: float = 4e9, slab: Slab | None = None) -> "WindowOperator":
        """Prepare all rows.

        Args:
            blocks: at the points of the slab.
            dtype: of the products; float32 is twice as fast, and keeps six digits.
            memory_limit: for the rows, bytes.
            slab: by default all cells.

        Raises:
            SolveError: explicit rows that do not fit.
        """
        slab = slab or Slab.of(network, ALONE)
        rows = []
        for block in blocks:
            layout = Layout.of(network, block.points)
            size = len(block.points) * len(network.corners) * basis.shape[1] * len(block.operators) * dtype.itemsize
            if not layout.shared and size > memory_limit:
                raise SolveError(f"{len(block.points)} points that lie anyhow need {size / 1e9:.1f} GB of rows; use "
                                 "points on a grid that repeats in every cell, fewer points, or fewer features.")
            make = cell_rows if layout.shared else point_rows
            made = make(network, block, layout, basis, dtype)
            rows.append(made.numbered_from(slab.start) if slab.start else made)
        return cls(tuple(rows), basis, (slab.windows, basis.shape[1], network.outputs), slab)

    @property
    def target(self) -> Tensor:
        """b, (rows,)."""
        return torch.cat([rows.target for rows in self.blocks])

    def zero(self) -> Tensor:
        """x = 0."""
        return self.blocks[0].target.new_zeros(self.shape)

    def forward(self, x: Tensor) -> Tensor:
        """A x, (rows,)."""
        return torch.cat([rows.forward(x) for rows in self.blocks])

    def adjoint(self, y: Tensor) -> Tensor:
        """Aᵀ y, shaped as x."""
        total = self.zero()
        for rows, part in zip(self.blocks, y.split([len(rows.target) for rows in self.blocks]), strict=True):
            rows.adjoint(part, total)
        return self.slab.exchange(total)

    def coefficients(self, x: Tensor) -> Tensor:
        """Those of the network, (windows, features, outputs), from the unknowns of all windows."""
        return torch.einsum("kr,wro->wko", self.basis, x.to(self.basis))
