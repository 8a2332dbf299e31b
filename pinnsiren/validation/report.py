"""What validation found, and its verdict: plain data that prints, plots, and turns into a page or a dictionary."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from pinnsiren.problem import Problem
from pinnsiren.symbols import Field
from pinnsiren.validation.figure import Picture, draw
from pinnsiren.validation.page import Row, html_page, write_whole


class Verdict(StrEnum):
    """What a report concludes. A string: ``report.verdict == "confirmed"``."""

    CONFIRMED = "confirmed"
    INCONCLUSIVE = "inconclusive"
    REJECTED = "rejected"


@dataclass(frozen=True)
class FieldError:
    """How far one field is from the reference.

    Attributes:
        relative_l2: ‖u − u_ref‖₂ / ‖u_ref‖₂ over points inside that were never trained on (‖u‖₂ itself if u_ref = 0).
        maximum: max |u − u_ref| there and on the boundaries, in the field's own unit.
        reference_error: the reference's own relative L2 error.
        up_to: what the equations leave free and was removed before comparing: "a constant", "a harmonic function", or "".
        psnr: peak signal-to-noise ratio in dB, the peak being the reference's range, where that is measured data.
    """

    relative_l2: float
    maximum: float
    reference_error: float
    up_to: str = ""
    psnr: float | None = None

    @property
    def claim(self) -> float:
        """The accuracy that may be claimed: never below the reference's own error."""
        return max(self.relative_l2, self.reference_error) if math.isfinite(self.relative_l2) else math.inf

    def __str__(self) -> str:
        free = f" up to {self.up_to}" if self.up_to else ""
        if not math.isfinite(self.relative_l2):
            return "has values that are not finite"
        if self.relative_l2 <= self.reference_error:
            return f"agrees{free} to {self.claim:.1e}, which is the reference's own error"
        return f"differs{free} by {self.relative_l2:.1e} (the reference's own error is {self.reference_error:.1e})"


@dataclass(frozen=True)
class Reflection:
    """What comes back from a perfectly matched layer, in amplitude beside what goes out; dimensionless.

    Attributes:
        measured: of the solution, see :func:`pinnsiren.validation.reflection.reflection`; its error counts as well.
        expected: of the layer alone, e^{−2 k a₀ L/(p+1)} for waves that meet it head on.
    """

    measured: float
    expected: float

    def __str__(self) -> str:
        return f"{self.measured:.1e} of what goes out comes back (the layer itself sends back {self.expected:.1e})"


@dataclass(frozen=True, eq=False)
class Report:
    """How far to trust a solution.

    Attributes:
        reference: how the reference was computed, or None if there was none.
        errors: for each field its distance from the reference; empty without a reference.
        residuals: for each constraint's name the root mean square of its residual at points never trained on.
        tolerance: the relative L2 error up to which the solution is confirmed; dimensionless.
        verdict: "confirmed", "inconclusive" or "rejected".
        reason: one sentence that says why.
        pictures: what :meth:`plot` draws.
        reflection: of the problem's perfectly matched layer, None if it has none or nothing can be measured.
    """

    problem: Problem
    reference: str | None
    errors: Mapping[Field, FieldError]
    residuals: Mapping[str, float]
    tolerance: float
    verdict: Verdict
    reason: str
    pictures: tuple[Picture, ...] = field(repr=False, default=())
    reflection: Reflection | None = None

    @property
    def reference_error(self) -> float:
        """The reference's own relative L2 error, the largest over the fields; NaN without a reference."""
        return max((e.reference_error for e in self.errors.values()), default=math.nan)

    def plot(self) -> Figure:
        """Solution, reference and |difference| side by side for each field: lines, maps, slices through the middle."""
        return draw(self.pictures)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pictures, ready for JSON; numbers that are not finite become None."""
        return {
            "problem": self.problem.name, "verdict": str(self.verdict), "reason": self.reason,
            "tolerance": self.tolerance, "reference": self.reference, "reference_error": _finite(self.reference_error),
            "errors": {f.name: {"relative_l2": _finite(e.relative_l2), "maximum": _finite(e.maximum),
                                "reference_error": _finite(e.reference_error), "claim": _finite(e.claim), "up_to": e.up_to,
                                "psnr": None if e.psnr is None else _finite(e.psnr)} for f, e in self.errors.items()},
            "residuals": {name: _finite(r) for name, r in self.residuals.items()},
            "reflection": None if self.reflection is None else asdict(self.reflection),
        }

    def to_html(self, path: str | Path) -> Path:
        """Write a self-contained page (verdict, equations, tables, pictures) and return its path.

        Raises:
            StorageError: the page cannot be written there.
        """
        errors: list[Row] = [(f.name, f"{e.relative_l2:.2e}", f"{e.maximum:.2e}", f"{e.reference_error:.1e}",
                              "–" if e.psnr is None else f"{e.psnr:.1f} dB") for f, e in self.errors.items()]
        tables: list[tuple[str, Row, list[Row]]] = [
            (f"Against {self.reference}", ("field", "relative L2", "maximum", "reference's own error", "PSNR"), errors),
            ("Residuals at new points, for data sets at the data", ("equation", "root mean square"),
             [(name, f"{value:.2e}") for name, value in self.residuals.items()])]
        if self.reflection is not None:
            tables.append(("Reflection of the absorbing layer, in amplitude beside what goes out",
                           ("measured", "of the layer itself"),
                           [(f"{self.reflection.measured:.1e}", f"{self.reflection.expected:.1e}")]))
        path = Path(path)
        said = f"{self.reason} {self.problem.remark}".strip()
        write_whole(path, html_page(self.problem, verdict=str(self.verdict), reason=said,
                                    tables=tables, figure=self.plot()))
        return path

    def __str__(self) -> str:
        lines = [f"{self.problem.name or 'problem'}: {str(self.verdict).upper()}", f"  {self.reason}"]
        lines.append(f"  reference   {self.reference or 'none'}")
        for f, e in self.errors.items():
            lines.append(f"  {f.name:<11} relative L2 error {e.relative_l2:.1e}   maximum {e.maximum:.1e}   "
                         f"reference's own error {e.reference_error:.1e}")
            lines += [] if e.psnr is None else [f"  {'':<11} PSNR {e.psnr:.1f} dB"]
        lines += [f"  residual    {value:.1e} on {name} (root mean square)" for name, value in self.residuals.items()]
        lines += [f"  reflection  {self.reflection}"] if self.reflection is not None else []
        lines += [f"  remark      {self.problem.remark}"] if self.problem.remark else []
        return "\n".join(lines)


BLIND = 0.2  # a reference whose own relative error is above it knows nothing
LEFT = 0.5  # a residual of this part of the equation's terms is no solution
MET = 1e-8  # a residual below this part of them is one


def judge(errors: Mapping[Field, FieldError], tolerance: float, *, why_none: str = "",
          imbalance: float | None = None) -> tuple[Verdict, str]:
    """The verdict and a sentence why.

    A grid may miss a feature between its nodes, and a nonlinear problem may have several solutions. So a reference that
    was not put into the equations is held against the residual at new points: it confirms nothing whose residual is as
    large as the equation's terms, and rejects nothing that satisfies the equations to rounding.

    With error e, the reference's own error δ and tolerance τ, for every field: confirmed if e + δ ≤ τ; for any field:
    rejected if e − δ > τ or e is not finite; else inconclusive, for the reference cannot tell.

    Args:
        imbalance: the largest residual at new points beside its equation's terms; None for a proved reference.
    """
    if not errors:
        return Verdict.INCONCLUSIVE, f"Only residuals are known: {why_none}."
    if all(math.isfinite(e.relative_l2) for e in errors.values()) and (doubt := _doubt(errors, tolerance, imbalance)):
        return Verdict.INCONCLUSIVE, doubt
    for f, e in errors.items():
        if not math.isfinite(e.relative_l2) or e.relative_l2 - e.reference_error > tolerance:
            return Verdict.REJECTED, f"{f.name} {e}; the tolerance is {tolerance:.1e}."
    sentence = "; ".join(f"{f.name} {e}" for f, e in errors.items())
    if all(e.relative_l2 + e.reference_error <= tolerance for e in errors.values()):
        return Verdict.CONFIRMED, f"{sentence}; the tolerance is {tolerance:.1e}."
    return Verdict.INCONCLUSIVE, (f"{sentence}; with a tolerance of {tolerance:.1e} the reference cannot tell. Take a "
                                  "finer one, such as ps.Chebyshev(nodes), or a larger tolerance.")


def _doubt(errors: Mapping[Field, FieldError], tolerance: float, imbalance: float | None) -> str:
    """Why a reference that was not proved may not judge, or nothing."""
    sentence = "; ".join(f"{f.name} {e}" for f, e in errors.items())
    if any(e.reference_error > max(BLIND, tolerance) for e in errors.values()):
        return f"{sentence}; such a reference knows nothing. Take a finer one, such as ps.Chebyshev(nodes)."
    agrees = all(e.relative_l2 <= tolerance for e in errors.values())
    if imbalance is not None and agrees and imbalance > LEFT:
        return (f"{sentence}, yet at new points the residual is {imbalance:.1g} times the equation's terms: solution and grid "
                "both miss a feature of the data. Give more points, and a finer grid such as ps.Chebyshev(nodes).")
    if imbalance is not None and not agrees and imbalance < MET:
        return (f"{sentence}, yet the solution satisfies every equation to {imbalance:.0e} of its terms at new points: either "
                "the problem has several solutions, or the grid misses a feature of the data.")
    return ""


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
