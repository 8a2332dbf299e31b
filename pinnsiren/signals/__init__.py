"""Signals: measured data that become equations: images. No torch here."""

from pinnsiren.signals.images import Image, Target, ceiling, psnr, read_image, without_null_space

__all__ = ["Image", "Target", "ceiling", "psnr", "read_image", "without_null_space"]
