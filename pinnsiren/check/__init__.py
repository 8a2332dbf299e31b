"""What is wrong with a problem, found before anything is computed."""

from pinnsiren.check.evaluation import evaluate, evaluate_together
from pinnsiren.check.finding import Finding
from pinnsiren.check.findings import findings, undetermined_constants

__all__ = ["Finding", "evaluate", "evaluate_together", "findings", "undetermined_constants"]
