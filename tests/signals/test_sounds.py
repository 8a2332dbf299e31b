"""Sounds: scales and rates are kept, and files that are none are refused."""

import numpy as np
import pytest
from scipy.io import wavfile

from pinnsiren.errors import DataError, StorageError
from pinnsiren.signals import Sound, read_sound
from pinnsiren.signals.prelude import NOTE, prelude

RATE = 8000
WAVE = np.round(20_000 * np.sin(2 * np.pi * 440 * np.arange(800) / RATE)).astype(np.int16)


@pytest.mark.parametrize(("samples", "expected"), [
    (WAVE, WAVE / 32768), (WAVE.astype(np.int32) * 65536, WAVE / 32768),
    ((WAVE // 256 + 128).astype(np.uint8), (WAVE // 256) / 128),
    ((WAVE / 3e4).astype(np.float32), (WAVE / 3e4).astype(np.float32)), (np.stack([WAVE, WAVE // 2], axis=1), None)])
def test_files_keep_their_scale_and_rate(tmp_path, samples, expected) -> None:
    wavfile.write(tmp_path / "a.wav", RATE, samples)
    sound = read_sound(tmp_path / "a.wav")
    assert sound.rate == RATE
    np.testing.assert_array_equal(sound.values, np.stack([WAVE, WAVE // 2], axis=1) / 32768 if expected is None else expected)
    np.testing.assert_allclose(sound.points[:3, 0], np.arange(3) / RATE)
    assert list(sound.channels) == (["left", "right"] if expected is None else ["mono"])


def test_a_part_of_a_file(tmp_path) -> None:
    wavfile.write(tmp_path / "a.wav", RATE, WAVE)
    np.testing.assert_array_equal(read_sound(tmp_path / "a.wav", 0.02, 0.01).values, WAVE[80:240] / 32768)


def test_what_is_written_can_be_read_again(tmp_path) -> None:
    sound = Sound("a", RATE, 1.5 * WAVE / 32768)  # beyond full scale: nothing is clipped
    sound.save(tmp_path / "b.wav")
    np.testing.assert_allclose(read_sound(tmp_path / "b.wav").values, sound.values, rtol=1e-6)
    with pytest.raises(StorageError, match="whole number of samples"):
        Sound("a", 44_100.5, WAVE / 1.0).save(tmp_path / "c.wav")
    with pytest.raises(StorageError, match="cannot be written"):
        sound.save(tmp_path / "nowhere" / "c.wav")


def test_the_prelude_begins_on_g_and_fills_the_spectrum() -> None:
    rate = 44_100
    values = prelude(rate)
    assert len(values) == round(32 * NOTE * rate) and np.abs(values).max() == pytest.approx(0.7)
    note = values[:round(NOTE * rate)] * np.hanning(round(NOTE * rate))
    power = np.abs(np.fft.rfft(note)) ** 2
    frequencies = np.fft.rfftfreq(len(note), 1 / rate)
    peaks = frequencies[np.argsort(power)[-3:]]
    assert np.abs(peaks / 98.0 - np.round(peaks / 98.0)).max() < 0.05  # G2 is 98 Hz: the strongest are its harmonics
    assert power[frequencies > 5000].sum() > 1e-6 * power.sum()
    np.testing.assert_array_equal(values, prelude(rate))


def test_bad_sounds(tmp_path) -> None:
    with pytest.raises(DataError, match="there is no sound"):
        read_sound(tmp_path / "missing.wav")
    for name, content in (("empty.wav", b""), ("text.wav", b"this is no sound at all"),
                          ("cut.wav", b"RIFF\x24\x00\x00\x00WAVEfmt ")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="cannot be read as a sound"):
            read_sound(tmp_path / name)
    wavfile.write(tmp_path / "still.wav", 0, WAVE)
    with pytest.raises(DataError, match="0 samples a second"):
        read_sound(tmp_path / "still.wav")
    wavfile.write(tmp_path / "silent.wav", RATE, np.zeros(800, np.int16))
    with pytest.raises(DataError, match="is silent"):
        read_sound(tmp_path / "silent.wav")
    broken = (WAVE / 3e4).astype(np.float32)
    broken[100] = np.nan
    wavfile.write(tmp_path / "nan.wav", RATE, broken)
    with pytest.raises(DataError, match=r"the sample nan at 0\.0125 s"):
        read_sound(tmp_path / "nan.wav")
    wavfile.write(tmp_path / "short.wav", RATE, WAVE)
    with pytest.raises(DataError, match=r"0 samples of 0\.1 s in all"):
        read_sound(tmp_path / "short.wav", start=1.0)
    with pytest.raises(DataError, match="seconds > 0"):
        read_sound("prelude", 0.0)
