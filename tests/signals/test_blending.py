"""Two images blended: what is asked for, what solves it, and that windows find the least-squares solution."""

import numpy as np
import pytest

import pinnsiren as ps
from pinnsiren.domains import PointSet
from pinnsiren.equations.blending import blend
from pinnsiren.errors import DataError
from pinnsiren.signals import Image, blend_by_differences, blended, read_image
from pinnsiren.signals.blending import INSIDE, _known
from pinnsiren.signals.links import Slopes
from pinnsiren.symbols import Data

SIZE = 64


def pictures(colour: bool = False) -> tuple[Image, Image]:
    return read_image("photo", SIZE, colour=colour), read_image("astronaut", SIZE, colour=colour)


def disc(radius: float = 0.5, centre: float = 0.0) -> np.ndarray:
    x, y = (c.reshape(SIZE, SIZE) for c in Image("", np.zeros((SIZE, SIZE))).points.T)
    return (x - centre) ** 2 + y**2 < radius**2


def expected(problem: ps.Problem, a: Image) -> np.ndarray:
    columns = dict(problem.compared.columns)
    return np.stack([columns[s] for s in problem.exact.values()], axis=1).reshape(a.values.shape)


def decibels(difference: np.ndarray) -> float:
    return -10 * float(np.log10(np.mean(difference**2)))


@pytest.mark.parametrize("colour", [False, True])
def test_the_mean_of_two_gradients_is_the_mean_of_the_images(colour) -> None:
    a, b = pictures(colour)
    np.testing.assert_allclose(expected(ps.signals.blend(a, b), a), (a.values + b.values) / 2, atol=1e-11)


def test_without_a_mask_the_nearest_to_slopes_that_are_no_images_is_expected() -> None:
    a, b = pictures()
    problem = ps.signals.blend(a, b, mode="mix")
    best, given = expected(problem, a), _known(a, b, None, "mix").slopes

    def misfit(values):
        return sum(np.sum((own - g) ** 2) for own, g in zip(Slopes.of(values).parts, given.parts, strict=True))

    rng = np.random.default_rng(0)
    for _ in range(5):
        step = 1e-3 * rng.normal(size=best.shape)
        there, back = misfit(best + step), misfit(best - step)
        assert abs(there - back) < 1e-6 * (there + back - 2 * misfit(best))


def test_cloning_an_image_into_itself_changes_nothing() -> None:
    a, b = pictures()
    np.testing.assert_allclose(expected(ps.signals.blend(a, a, disc(), "clone"), a), a.values, atol=1e-10)
    shifted = b.like(b.values + 0.3)  # a gradient does not see a constant
    np.testing.assert_allclose(expected(ps.signals.blend(a, shifted, disc(), "clone"), a),
                               expected(ps.signals.blend(a, b, disc(), "clone"), a), atol=1e-10)


def test_of_two_gradients_the_larger_over_all_colours_is_taken() -> None:
    """Beside a flat image every gradient is the larger one: the other image comes out, whichever comes first."""
    a, _ = pictures(True)
    flat = Image("flat", np.full_like(a.values, 0.5))
    for pair in ((a, flat), (flat, a)):
        found = expected(ps.signals.blend(*pair, mode="mix"), a)
        np.testing.assert_allclose(found - found.mean(axis=(0, 1)), a.values - a.values.mean(axis=(0, 1)), atol=1e-11)


@pytest.mark.parametrize(("mode", "masked", "least"), [("average", False, 45), ("mix", False, 38), ("average", True, 33),
                                                      ("mix", True, 33), ("clone", True, 33)])
@pytest.mark.filterwarnings("ignore::pinnsiren.solve.ProblemWarning")
def test_windows_find_the_least_squares_solution(mode, masked, least) -> None:
    """Also where no image has the slopes; so do differences, by another discretisation."""
    a, b = pictures()
    mask = disc() if masked else None
    problem = ps.signals.blend(a, b, mask, mode)
    report = ps.validate(solution := ps.solve(problem, progress=False))
    assert report.verdict == "confirmed"
    inside = disc() if masked else np.ones((SIZE, SIZE), bool)
    best, image = expected(problem, a), blended(solution)
    assert decibels((image.values - best)[inside]) > least
    assert decibels((blend_by_differences(a, b, mask, mode).values - best)[inside]) > 25
    if masked:
        assert decibels((image.values - a.values)[~inside]) > 50
    else:
        assert image.values.mean() == pytest.approx(best.mean(), abs=1e-9)


def test_a_mask_at_the_edge_has_the_natural_condition_there() -> None:
    """b = x inside a strip along the right edge, a = 0 left of it: u grows as x from the strip's beginning."""
    blank = Image("", np.zeros((SIZE, SIZE)))
    x = blank.points[:, 0].reshape(SIZE, SIZE)
    slanted = Image("slanted", x.copy())
    inside = x > 0.5
    found = blend_by_differences(blank, slanted, inside, "clone").values
    np.testing.assert_allclose(found, np.where(inside, x - x[~inside].max(), 0.0), atol=1e-12)
    problem = ps.signals.blend(*pictures(), inside, "clone")
    image = blended(ps.solve(problem, progress=False))
    assert decibels((image.values - expected(problem, image))[inside]) > 33


def test_grey_and_colours_blend_in_colours() -> None:
    a, b = pictures()[0], pictures(True)[1]
    assert [f.name for f in ps.signals.blend(a, b).fields] == ["red", "green", "blue"]
    assert [f.name for f in ps.signals.blend(b, a).fields] == ["red", "green", "blue"]


@pytest.mark.filterwarnings("ignore::pinnsiren.solve.ProblemWarning")
def test_pixels_need_not_be_as_many_each_way() -> None:
    a, b = (read_image(name, SIZE, colour=True, square=False) for name in ("chelsea", "chelsea"))
    b = b.like(b.values[:, ::-1])
    problem = ps.signals.blend(a, b, mode="mix")
    image = blended(ps.solve(problem, progress=False))
    assert image.shape == a.shape == (43, SIZE)
    assert decibels(image.values - expected(problem, a)) > 38


def test_the_catalogue_makes_the_same_problem(tmp_path) -> None:
    a, b = pictures(True)
    mask = disc()
    Image("mask", mask.astype(float)).save(tmp_path / "mask.png")
    mine = ps.signals.blend(a, b, mask, "clone")
    made = blend("photo", "astronaut", "clone", SIZE, mask=tmp_path / "mask.png")
    assert made.constraints == mine.constraints
    assert made.compared == mine.compared
    oval = dict(blend("photo", "astronaut", "clone", SIZE).compared.columns)[INSIDE]
    assert 0 < oval.sum() < oval.size


def test_problems_say_whether_any_image_has_the_slopes() -> None:
    a, b = pictures()
    assert "an image's, up to rounding" in ps.signals.blend(a, b).remark
    assert "no image has these slopes: the nearest leaves" in ps.signals.blend(a, b, mode="mix").remark
    assert "and these values outside" in ps.signals.blend(a, b, disc(), "clone").remark


def test_bad_input() -> None:
    a, b = pictures()
    with pytest.raises(DataError, match="64 × 64 and .* with 32 × 32; read both with the same size="):
        ps.signals.blend(a, read_image("photo", 32))
    with pytest.raises(DataError, match=r"mask has shape \(64, 63\); expected \(64, 64\)"):
        ps.signals.blend(a, b, disc()[:, 1:], "clone")
    with pytest.raises(DataError, match="mask is empty"):
        ps.signals.blend(a, b, disc(0.0), "clone")
    with pytest.raises(DataError, match="mask covers all pixels"):
        ps.signals.blend(a, b, disc(9.0), "mix")
    with pytest.raises(DataError, match="mask has values from 0.0 to 0.5; expected True and False"):
        ps.signals.blend(a, b, 0.5 * disc(), "clone")
    with pytest.raises(DataError, match="mode 'poisson' is not known; choose one of average, mix, clone"):
        ps.signals.blend(a, b, mode="poisson")
    with pytest.raises(DataError, match="'clone' was given no mask"):
        ps.signals.blend(a, b, mode="clone")


def test_only_blends_are_shown_as_blends() -> None:
    x, = ps.coordinates("x")
    u, d = ps.Field("u", x), Data("d")
    points = PointSet((x,), np.linspace(0, 1, 9)[:, None], {d: np.zeros(9)})
    solution = ps.solve(ps.Problem(ps.Equation(u, d).on(points)), progress=False)
    with pytest.raises(DataError, match="is no solution of ps.signals.blend's problem"):
        blended(solution)
