"""An image from its gradient: the first row of the paper's table on Poisson's equation."""

from pinnsiren.equations.images import image_from_gradients
from pinnsiren.experiments.rebuilding import rebuilding

EXPERIMENT = rebuilding(image_from_gradients, "gradient", {
    "SIREN": ("32.91", "46.85"), "tanh": ("25.79", ""), "ReLU, positional encoding": ("26.35", "")})
