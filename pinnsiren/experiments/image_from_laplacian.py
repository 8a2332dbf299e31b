"""An image from its Laplacian: the second row of the paper's table on Poisson's equation."""

from pinnsiren.equations.images import image_from_laplacian
from pinnsiren.experiments.rebuilding import rebuilding

EXPERIMENT = rebuilding(image_from_laplacian, "laplacian", {
    "SIREN": ("14.95", "57.13"), "tanh": ("7.11", ""), "ReLU, positional encoding": ("11.14", "")})
