"""How far to trust a solution: references computed from the same equations, and a report with a verdict."""

from pinnsiren.validation.comparison import validate
from pinnsiren.validation.eikonal import FastSweeping
from pinnsiren.validation.exact import Exact
from pinnsiren.validation.finite_difference import Chebyshev, FiniteDifference, Leapfrog, MethodOfLines, SpectralLines
from pinnsiren.validation.finite_elements import FiniteElements
from pinnsiren.validation.reference import Reference, ReferenceSolution
from pinnsiren.validation.reflection import reflection
from pinnsiren.validation.report import FieldError, Reflection, Report, Verdict
from pinnsiren.validation.tabulated import Tabulated

__all__ = ["Chebyshev", "Exact", "FastSweeping", "FieldError", "FiniteDifference", "FiniteElements", "Leapfrog",
           "MethodOfLines", "Reference", "ReferenceSolution", "Reflection", "Report", "SpectralLines", "Tabulated", "Verdict",
           "reflection", "validate"]
