"""pinnsiren: write a boundary-value problem as on paper, get a neural field that satisfies it, and how far to trust it."""

from pinnsiren import signals
from pinnsiren.ansatz import Ansatz
from pinnsiren.diagnosis import Diagnosis, diagnose
from pinnsiren.domains import Ball, Box, Disc, Domain, Interval, Mesh, PointSet, Polygon
from pinnsiren.domains.implicit import Region
from pinnsiren.equation import Constraint, Equation
from pinnsiren.errors import (
    DataError,
    DomainError,
    EquationError,
    PinnsirenError,
    ProblemError,
    RankError,
    ReferenceError,
    SolveError,
    StorageError,
)
from pinnsiren.gridded import Gridded
from pinnsiren.networks import MLP, Fourier, ModuleNetwork, Network, Siren, Windows
from pinnsiren.pml import PML
from pinnsiren.problem import Problem
from pinnsiren.ranks import Ranks
from pinnsiren.solution import Estimate, History, Solution, Status, load
from pinnsiren.solve import ProblemWarning, resume, solve
from pinnsiren.solvers import (
    LBFGS,
    NNCG,
    SOAP,
    Adam,
    Automatic,
    Continuation,
    Curriculum,
    GaussNewton,
    LeastSquares,
    MatrixFree,
    Muon,
    Sequence,
    Solver,
    SSBroyden,
    TimeSlabs,
)
from pinnsiren.space import Family, Space
from pinnsiren.symbols import (
    Data,
    Field,
    Normal,
    Parameter,
    Unknown,
    coordinates,
    div,
    grad,
    laplacian,
    normal_derivative,
    time,
)
from pinnsiren.validation import (
    Chebyshev,
    Exact,
    FastSweeping,
    FiniteDifference,
    FiniteElements,
    Leapfrog,
    MethodOfLines,
    Reference,
    Report,
    Tabulated,
    validate,
)
from pinnsiren.version import __version__

__all__ = [
    "LBFGS", "MLP", "NNCG", "PML", "SOAP", "Adam", "Ansatz", "Automatic", "Ball", "Box", "Chebyshev", "Constraint",
    "Continuation", "Curriculum", "Data", "DataError", "Diagnosis", "Disc", "Domain", "DomainError", "Equation",
    "EquationError", "Estimate", "Exact", "Family", "FastSweeping", "Field", "FiniteDifference", "FiniteElements", "Fourier",
    "GaussNewton", "Gridded", "History", "Interval", "Leapfrog", "LeastSquares", "MatrixFree", "Mesh", "MethodOfLines",
    "ModuleNetwork", "Muon", "Network", "Normal", "Parameter", "PinnsirenError", "PointSet", "Polygon", "Problem",
    "ProblemError", "ProblemWarning", "RankError", "Ranks", "Reference", "ReferenceError", "Region", "Report", "SSBroyden",
    "Sequence", "Siren", "Solution", "SolveError", "Solver", "Space", "Status", "StorageError", "Tabulated", "TimeSlabs",
    "Unknown", "Windows", "__version__", "coordinates", "diagnose", "div", "grad", "laplacian", "load", "normal_derivative",
    "resume", "signals", "solve", "time", "validate",
]
