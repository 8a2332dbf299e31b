"""Files that ship inside dependencies: photographs, a slice of a head, a film."""

from importlib.util import find_spec
from pathlib import Path

import matplotlib.cbook


def of_matplotlib(name: str) -> Path:
    """A file of matplotlib's sample data."""
    return Path(str(matplotlib.cbook.get_sample_data(name, asfileobj=False)))


def of_scikit_image(name: str) -> Path | None:
    """A file of scikit-image's data; None where scikit-image is not installed."""
    found = find_spec("skimage")
    return None if found is None or found.origin is None else Path(found.origin).parent / "data" / name
