"""Two processes compute what one does, to rounding; and when one of them is killed, the other one says so and ends.

Both run ``ranks_program.py`` over gloo, as torchrun would start them.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import pinnsiren as ps
from pinnsiren.model import parameter_vector
from pinnsiren.ranks import ALONE
from tests import ranks_program

PROGRAM = Path(ranks_program.__file__)
LOOSE = {"gauss-newton": 1e-6, "output layer, nonlinear": 1e-4, "output layer, normal equations": 1e-6}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("ranks")


@pytest.fixture(scope="module")
def told(folder) -> dict:
    """What the first of two processes printed; the second one was killed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = os.environ | {"OMP_NUM_THREADS": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
                           "PYTHONPATH": str(PROGRAM.parents[1]), "CUDA_VISIBLE_DEVICES": ""}
    runs = [subprocess.Popen([sys.executable, "-W", "error", PROGRAM, folder], env=common | {"RANK": str(rank)},
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for rank in (0, 1)]
    (out, err), (_, other) = [run.communicate(timeout=500) for run in runs]
    assert runs[0].returncode == 0, err + other
    assert runs[1].returncode == -9, other
    return json.loads(out)


@pytest.mark.parametrize("name", ranks_program.CHECKS)
def test_two_processes_compute_what_one_does(told, name) -> None:
    from_one, from_each_other = told["apart"][name]
    assert from_one < LOOSE.get(name, 1e-8)
    assert from_each_other == 0


def test_the_command_line_speaks_once(told, folder) -> None:
    assert "converged" in told["typed"]
    assert told["printed"][0] > 0
    assert told["printed"][1] == 0
    assert ps.load(folder / "out" / "solution.h5").settings["processes"] == 2


def test_a_killed_process_ends_the_solve_and_one_process_goes_on(told, folder) -> None:
    assert told["code"] == "failed"
    assert "another process of this solve died or does not answer" in told["advice"]
    assert f"ps.resume('{folder}/run.h5')" in told["advice"]
    with pytest.raises(ps.SolveError, match="which no file can hold; give it again"):
        ps.resume(folder / "run.h5")
    rest = ps.resume(folder / "run.h5", solver=ranks_program.Signalled(ALONE), progress=False)
    assert 0 < int(rest.history.loss.size) == 11
    alone = ps.solve(ranks_program.POISSON, ranks_program.siren(), ranks_program.ADAM, progress=False, dtype=torch.float64)
    torch.testing.assert_close(parameter_vector(rest.model), parameter_vector(alone.model), rtol=1e-9, atol=1e-12)
    assert rest.history.loss == pytest.approx(alone.history.loss, rel=1e-9)


def test_a_signal_to_one_process_ends_all_at_the_same_step(told, folder) -> None:
    code, advice, steps = told["asked"]
    assert (code, steps) == ("interrupted", 6)
    assert "a signal ended it" in advice
    assert len(ps.resume(folder / "asked.h5", solver=ranks_program.Signalled(ALONE), progress=False).history) == 11


def test_one_process_alone_changes_nothing() -> None:
    x = torch.arange(6.0).view(3, 2)
    assert ALONE.sum(x)[0] is x
    assert ALONE.same(x) is x
    assert ALONE.whole(x, 3) is x
    assert ALONE.share(3) == slice(0, None, 1)
    torch.testing.assert_close(ALONE.triangle(x).T @ ALONE.triangle(x), x.T @ x)
