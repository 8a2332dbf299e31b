"""The SIREN paper's inverse problem: its data are those of its incident waves, its fields those of its sources."""

import numpy as np
import pytest
from scipy.special import hankel2

import pinnsiren as ps
from pinnsiren.equations.fwi import BOX, SOURCE_VARIANCE, fwi, paper_survey
from pinnsiren.formulation import formulate
from pinnsiren.solvers.states import states_of
from pinnsiren.surveys import Acquisition, Inclusion, recorded


def test_without_an_inclusion_records_are_the_incident_waves() -> None:
    """So scattered data, records less these, are what the inclusion does and nothing else."""
    given = paper_survey(sources=2, receivers=9, frequency=16.0).acquisition
    where = Acquisition(BOX, given.sources, given.receivers, given.frequencies, amplitude=1 + 1j, variance=SOURCE_VARIANCE)
    records = recorded(Inclusion(velocity_inside=1.0), where, noise=1e-9, seed=0, spacing=0.025).data
    r = np.linalg.norm(given.sources[:, None] - given.receivers[None], axis=2)
    for k, found in zip(given.frequencies, records, strict=True):
        exact = np.exp(-(k**2) * SOURCE_VARIANCE / 2) * (1 + 1j) * 0.25j * hankel2(0, k * r)
        assert np.linalg.norm(found - exact) < 4e-3 * np.linalg.norm(exact)


def test_its_fields_are_one_medium_and_a_state_for_each_source_and_frequency() -> None:
    problem = fwi(sources=2, receivers=9, frequency=16.0)
    assert sorted(f.name for f in problem.fields) == ["m", "u1_1", "u1_2", "u2_1", "u2_2", "u3_1", "u3_2"]
    found = states_of(formulate(problem, problem.ansatz).problem)
    assert found is not None
    assert [f.name for f in found.media] == ["N_m"]
    assert len(found.states) == 6
    assert all(len(group) == 2 for group in found.states)


def test_bad_input() -> None:
    with pytest.raises(ps.PinnsirenError, match="at least 1 source and 3 receivers"):
        fwi(sources=0)
    with pytest.raises(ps.PinnsirenError, match="send 3.6% of a wave back, more than the noise"):
        fwi(frequency=8.0)
    with pytest.raises(ps.PinnsirenError, match="positive wavenumber"):
        fwi(frequency=-20.0)
    with pytest.raises(ps.PinnsirenError, match="shape 'star'"):
        fwi("star")  # type: ignore[arg-type]
