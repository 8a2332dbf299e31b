"""Signals: measured data that become equations: images, two images blended, sounds, videos. No torch here."""

from pinnsiren.signals.blending import Mode, blend, blend_by_differences, blended
from pinnsiren.signals.cosines import Target
from pinnsiren.signals.images import Image, read_image
from pinnsiren.signals.recovery import ceiling, psnr, without_null_space
from pinnsiren.signals.sounds import Sound, read_sound
from pinnsiren.signals.videos import Video, read_video

__all__ = ["Image", "Mode", "Sound", "Target", "Video", "blend", "blend_by_differences", "blended", "ceiling", "psnr",
           "read_image", "read_sound", "read_video", "without_null_space"]
