"""Tables as references: every format, scattered points and grids, their errors; what is missing or outside is named."""

import h5py
import numpy as np
import pytest
import sympy

from pinnsiren.domains import Box, Disc, Interval
from pinnsiren.equation import Equation
from pinnsiren.errors import DataError, ReferenceError
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, coordinates, laplacian, time
from pinnsiren.validation import Tabulated, validate
from pinnsiren.validation.choice import fitting
from pinnsiren.validation.comparison import comparison_points
from tests.validation.manufactured import RECTANGLE, SMOOTH, Known, dirichlet, u, x, y

PROBLEM, EXACT = dirichlet()
CALL = sympy.lambdify((x, y), SMOOTH)
DISC = Disc({x: 0, y: 0}, 1)
ON_DISC = Problem(Equation(laplacian(u), laplacian(SMOOTH, (x, y))).on(DISC.interior), Equation(u, SMOOTH).on(DISC.boundary))


def scattered(n=300, domain=RECTANGLE):
    points = domain.interior.sample(n, seed=5, method="uniform").values
    return {"x": points[:, 0], "y": points[:, 1], "u": CALL(*points.T)}


def gridded(nx=41, ny=31):
    xs, ys = np.linspace(-1, 1, nx), np.linspace(0, 1.5, ny)
    return {"x": xs, "y": ys, "u": CALL(xs[:, None], ys)}


def saved(columns, path):
    match path.suffix:
        case ".npz":
            np.savez(path, **columns)
        case ".csv":
            rows = np.stack(list(columns.values()), axis=1)
            np.savetxt(path, rows, delimiter=",", fmt="%.17g", header="# by hand\n" + ", ".join(columns), comments="")
        case _:
            with h5py.File(path, "w") as file:
                file.update(columns)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".h5", ".hdf5"])
def test_every_format_judges(suffix, tmp_path):
    path = saved({**scattered(), "extra": np.zeros(300)}, tmp_path / f"values{suffix}")
    right = validate(Known(PROBLEM, EXACT), Tabulated(path))
    assert right.verdict == "confirmed" and right.errors[u].relative_l2 < 1e-14
    assert right.reference == f"the table values{suffix}, 300 points"
    wrong = validate(Known(PROBLEM, {u: 1.01 * SMOOTH}), Tabulated(str(path)))
    assert wrong.verdict == "rejected" and wrong.errors[u].relative_l2 == pytest.approx(0.01, rel=1e-10)


def test_scattered_points_are_compared_where_they_are():
    table = scattered(50)
    report = validate(Known(PROBLEM, EXACT), Tabulated(table))
    (picture,) = report.pictures
    assert picture.places.shape == (50, 2) and np.allclose(np.sort(picture.reference), np.sort(table["u"]))
    found = Tabulated(table).compute(PROBLEM, Tabulated(table).places(PROBLEM))
    with pytest.raises(ReferenceError, match="values at its own points only"):
        found.values(u, comparison_points(PROBLEM)[0])


def test_a_grid_that_covers_the_domain_is_interpolated_and_knows_its_error():
    inside, _ = comparison_points(PROBLEM)
    true, claimed = [], []
    for n in (41, 81):
        table = Tabulated(gridded(n, n))
        assert table.places(PROBLEM) is None
        found = table.compute(PROBLEM, inside)
        exact = CALL(*inside.values.T)
        true.append(np.linalg.norm(found.values(u, inside) - exact) / np.linalg.norm(exact))
        claimed.append(found.error[u])
    assert abs(np.log2(true[0] / true[1]) - 4) < 0.4
    assert all(t < c < 20 * t for t, c in zip(true, claimed, strict=True))
    assert validate(Known(PROBLEM, EXACT), Tabulated(gridded())).verdict == "confirmed"


def test_rows_of_a_full_grid_in_any_order_are_a_grid():
    table = gridded()
    grids = np.meshgrid(table["x"], table["y"], indexing="ij")
    order = np.random.default_rng(0).permutation(grids[0].size)
    rows = {"u": table["u"].ravel()[order], "y": grids[1].ravel()[order], "x": grids[0].ravel()[order]}
    inside, _ = comparison_points(PROBLEM)
    found, same = (Tabulated(t).compute(PROBLEM, inside).values(u, inside) for t in (rows, table))
    assert np.array_equal(found, same)


def test_a_grid_that_does_not_cover_the_domain_is_compared_at_its_nodes():
    xs, ys = np.linspace(-0.5, 0.5, 11), np.linspace(0.2, 1, 9)
    table = Tabulated({"x": xs, "y": ys, "u": CALL(xs[:, None], ys)})
    assert len(table.places(PROBLEM)) == 99
    assert validate(Known(PROBLEM, EXACT), table).errors[u].relative_l2 < 1e-14


def test_its_error_is_what_is_stated_or_what_its_digits_leave():
    table = scattered()
    rounded = {**table, "u": np.round(table["u"], 3)}
    report = validate(Known(PROBLEM, EXACT), Tabulated(rounded))
    error = report.errors[u]
    size = np.sqrt(np.mean(table["u"] ** 2))
    assert error.relative_l2 < error.reference_error == pytest.approx(5e-4 / size, rel=1e-3)
    assert "which is the reference's own error" in str(error)
    assert validate(Known(PROBLEM, EXACT), Tabulated(table, error=0.02)).errors[u].reference_error == 0.02
    assert validate(Known(PROBLEM, EXACT), Tabulated(table, error=0.02)).verdict == "inconclusive"


def test_other_names_complex_values_and_time(tmp_path):
    t = time("t")
    w, line = Field("w", x, t, complex=True), Interval(x, 0, 1) * Interval(t, 0, 2)
    wave = sympy.exp(sympy.I * (x - t))
    problem = Problem(Equation(w.diff(t) + w.diff(x), 0).on(line.interior), Equation(w, wave).on(line.initial))
    points = np.random.default_rng(0).random((20, 2)) * [1, 2]
    values = np.exp(1j * (points[:, 0] - points[:, 1]))
    arrays = Tabulated({"metres": points[:, 0], t: points[:, 1], w: values}, names={x: "metres"})
    path = saved({"x": points[:, 0], "t": points[:, 1], "E_re": values.real, "E_im": values.imag}, tmp_path / "wave.csv")
    for table in (arrays, Tabulated(path, names={w: "E"})):
        found = table.compute(problem, table.places(problem))
        assert np.allclose(found.values(w, table.places(problem)), values, atol=1e-15) and found.error[w] < 1e-15


def test_a_line():
    w, line = Field("w", x), Interval(x, 0, 1)
    problem = Problem(Equation(w.diff(x), sympy.cos(x)).on(line.interior), Equation(w, 0).on(line.face(x, 0)))
    xs = np.linspace(0, 1, 30)
    assert validate(Known(problem, {w: sympy.sin(x)}), Tabulated({"x": xs, "w": np.sin(xs)})).verdict == "confirmed"


def test_without_a_table_it_is_no_candidate():
    assert "no table of values is given" in Tabulated().unfit(PROBLEM)
    assert not any(isinstance(r, Tabulated) for r in fitting(PROBLEM))


def broken(**columns):
    return lambda: Tabulated({**scattered(), **columns})


@pytest.mark.parametrize(("make", "kind", "message"), [
    (lambda: Tabulated({k: v for k, v in scattered().items() if k != "u"}), ReferenceError,
     r"the table arrays has no column 'u'; it has x, y. Rename its columns, or say"),
    (lambda: Tabulated({"x": [0.0], "u": [1.0]}), ReferenceError, "no column 'y'"),
    (broken(u=np.where(np.arange(300) == 7, np.nan, 1.0)), DataError, "column u of the table arrays holds nan in row 7"),
    (broken(x=np.full(300, np.inf)), DataError, "column x of the table arrays holds inf in row 0"),
    (broken(u=np.ones(299)), DataError, r"have the shapes .*'u.*': \(299,\)"),
    (broken(u=np.array(["a"] * 300)), DataError, "holds no numbers, but <U1"),
    (broken(x=np.linspace(-1, 1.5, 300)), DataError, r"60 of 300 points .* outside the domain, the first at x = 1\.00\d+"),
    (lambda: Tabulated({**gridded(), "x": np.linspace(1, -1, 41)}), DataError, "axes of the table arrays do not increase"),
    (lambda: Tabulated("nowhere.csv"), DataError, r"nowhere.csv cannot be read: .*No such file"),
    (lambda: Tabulated("values.txt"), DataError, r"values.txt is no .csv, .npz, .h5, .hdf5 file"),
])
def test_bad_tables(make, kind, message):
    with pytest.raises(kind, match=message):
        validate(Known(PROBLEM, EXACT), make())


def test_points_outside_a_curved_domain():
    table = scattered(domain=Box({x: (-1, 1), y: (-1, 1)}))
    with pytest.raises(DataError, match="points of the table arrays lie outside the domain"):
        validate(Known(ON_DISC, EXACT), Tabulated(table))
    assert validate(Known(ON_DISC, EXACT), Tabulated(scattered(domain=DISC))).verdict == "confirmed"


@pytest.mark.parametrize(("name", "text", "message"), [
    ("a.csv", "x,y,u\n0,0.5,1\n0,0.5\n", r"holds \['0', '0.5'\] in row 1, .* expected 3 numbers, for x, y, u"),
    ("b.csv", "x,y,u\n0,0.5,one\n", "could not convert"), ("c.csv", "x,y,u\n", "has 1 lines"),
    ("d.npz", "text", "cannot be read"), ("e.h5", "text", "cannot be read"),
])
def test_bad_files(name, text, message, tmp_path):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        Tabulated(path).unfit(PROBLEM)


def test_arrays_of_objects_are_not_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", u=np.array([print], dtype=object))
    with pytest.raises(DataError, match="cannot be read: Object arrays cannot be loaded"):
        Tabulated(tmp_path / "a.npz").unfit(PROBLEM)


def test_bad_settings():
    with pytest.raises(ReferenceError, match="error=-1"):
        Tabulated({}, error=-1)
    (a,) = coordinates("a")
    assert "no column 'x'" in Tabulated({a: [0.0]}).unfit(PROBLEM)
