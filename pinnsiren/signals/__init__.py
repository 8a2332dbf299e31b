"""Signals: measured data that become equations: images, points of surfaces. No torch here."""

from pinnsiren.signals.distances import Distances, lattice_distances, nearest_distances
from pinnsiren.signals.images import Image, Target, ceiling, psnr, read_image, without_null_space
from pinnsiren.signals.noise import noise_of, without_noise
from pinnsiren.signals.normals import with_estimated_normals
from pinnsiren.signals.points import PointCloud, PointCloudWarning, point_cloud, read_points
from pinnsiren.signals.shapes import Shape, shape

__all__ = [
    "Distances",
    "Image",
    "PointCloud",
    "PointCloudWarning",
    "Shape",
    "Target",
    "ceiling",
    "lattice_distances",
    "nearest_distances",
    "noise_of",
    "point_cloud",
    "psnr",
    "read_image",
    "read_points",
    "shape",
    "with_estimated_normals",
    "without_noise",
    "without_null_space",
]
