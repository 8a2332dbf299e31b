"""Domains Ω and the regions Ω_m of them that equations are put on."""

from pinnsiren.domains.ball import Ball, Disc
from pinnsiren.domains.box import Box, Interval
from pinnsiren.domains.csg import Difference, Intersection, Union
from pinnsiren.domains.domain import Domain
from pinnsiren.domains.implicit import Implicit
from pinnsiren.domains.instants import Final, Initial
from pinnsiren.domains.mesh import Mesh
from pinnsiren.domains.parametric import PointSetProduct, RegionProduct
from pinnsiren.domains.part import BoundaryOf
from pinnsiren.domains.pointset import PointSet
from pinnsiren.domains.polygon import Polygon
from pinnsiren.domains.product import Product
from pinnsiren.domains.region import Boundary, Face, Interior, PartOfDomain, Region, Where

__all__ = [
    "Ball",
    "Boundary",
    "BoundaryOf",
    "Box",
    "Difference",
    "Disc",
    "Domain",
    "Face",
    "Final",
    "Implicit",
    "Initial",
    "Interior",
    "Intersection",
    "Interval",
    "Mesh",
    "PartOfDomain",
    "PointSet",
    "PointSetProduct",
    "Polygon",
    "Product",
    "Region",
    "RegionProduct",
    "Union",
    "Where",
]
