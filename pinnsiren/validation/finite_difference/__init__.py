"""Grid references: the problem's equations with every partial replaced by a differentiation matrix."""

from pinnsiren.validation.finite_difference.evolution import MethodOfLines, SpectralLines
from pinnsiren.validation.finite_difference.leapfrog import Leapfrog
from pinnsiren.validation.finite_difference.schemes import Chebyshev, FiniteDifference

__all__ = ["Chebyshev", "FiniteDifference", "Leapfrog", "MethodOfLines", "SpectralLines"]
