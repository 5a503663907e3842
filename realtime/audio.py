"""Sound beside live pictures: every piece carries the time at which it was heard."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from numpy.typing import NDArray

from swapcast.realtime.errors import SourceError
from swapcast.realtime.mailbox import Latest
from swapcast.realtime.worker import on_thread


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


def clip_sound(
    clip: Path, starts: Iterable[float], clock: Callable[[], float] = time.monotonic
) -> Iterator[Sound]:
    """Play a clip's own sound as fast as the clip's pictures are played; nothing if it has none.

    Parameters
    ----------
    clip : path
    starts : iterable of float
        For each time the clip is played: the ``captured_at`` of its time stamp 0.
    clock : callable
        Monotonic seconds.

    Raises
    ------
    SourceError
        If the clip cannot be read.
    """
    never = threading.Event()
    try:
        for start in starts:
            with av.open(str(clip)) as container:
                if not container.streams.audio:
                    return
                for sound in decoded(container):
                    at = start + sound.captured_at
                    never.wait(at + sound.samples.shape[1] / sound.rate - clock())
                    yield Sound(sound.samples, sound.rate, at)
    except (av.FFmpegError, OSError) as error:
        raise SourceError(
            f"the sound of {clip} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error


@contextmanager
def listening(
    sounds: Callable[[], Iterable[Sound]], lines: Sequence[SoundLine]
) -> Iterator[Latest[float]]:
    """Send sound to every line for the length of the ``with`` block.

    The door it gives holds the time of the newest sound, ends when the sound ends, and raises what
    ``sounds`` raised.

    Parameters
    ----------
    sounds : callable
        Opens the device or clip and gives its sound, on a thread of its own.
    lines : sequence of SoundLine
        One a sink: each `SinkSettings.sound`.
    """

    def produce() -> Iterator[float]:
        for sound in sounds():
            for line in lines:
                line.put(sound)
            yield sound.captured_at

    with on_thread("audio", produce) as heard:
        yield heard


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
