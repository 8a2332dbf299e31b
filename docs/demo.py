"""``make demo``: one problem of each family solved and validated, and a photograph rebuilt from its gradients.

    python docs/demo.py FOLDER

leaves a folder for each problem (solution, pictures, report), and FOLDER/index.html, which shows them all.
"""

import html
import json
import sys
import time
from pathlib import Path

import pinnsiren as ps
from pinnsiren.cli import main as command_line

SIZE = 256  # pixels along each side
FAMILIES = (  # with what keeps the whole demo within five minutes on two cores; without it they are more accurate
    ("poisson_perforated",), ("eikonal_gradient",), ("helmholtz_cavity",), ("wave_travelling",), ("heat_1d",),
    ("advection_inflow",), ("burgers", "--set=viscosity=0.03", "--max-time=60"),
    ("allen_cahn", "--set=diffusivity=0.001", "--max-time=60"), ("fisher", "--set=rate=4"), ("kdv_soliton", "--set=speed=1"),
    ("klein_gordon",), ("biharmonic_supported",), ("elasticity_square",), ("kovasznay",), ("unknown_source",),
)


def torsion() -> ps.Problem:
    """Δu = −1 on [−1, 1]², u = 0 on the boundary: Prandtl's stress function of a twisted square bar."""
    x, y = ps.coordinates("x y")
    u = ps.Field("u", x, y)
    square = ps.Box({x: (-1, 1), y: (-1, 1)})
    return ps.Problem(
        ps.Equation(ps.laplacian(u), -1).on(square.interior),
        ps.Equation(u, 0).on(square.boundary),
        name="torsion",
    )


def gallery(folder: Path, seconds: dict[str, float]) -> Path:
    """Write index.html: each problem with its picture, verdict, errors, and the way to its report."""
    cards = []
    for name, taken in seconds.items():
        told = json.loads((folder / name / "report.json").read_text(encoding="utf-8"))
        picture = "picture.png" if (folder / name / "picture.png").exists() else "solution.png"
        cards.append(f'<figure><a href="{name}/report.html"><img src="{name}/{picture}" alt="{html.escape(name)}"></a>'
                     f"<figcaption><b>{html.escape(name)}</b>: {html.escape(told['verdict'])}, {taken:.0f} s<br>"
                     f"{html.escape(told['reason'])}</figcaption></figure>")
    page = folder / "index.html"
    page.write_text("<!doctype html><meta charset=utf-8><title>pinnsiren: one problem of each family</title>"
                    "<style>body{font:15px/1.4 sans-serif;margin:2em;display:flex;flex-wrap:wrap;gap:2em}"
                    "figure{margin:0;width:520px}img{width:100%}</style>" + "\n".join(cards), encoding="utf-8")
    return page


def main(folder: Path) -> int:
    """Run all and return the largest exit code."""
    start = time.monotonic()
    codes, seconds = [], {}
    for name, *options in (("torsion",), *FAMILIES):
        began = time.monotonic()
        print(f"\n── {name}", flush=True)
        problem = f"{__file__}:torsion" if name == "torsion" else name
        codes.append(command_line(["solve", problem, *options, "--out", str(folder / name)]))
        seconds[name] = time.monotonic() - began
    began = time.monotonic()
    print("\n── photograph", flush=True)
    codes.append(command_line(["solve", "image_from_gradients", "--set", f"size={SIZE}", "--out", str(folder / "photograph")]))
    seconds["photograph"] = time.monotonic() - began
    print(f"\ndone in {time.monotonic() - start:.0f} s; open {gallery(folder, seconds)}")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
