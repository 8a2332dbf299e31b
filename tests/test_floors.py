"""The house has floors (docs/how-it-works.md): an import only goes down."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pinnsiren"
FLOORS = {  # a room, and the rooms that it may know; "what" declares in sympy, "how" computes in torch
    "errors": {"errors"},
    "what": {"errors", "what"},
    "how": {"errors", "how"},
    "joint": {"errors", "what", "how", "joint"},
    "show": {"errors", "what", "show"},
    "solve": {"errors", "what", "how", "joint", "show", "solve", "solvers"},
    "solvers": {"errors", "what", "how", "joint", "solvers"},
    "validation": {"errors", "what", "how", "joint", "show", "solve", "validation"},
    "inversion": {"errors", "what", "how", "joint", "solve", "solvers", "validation", "inversion"},
    "experiments": {"errors", "what", "how", "joint", "show", "solve", "solvers", "validation", "inversion", "experiments"},
    "face": {"errors", "what", "how", "joint", "show", "solve", "solvers", "validation", "inversion", "experiments", "face"},
}
HOUSE = {  # floor -> its rooms: modules and subpackages of pinnsiren
    "errors": "errors version",
    "what": "symbols partials complex_parts collapse sampling domains check equation problem formulation ansatz pml absorbing "
            "gridded signals surface surveys equations",
    "how": "jets sine fused activations bessel exponential_integral networks ranks",
    "joint": "compile model last_layer residual",
    "show": "plotting planes storage",
    "solve": "solve loop solution checkpoint diagnosis space",
    "solvers": "solvers",
    "validation": "validation",
    "inversion": "inversion",
    "experiments": "experiments",
    "face": "cli __main__ __init__",
}
ROOMS = {room: floor for floor, rooms in HOUSE.items() for room in rooms.split()}
FOREIGN = {"what": {"torch"}, "show": {"torch"}, "how": {"sympy"}, "errors": {"torch", "sympy"}}


def imported(path: Path) -> set[str]:
    """Every module that a file imports anywhere, inside functions too."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    assert not any(node.level for node in froms), f"{path}: write imports in full, from pinnsiren.…"
    names |= {f"{n.module}.{a.name}" if n.module == "pinnsiren" else str(n.module) for n in froms for a in n.names}
    return names


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_go_down(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert room in ROOMS, f"give pinnsiren/{room} a floor in this test's ROOMS"
    floor = ROOMS[room]
    for name in imported(path):
        top, *rest = name.split(".")
        assert top not in FOREIGN.get(floor, set()), f"{path} imports {name}: floor '{floor}' does without {top}"
        if top == "pinnsiren":
            below = ROOMS[rest[0]] if rest else "face"
            assert below in FLOORS[floor], f"{path} imports {name}: floor '{floor}' may know only {FLOORS[floor]}"
