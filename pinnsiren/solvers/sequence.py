"""Several solvers, one after the other."""

from collections.abc import Iterator

from pinnsiren.errors import SolveError
from pinnsiren.solvers.task import Best, Solver, Step, Task


class Sequence(Solver):
    """Each solver starts from the fields that the one before it left.

    Args:
        solvers: at least one, such as ``Sequence(LeastSquares(), GaussNewton())``.
    """

    def __init__(self, *solvers: Solver) -> None:
        if not solvers or not all(isinstance(s, Solver) for s in solvers):
            raise SolveError(f"Sequence was given {solvers}; expected solvers, as in Sequence(LeastSquares(), GaussNewton()).")
        self.solvers = solvers

    def __repr__(self) -> str:
        return f"Sequence({', '.join(map(repr, self.solvers))})"

    def iterate(self, task: Task) -> Iterator[Step]:
        for solver in self.solvers:
            best = Best()
            for step in solver.iterate(task):
                best.update(step)
                yield step
            task.model = best.restore() or task.model
