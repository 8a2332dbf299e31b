"""First arrivals of the eikonal equation, by fast sweeping."""

from pinnsiren.validation.eikonal.reference import FastSweeping

__all__ = ["FastSweeping"]
