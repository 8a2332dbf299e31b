"""Seismic surveys: media, sources and receivers, and data made by finite differences of their own."""

from pinnsiren.surveys.media import Inclusion, Layers, Medium
from pinnsiren.surveys.survey import Acquisition, Survey, recorded
from pinnsiren.surveys.waves import WaveGrid, Waves

__all__ = ["Acquisition", "Inclusion", "Layers", "Medium", "Survey", "WaveGrid", "Waves", "recorded"]
