"""A space of functions: one network that gives the network of each instance of a family of problems."""

from pinnsiren.space.family import Family
from pinnsiren.space.space import Space

__all__ = ["Family", "Space"]
