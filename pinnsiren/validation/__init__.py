"""How far to trust a solution: references computed from the same equations, and a report with a verdict."""

from pinnsiren.validation.comparison import validate
from pinnsiren.validation.exact import Exact
from pinnsiren.validation.finite_difference import Chebyshev, FiniteDifference, Leapfrog, MethodOfLines, SpectralLines
from pinnsiren.validation.reference import Reference, ReferenceSolution
from pinnsiren.validation.report import FieldError, Report, Verdict

__all__ = ["Chebyshev", "Exact", "FieldError", "FiniteDifference", "Leapfrog", "MethodOfLines", "Reference",
           "ReferenceSolution", "Report", "SpectralLines", "Verdict", "validate"]
