"""Signals: measured data that become equations: images, two blended, sounds, videos, points of surfaces. No torch here."""

from pinnsiren.signals.blending import Mode, blend, blend_by_differences, blended
from pinnsiren.signals.cosines import Target
from pinnsiren.signals.distances import Distances, lattice_distances, nearest_distances
from pinnsiren.signals.images import Image, read_image
from pinnsiren.signals.noise import noise_of, without_noise
from pinnsiren.signals.normals import with_estimated_normals
from pinnsiren.signals.points import PointCloud, PointCloudWarning, point_cloud, read_points
from pinnsiren.signals.recovery import ceiling, psnr, without_null_space
from pinnsiren.signals.shapes import Shape, shape
from pinnsiren.signals.sounds import Sound, read_sound
from pinnsiren.signals.videos import Video, read_video

__all__ = [
    "Distances", "Image", "Mode", "PointCloud", "PointCloudWarning", "Shape", "Sound", "Target", "Video", "blend",
    "blend_by_differences", "blended", "ceiling", "lattice_distances", "nearest_distances", "noise_of", "point_cloud", "psnr",
    "read_image", "read_points", "read_sound", "read_video", "shape", "with_estimated_normals", "without_noise",
    "without_null_space",
]
