"""Two photographs blended by their gradients: Poisson's equation from images that no camera took.

The second picture of the SIREN paper's boundary-value problems (Sitzmann et al., NeurIPS 2020, sec. 4.1), and seamless cloning
(Pérez, Gangnet & Blake, SIGGRAPH 2003). What is asked for is in :func:`pinnsiren.signals.blend`.
"""

from pathlib import Path

import numpy as np

from pinnsiren.problem import Problem
from pinnsiren.signals import blending
from pinnsiren.signals.blending import Mode
from pinnsiren.signals.images import Image, read_image
from pinnsiren.signals.links import Mask

OVAL = (0.36, 0.30)  # half axes of the mask that is taken for cloning, in heights and widths of the image


def blend(a: str | Path = "astronaut", b: str | Path = "chelsea", mode: Mode = "average", size: int = 256, colour: bool = True,
          square: bool = True, mask: str | Path | None = None) -> Problem:
    """The image whose gradients are those of two images: their mean, the larger of the two, or a part of one cloned.

    Args:
        a, b: "photo", "astronaut", "camera", "chelsea", "coffee", … or the path of a file.
        mode: "average", "mix" or "clone" (see :func:`pinnsiren.signals.blend`).
        size: pixels along the longer side.
        colour: one field for each of red, green and blue; False for one of grey.
        square: crop both to the middle square; else they must have the same shape.
        mask: an image file, bright where gradients are blended; outside the values are a's. By default everywhere, and for
            "clone" an oval in the middle.
    """
    return blending.blend(*pair(a, b, mode, size, colour, square=square, mask=mask), mode)


def pair(a: str | Path, b: str | Path, mode: Mode, size: int, colour: bool, *, square: bool = True,
         mask: str | Path | None = None) -> tuple[Image, Image, Mask | None]:
    """The two images and the mask of :func:`blend`, for :func:`pinnsiren.signals.blend` and what is compared with it."""
    first, second = (read_image(source, size, colour=colour, square=square) for source in (a, b))
    if mask is None:
        return first, second, _oval(first.shape) if mode == "clone" else None
    return first, second, np.asarray(read_image(mask, size, square=square).values > 0.5)


def _oval(shape: tuple[int, int]) -> Mask:
    rows, columns = ((np.arange(n) + 0.5) / n - 0.5 for n in shape)
    return np.asarray((rows[:, None] / OVAL[0]) ** 2 + (columns / OVAL[1]) ** 2 < 1)
