"""The table that codes for the lid-driven cavity are compared with: velocities along its centre lines at Re = 100.

Reference: Ghia, Ghia & Shin, High-Re solutions for incompressible flow using the Navier–Stokes equations and a multigrid
method, J. Comput. Phys. 48 (1982) 387–411, tables I and II; second-order differences on 129 × 129 nodes. A converged
solution, whose velocities have the extremes −0.21404, 0.17957 and −0.25380 of Botella & Peyret, Computers & Fluids 27 (1998),
differs from these values by up to 0.005 in u and 0.009 in v.
"""

import numpy as np

from pinnsiren.domains import PointSet
from pinnsiren.symbols import Data, coordinates

CELLS = 128  # of their grid: the printed places 0.9766, … are the nodes k/128
U_ALONG_Y = {128: 1.00000, 125: 0.84123, 124: 0.78871, 123: 0.73722, 122: 0.68717, 109: 0.23151, 94: 0.00332, 79: -0.13641,
             64: -0.20581, 58: -0.21090, 36: -0.15662, 22: -0.10150, 13: -0.06434, 9: -0.04775, 8: -0.04192, 7: -0.03717,
             0: 0.00000}
V_ALONG_X = {128: 0.00000, 124: -0.05906, 123: -0.07391, 122: -0.08864, 121: -0.10313, 116: -0.16914, 110: -0.22445,
             103: -0.24533, 64: 0.05454, 30: 0.17527, 29: 0.17507, 20: 0.16077, 12: 0.12317, 10: 0.10890, 9: 0.10091,
             8: 0.09233, 0: 0.00000}


def ghia_u() -> PointSet:
    """u on x = ½ at 17 places, in the data column ``ghia``; in units of the lid's speed."""
    return _table(U_ALONG_Y, fixed=0)


def ghia_v() -> PointSet:
    """v on y = ½ at 17 places, in the data column ``ghia``; in units of the lid's speed."""
    return _table(V_ALONG_X, fixed=1)


def _table(values: dict[int, float], fixed: int) -> PointSet:
    along = np.array(list(values)) / CELLS
    points = np.insert(along[:, None], fixed, 0.5, axis=1)
    return PointSet(coordinates("x y"), points, {Data("ghia"): list(values.values())})
