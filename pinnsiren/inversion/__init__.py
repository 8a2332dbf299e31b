"""Full-waveform inversion: a velocity from recorded waves, the fields eliminated through a discretised solver.

Reference: Tarantola, Geophysics 49 (1984); Virieux & Operto, Geophysics 74 (2009).
"""

from pinnsiren.inversion.invert import Inversion, Inverted, Progress, invert
from pinnsiren.inversion.misfit import Misfit
from pinnsiren.inversion.smoothing import Variation
from pinnsiren.inversion.unknown import Unknown
from pinnsiren.inversion.velocity import GridVelocity, NetworkVelocity, Velocity

__all__ = ["GridVelocity", "Inversion", "Inverted", "Misfit", "NetworkVelocity", "Progress", "Unknown", "Variation", "Velocity",
           "invert"]
