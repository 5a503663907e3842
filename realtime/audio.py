"""Sound beside live pictures: every piece carries the time at which it was heard."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Sound:
    """A short piece of sound."""

    samples: NDArray[np.float32]
    """float32 [channels, n], −1…1: one or two channels."""
    rate: int
    """Samples per second, by the device's own clock."""
    captured_at: float
    """When its first sample was heard, on the clock of `Frame.captured_at`."""


class SoundLine:
    """The way of the sound to one sink. Holds ten seconds or more; older sound makes room."""

    def __init__(self) -> None:
        self._sounds: deque[Sound] = deque(maxlen=1000)

    def put(self, sound: Sound) -> None:
        """Add ``sound``. Never blocks."""
        self._sounds.append(sound)

    def take(self) -> Iterator[Sound]:
        """Take what has arrived, the oldest first."""
        while self._sounds:
            yield self._sounds.popleft()


def decoded(container: InputContainer) -> Iterator[Sound]:
    """Decode a file's or device's sound; ``captured_at`` is its own time stamp."""
    resampler: AudioResampler | None = None
    for frame in container.decode(audio=0):
        if resampler is None:
            layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
            resampler = AudioResampler("fltp", layout, frame.sample_rate)
        for piece in resampler.resample(frame):
            samples = np.asarray(piece.to_ndarray(), np.float32)
            at = (piece.pts or 0) * (piece.time_base or Fraction(0))
            yield Sound(samples, piece.sample_rate, float(at))


def advised_delay_ms(latencies: Sequence[float]) -> int:
    """Say what sound delay to set in OBS or Zoom for a virtual camera.

    Parameters
    ----------
    latencies : sequence of float, at least one
        Seconds from each picture's ``captured_at`` to when it was handed to the camera.

    Returns
    -------
    int
        Milliseconds: their median.
    """
    return round(1000 * float(np.median(np.asarray(latencies, np.float64))))
