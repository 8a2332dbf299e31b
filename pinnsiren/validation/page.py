"""The report as one self-contained HTML page: equations as MathML, pictures embedded, no scripts, nothing to fetch."""

import base64
import io
import os
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import sympy
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pinnsiren.errors import StorageError
from pinnsiren.problem import Problem
from pinnsiren.validation.formula import mathml

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
body { color: #222; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.verdict { padding: .6rem 1rem; border-left: .4rem solid #888; background: #f4f4f4; }
.confirmed { border-color: #2a7f3b; } .rejected { border-color: #b3261e; } .inconclusive { border-color: #b07a00; }
table { border-collapse: collapse; }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; border-bottom: 1px solid #ddd; }
td.number { font-variant-numeric: tabular-nums; } img { max-width: 100%; background: #fff; } math { font-size: 1.1em; }
.equations { overflow-x: auto; }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #181818; } .verdict { background: #262626; } th, td { border-color: #444; }
}
"""

Row = tuple[str, ...]


def html_page(problem: Problem, *, verdict: str, reason: str, tables: Iterable[tuple[str, Row, Sequence[Row]]],
              figure: Figure) -> str:
    """The page's text.

    Args:
        tables: (heading, column names, rows); the first column is a name, the others are numbers.
    """
    title = escape(problem.name or "problem")
    parts = [f"<h1>{title}</h1>", f'<p class="verdict {verdict}"><strong>{verdict}</strong>: {escape(reason)}</p>',
             "<h2>Equations</h2>", _equations(problem)]
    parts += [f"<h2>{escape(heading)}</h2>{_table(columns, rows)}" for heading, columns, rows in tables if rows]
    picture = base64.b64encode(_png(figure)).decode()
    parts.append(f'<h2>Solution, reference, difference</h2><img alt="solution, reference and their difference" '
                 f'src="data:image/png;base64,{picture}">')
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            f"<title>{title}: {verdict}</title><style>{STYLE}</style></head>\n"
            "<body>\n" + "\n".join(parts) + "\n</body></html>\n")


def write_whole(path: Path, text: str) -> None:
    """Write a text file entirely or not at all: a kill on the way leaves the previous file.

    Raises:
        StorageError: the folder is missing, full or read-only.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StorageError(f"the report cannot be written to {path}: {error.strerror}. "
                           "Expected a folder that exists, is writable and has space.") from error


def _equations(problem: Problem) -> str:
    rows = []
    for constraint in problem.constraints:
        left, right = (sympy.Matrix(s) if isinstance(s, tuple) else s
                       for s in (constraint.equation.lhs, constraint.equation.rhs))
        formula = f"{mathml(left)}<mo>=</mo>{mathml(right)}"
        rows.append(f"<tr><td><math><mrow>{formula}</mrow></math></td><td>{escape(constraint.name)}</td></tr>")
    return f'<div class="equations"><table>{"".join(rows)}</table></div>'


def _table(columns: Row, rows: Sequence[Row]) -> str:
    head = "".join(f"<th>{escape(c)}</th>" for c in columns)
    body = "".join(f"<tr><td>{escape(name)}</td>{''.join(map(_number, values))}</tr>" for name, *values in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _number(text: str) -> str:
    return f'<td class="number">{escape(text)}</td>'


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)  # a figure that belongs to no window draws on this canvas
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
