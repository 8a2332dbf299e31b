"""Noise of a point cloud: how much there is, and the cloud without most of it."""

from dataclasses import replace

import numpy as np

from pinnsiren.errors import DataError
from pinnsiren.signals.points import PointCloud

NEIGHBOURS = 6
NOISY = 0.3  # of the spacing; on a smooth surface neighbours are less than a tenth of it off each other's planes
WIDE = 2.0  # noises: how far along the surface neighbours are averaged at least
MOST = 200  # of these neighbours
ROUNDS = 2
ALIKE = 0.7  # cosine between normals on one sheet
SAMPLED = 5000  # points at which neighbours are counted


def noise_of(cloud: PointCloud) -> float:
    """The standard deviation of points across the surface, by heights of neighbours over each other's planes; dimensionless.

    Curvature and edges count, too, so that it is an upper bound: the median over the points, some hundredths of the spacing
    where there is no noise.

    Raises:
        DataError: a cloud without normals.
    """
    if cloud.normals is None:
        raise DataError(f"the cloud {cloud.name} has no normals, across which its noise could be measured; estimate them with "
                        "pinnsiren.signals.with_estimated_normals(cloud).")
    near = cloud.nearest(cloud.points, NEIGHBOURS + 1)[1]
    height = np.abs(np.einsum("nki,ni->nk", cloud.points[near[:, 1:]] - cloud.points[:, None], cloud.normals))
    return float(np.median(height) / 0.6745 / np.sqrt(2))  # the median of |N(0, 1)|, and two noisy points


def without_noise(cloud: PointCloud) -> PointCloud:
    """The points moved along their normals to the mean height of their neighbours, where their noise is above 0.3 spacings.

    Of noisy points the nearest is too near: its distance is short by two or three standard deviations. Neighbours are as many
    as lie within twice the noise, 12 to 200, on the same sheet by their normals; two rounds. What is smaller is smoothed away.
    """
    noise = noise_of(cloud)
    if noise < NOISY * cloud.spacing:
        return cloud
    far, _ = cloud.nearest(cloud.thinned(SAMPLED).points, MOST)
    within = float(np.median((far < WIDE * noise).sum(axis=1)))
    k = int(np.clip(within, 2 * NEIGHBOURS, MOST))
    for _ in range(ROUNDS):
        assert cloud.normals is not None
        near = cloud.nearest(cloud.points, k + 1)[1]
        alike = np.einsum("nki,ni->nk", cloud.normals[near], cloud.normals) > ALIKE
        height = np.einsum("nki,ni->nk", cloud.points[near] - cloud.points[:, None], cloud.normals)
        mean = (height * alike).sum(axis=1) / alike.sum(axis=1)
        cloud = replace(cloud, points=cloud.points + mean[:, None] * cloud.normals)
    return cloud
