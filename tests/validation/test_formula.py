"""Derivatives are written as mathematicians write them."""

import pinnsiren as ps
from pinnsiren.validation.formula import mathml

x, y = ps.coordinates("x y")
u = ps.Field("u", x, y)


def test_exponents_stand_at_the_coordinates() -> None:
    written = mathml(u.diff(x, 2, y))
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in written
    assert written.count("<msup><mo>") == 1  # ∂³ in the numerator only
    assert "<mi>y</mi>" in written
