"""Equations as MathML, which every browser shows without a script."""

from typing import Any

from sympy.printing.mathml import MathMLPresentationPrinter


class _Printer(MathMLPresentationPrinter):
    """sympy's printer writes ∂²x for ∂x² in the denominator of a derivative; here the exponent goes to the coordinate."""

    def _print_Derivative(self, derivative: Any) -> Any:
        row = super()._print_Derivative(derivative)
        denominator = row.firstChild.lastChild
        for power in [n for n in denominator.childNodes if n.tagName == "msup"]:
            operator, exponent = power.childNodes
            coordinate = power.nextSibling
            denominator.replaceChild(operator, power)
            raised = self.dom.createElement("msup")
            denominator.replaceChild(raised, coordinate)
            raised.appendChild(coordinate)
            raised.appendChild(exponent)
        return row


def mathml(expression: Any) -> str:
    """A sympy expression as presentation MathML, without the enclosing ``<math>``."""
    printer = _Printer()
    return str(printer._print(expression).toxml())
