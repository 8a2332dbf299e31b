"""A solve that is interrupted and gone on with ends as one that was not; what cannot be gone on with is refused."""

import numpy as np
import pytest
import torch

import pinnsiren as ps
from pinnsiren import checkpoint, storage
from pinnsiren.checkpoint import CheckpointWarning, Keeper, solver_of, solver_record
from pinnsiren.cli import main
from pinnsiren.equations import poisson
from pinnsiren.errors import SolveError, StorageError
from pinnsiren.model import parameter_vector
from pinnsiren.solvers.contest import Contest

PROBLEM = poisson.poisson_sine()
SOLVERS = {
    "Adam": ps.Adam(iterations=60, rate=5e-3, points=200, batch=40, clip=1.0, schedule="cosine"),
    "Adam, causal": ps.Adam(iterations=40, rate=5e-3, points=200, causal=1.0),
    "Gauss–Newton": ps.GaussNewton(iterations=7, momentum=0.3),
    "Adam, balanced": ps.Adam(iterations=40, rate=5e-3, points=200, balance="self-adaptive"),
    "Adam, balanced by gradients": ps.Adam(iterations=320, rate=5e-3, points=200, balance="gradient", every=100),
    "Gauss–Newton, points that stay": ps.GaussNewton(iterations=7, adaptive="r3"),
    "Gauss–Newton, fixed points": ps.GaussNewton(iterations=7, resample=False),
    "a sequence": ps.Sequence(ps.Adam(iterations=40, rate=5e-3, points=200), ps.GaussNewton(iterations=3)),
}


def network():
    return ps.Siren(2, 1, 10, 2, omega0=[6.0, 1.0], seed=0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.h5"


def interrupted(path, solver, monkeypatch, after=4, *, problem=PROBLEM, **options):
    """A solve that Ctrl-C ends just after its checkpoint number ``after``."""
    offer, seen = Keeper.offer, []

    def offered(self, *args, **kwargs):
        offer(self, *args, **kwargs)
        seen.append(0)
        if len(seen) == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "offer", offered)
        return ps.solve(problem, solver=solver, checkpoint=path, checkpoint_every=0.0, progress=False, **options)


@pytest.mark.parametrize("name", SOLVERS)
def test_an_interrupted_solve_ends_as_one_that_was_not(path, monkeypatch, name) -> None:
    solver = SOLVERS[name]
    whole = ps.solve(PROBLEM, network(), solver, progress=False)
    part = interrupted(path, solver, monkeypatch, network=network())
    assert part.status.code == "interrupted"
    assert "ps.resume" in part.status.advice
    assert len(part.history) < len(whole.history)
    rest = ps.resume(path, progress=False)
    assert torch.equal(parameter_vector(rest.model), parameter_vector(whole.model))
    assert np.array_equal(rest.history.loss, whole.history.loss)
    assert rest.history.phases == whole.history.phases
    assert rest.status == whole.status


def test_when_time_is_over_a_checkpoint_is_there(path) -> None:
    part = ps.solve(PROBLEM, network(), ps.GaussNewton(), max_time=1e-6, checkpoint=path, progress=False)
    assert part.status.code == "time"
    rest = ps.resume(path, max_time=1e-6, progress=False)
    assert rest.history.loss == pytest.approx(part.history.loss, rel=0)


def test_solvers_that_search_begin_anew_and_keep_the_best(path, monkeypatch) -> None:
    problem, solver = poisson.poisson_bump(), ps.LeastSquares(most_features=300)
    whole = ps.solve(problem, solver=solver, progress=False)
    assert len(whole.history) > 1
    interrupted(path, solver, monkeypatch, after=2, problem=problem)
    rest = ps.resume(path, progress=False)
    assert np.array_equal(rest.history.measure, np.concatenate([whole.history.measure[:2], whole.history.measure]))
    assert torch.equal(parameter_vector(rest.model), parameter_vector(whole.model))


def test_what_was_best_counts_until_its_phase_is_over(path) -> None:
    """A sequence that begins anew first takes the steps of a phase that was behind it."""
    solver = ps.Sequence(ps.LeastSquares(most_features=300), ps.LBFGS(iterations=25))
    problem = poisson.poisson_bump()
    whole = ps.solve(problem, solver=solver, checkpoint=path, checkpoint_every=0.0, progress=False)
    assert whole.history.phases[-1].startswith("L-BFGS")
    again = ps.resume(path, max_time=1e-6, progress=False)
    assert again.history.phases[-1].startswith("least squares")
    assert torch.equal(parameter_vector(again.model), parameter_vector(whole.model))
    assert ps.resume(path, progress=False).history.phases[-1].startswith("L-BFGS")


def test_a_network_of_the_users_is_kept_from_the_first_step_on(path) -> None:
    part = ps.solve(PROBLEM, network(), ps.LBFGS(), checkpoint=path, max_time=1e-6, progress=False)
    assert part.status.code == "time"
    rest = ps.resume(path, max_time=1e-6, progress=False)
    assert type(rest.model.carriers[0].network) is ps.Siren


def test_modules_and_solvers_of_the_user_have_to_be_given_again(path, monkeypatch) -> None:
    def module():
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))

    solver = ps.Adam(iterations=40, points=50)
    whole = ps.solve(PROBLEM, module(), solver, progress=False)
    interrupted(path, solver, monkeypatch, after=2, network=module())
    with pytest.raises(StorageError, match="holds the parameters of a module of yours"):
        ps.resume(path)
    rest = ps.resume(path, network=module(), progress=False)
    assert torch.equal(parameter_vector(rest.model), parameter_vector(whole.model))
    with pytest.raises(SolveError, match=r"checkpoint of Adam.*leave solver out"):
        ps.resume(path, network=module(), solver=ps.LBFGS())


def test_modules_by_field_are_given_again_by_field(path, monkeypatch) -> None:
    x = ps.coordinates("x")[0]
    u, v = ps.Field("u", x), ps.Field("v", x)
    line = ps.Interval(x, 0, 1)
    problem = ps.Problem(ps.Equation(u.diff(x), v).on(line.interior), ps.Equation(v.diff(x), -u).on(line.interior))

    def modules():
        torch.manual_seed(0)
        return {f: torch.nn.Sequential(torch.nn.Linear(1, n), torch.nn.Tanh(), torch.nn.Linear(n, 1))
                for f, n in ((u, 5), (v, 7))}

    solver = ps.Adam(iterations=40, points=50)
    whole = ps.solve(problem, modules(), solver, progress=False)
    interrupted(path, solver, monkeypatch, after=2, problem=problem, network=modules())
    rest = ps.resume(path, network=modules(), progress=False)
    assert torch.equal(parameter_vector(rest.model), parameter_vector(whole.model))
    rest.save(path.with_name("solution.h5"))
    loaded = ps.load(path.with_name("solution.h5"), network=dict(reversed(modules().items())))
    assert torch.equal(parameter_vector(loaded.model), parameter_vector(rest.model))
    with pytest.raises(StorageError, match="give it again"):
        ps.resume(path, network={u: modules()[u]})


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_solve(path, monkeypatch) -> None:
    def full(*_):
        raise StorageError("run.h5 cannot be written: No space left on device.")

    monkeypatch.setattr(storage, "write", full)
    with pytest.warns(CheckpointWarning, match="no checkpoint was written.*No space left"):
        solution = ps.solve(PROBLEM, network(), ps.Adam(iterations=10, points=50), checkpoint=path, checkpoint_every=0.0,
                            progress=False)
    assert solution.status.code == "finished"
    assert not path.exists()


def test_a_folder_that_is_not_there_is_found_before_the_solve(tmp_path) -> None:
    with pytest.raises(StorageError, match="Make the folder"):
        ps.solve(PROBLEM, network(), ps.Adam(iterations=10), checkpoint=tmp_path / "none" / "run.h5", progress=False)
    with pytest.raises(SolveError, match="checkpoint_every=-1"):
        ps.solve(PROBLEM, network(), ps.Adam(iterations=10), checkpoint_every=-1, progress=False)


def test_what_is_no_whole_checkpoint_is_refused(path, tmp_path, monkeypatch) -> None:
    interrupted(path, SOLVERS["Adam"], monkeypatch, after=2, network=network())
    content = path.read_bytes()
    with pytest.raises(StorageError, match=r"pinnsiren\.resume goes on from it"):
        ps.load(path)
    path.write_bytes(content[:-100])
    with pytest.raises(StorageError, match="truncated"):
        ps.resume(path)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(StorageError, match="damaged"):
        ps.resume(path)
    path.write_bytes(content)
    record = storage.read(path)
    storage.write(path, record | {"format": checkpoint.FORMAT + 1})
    with pytest.raises(StorageError, match="Go on with the version that wrote it"):
        ps.resume(path)
    storage.write(path, record | {"solver": {"class": "Popen", "attributes": {}}})
    with pytest.raises(StorageError, match="'Popen' is no solver"):
        ps.resume(path)
    ps.solve(PROBLEM, network(), ps.Adam(iterations=1, points=20), progress=False).save(path)
    with pytest.raises(StorageError, match=r"is no checkpoint, but what ps\.load reads"):
        ps.resume(path)


@pytest.mark.parametrize("kind", [k for k in checkpoint.known_solvers().values()
                                  if k not in (Contest, ps.Sequence, ps.Curriculum) and not k.__abstractmethods__])
def test_every_solver_can_be_kept(kind) -> None:
    solver = ps.Sequence(ps.Curriculum(ps.GaussNewton(iterations=3), 2), kind())
    record = solver_record(solver)
    assert record is not None
    assert repr(solver_of(record)) == repr(solver)


def test_the_command_line_goes_on(path, tmp_path, capsys) -> None:
    out = str(tmp_path / "out")
    assert main(["solve", "poisson_sine", "--out", out, "--no-validate", "--checkpoint", str(path), "--max-time", "1e-3"]) == 0
    assert path.exists()
    assert main(["solve", "--resume", str(path), "--out", out, "--no-validate"]) == 0
    assert "converged" in capsys.readouterr().out
    assert main(["solve", "--resume", out, "--out", out]) == 2
    assert "cannot be read" in capsys.readouterr().err
