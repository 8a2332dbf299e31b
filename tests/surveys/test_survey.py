"""Media, positions and data: what a survey accepts, what its noise is, and that the data do not depend on their grid."""

import numpy as np
import pytest

from pinnsiren.errors import DataError, ProblemError
from pinnsiren.surveys import Acquisition, Inclusion, Layers, Survey, recorded

SQUARE = ((-1.0, 1.0), (-1.0, 1.0))


def acquisition(**changes: object) -> Acquisition:
    given: dict[str, object] = {"bounds": SQUARE, "sources": [(-0.2, -0.4), (0.2, -0.4)], "frequencies": [10.0, 5.0],
                                "receivers": [(x, 0.4) for x in (-0.3, 0.0, 0.3)]} | changes
    return Acquisition(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("changes", "said"), [
    ({"receivers": [(0.0, 0.4), (0.0, 0.7)]}, r"1 of the receivers lie outside the physical rectangle .* at \(0, 0\.7\)"),
    ({"sources": [(3.0, 0.0)]}, "1 of the sources lie outside"),
    ({"receivers": [0.1, 0.2]}, r"receivers of shape \(2,\); expected \(n, 2\)"),
    ({"receivers": [(0.0, float("nan"))]}, "not finite, first in row 0"),
    ({"frequencies": [0.0, 5.0]}, "at least one angular frequency > 0"),
])
def test_positions_that_mean_nothing_are_refused(changes, said) -> None:
    with pytest.raises(DataError, match=said):
        acquisition(**changes)


def test_data_that_mean_nothing_are_refused() -> None:
    here, good = acquisition(), np.ones((2, 2, 3), complex)
    with pytest.raises(DataError, match=r"data of shape \(2, 3, 2\); expected \(2, 2, 3\)"):
        Survey(here, good.transpose(0, 2, 1), 0.01)
    bad = good.copy()
    bad[1, 0, 2] = np.nan
    with pytest.raises(DataError, match=r"data\[1, 0, 2\] \(frequency, source, receiver\) is not finite"):
        Survey(here, bad, 0.01)
    with pytest.raises(DataError, match="noise=0"):
        Survey(here, good, 0.0)
    with pytest.raises(DataError, match="all zero"):
        Survey(here, good * np.array([1, 0])[:, None, None], 0.01)


def test_noise_is_what_it_is_said_to_be_and_frequencies_are_sorted() -> None:
    many = acquisition(receivers=[(x, 0.4) for x in np.linspace(-0.45, 0.45, 300)])
    noisy, clean = (recorded(Inclusion(), many, noise=s, seed=3, spacing=0.04) for s in (0.05, 1e-9))
    errors = noisy.data - clean.data
    assert list(many.frequencies) == [5.0, 10.0]
    for i in range(2):
        share = np.sqrt(np.mean(np.abs(errors[i]) ** 2) / np.mean(np.abs(clean.data[i]) ** 2))
        assert share == pytest.approx(0.05, rel=0.1)
    assert np.array_equal(recorded(Inclusion(), many, noise=0.05, seed=3, spacing=0.04).data, noisy.data)


def test_data_hardly_depend_on_the_grid_that_makes_them() -> None:
    coarse, fine = (recorded(Inclusion("disc", 0.4), acquisition(), noise=1e-9, spacing=h).data for h in (0.045, 0.03))
    assert np.linalg.norm(coarse - fine) < 2e-2 * np.linalg.norm(fine)


def test_media() -> None:
    places = np.array([[0.0, 0.0], [0.29, -0.29], [0.31, 0.0]])
    assert Inclusion().velocity(places).tolist() == [2.0, 2.0, 1.0]
    assert Inclusion("disc", 0.6).velocity(places).tolist() == [2.0, 1.0, 1.0]
    with pytest.raises(ProblemError, match="shape 'star'"):
        Inclusion("star")  # type: ignore[arg-type]
    with pytest.raises(ProblemError, match="two layers or more"):
        Layers(layers=1)


def test_a_section_has_layers_and_faults_that_its_seed_fixes() -> None:
    ground = Layers(seed=1)
    depths = np.linspace(0, 1, 400)
    column = ground.velocity(np.stack([np.full(400, 0.1), depths], axis=1))
    assert len(np.unique(column)) == ground.layers  # every layer is met, and constant
    assert column[0] == ground.top
    level = ground.velocity(np.stack([np.linspace(0, 2, 800), np.full(800, 0.7)], axis=1))
    assert len(np.unique(level)) > 1  # folds and faults cross a level
    assert not np.array_equal(column, Layers(seed=2).velocity(np.stack([np.full(400, 0.1), depths], axis=1)))
