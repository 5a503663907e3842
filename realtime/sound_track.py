"""Encode sound into the file or stream of its pictures, in step with them."""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import TypeAlias

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer

from swapcast.realtime.audio import Sound, SoundLine

SoundPacket: TypeAlias = "av.Packet[AudioStream]"
"""Encoded sound on its way into a file."""


class SoundEncoder:
    """Encodes sound into a stream of a file: AAC, or Opus where the file takes nothing else.

    Parameters
    ----------
    container : the file
    rate : int
        Samples per second that are wished for.
    channels : int
        More than two become two.
    live : bool
        Pull the sound to its time stamps, by at most 1 %, and begin with the pictures: what was
        heard before is cut off, what is missing is silence. Otherwise only holes are filled.
    """

    def __init__(
        self, container: OutputContainer, rate: int, channels: int, *, live: bool = False
    ) -> None:
        opus = container.format.name == "webm"
        if opus or rate not in (16000, 22050, 24000, 32000, 44100):
            rate = 48000
        stream = container.add_stream("libopus" if opus else "aac", rate=rate)
        assert isinstance(stream, AudioStream)
        context = stream.codec_context
        context.layout = "mono" if channels == 1 else "stereo"
        context.bit_rate = 96_000 * min(channels, 2)
        context.open()  # tells the length of its packets
        self._stream = stream
        options = {"async": "1"}
        if live:  # the first packet of an encoder is early by up to its length; no time is below 0
            options = {"async": str(rate // 100), "first_pts": str(context.frame_size)}
        self._resampler = AudioResampler(
            context.format, context.layout, rate, context.frame_size, options
        )

    def packets(self, frame: av.AudioFrame | None) -> Iterator[SoundPacket]:
        """Encode ``frame`` (``None``: the rest), at the time that its time stamp says."""
        for piece in self._resampler.resample(frame):
            yield from self._stream.encode(piece)
        if frame is None:
            yield from self._stream.encode(None)


class SoundTrack:
    """The live sound of one file or stream, in step with its picture.

    Sound carries the time at which it was heard as pictures carry the time at which they were
    seen, so the delay of the picture becomes the delay of the sound by itself. Sound waits here
    until the picture of its time is written. A device whose clock runs fast or slow is stretched
    or squeezed by no more than 1 % to stay with the picture.

    Parameters
    ----------
    container : the file
    line : SoundLine
        Where the sound arrives.
    zero : float
        ``captured_at`` of the first picture.
    """

    def __init__(self, container: OutputContainer, line: SoundLine, zero: float) -> None:
        self._encoder = SoundEncoder(container, 48000, 2, live=True)
        self._line = line
        self._zero = zero
        self._waiting: deque[Sound] = deque(maxlen=500)

    def packets(self, until: float) -> Iterator[SoundPacket]:
        """Encode the sound that was heard before ``until``, in seconds of the file."""
        self._waiting.extend(self._line.take())
        while self._waiting and self._waiting[0].captured_at - self._zero < until:
            sound = self._waiting.popleft()
            if sound.captured_at + sound.samples.shape[1] / sound.rate > self._zero:
                yield from self._encoder.packets(_as_frame(sound, self._zero))

    def rest(self, until: float) -> Iterator[SoundPacket]:
        """Encode what was heard before ``until``, and what the encoder still holds."""
        yield from self.packets(until)
        yield from self._encoder.packets(None)


def _as_frame(sound: Sound, zero: float) -> av.AudioFrame:
    layout = "mono" if sound.samples.shape[0] == 1 else "stereo"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.samples), "fltp", layout)
    frame.sample_rate = sound.rate
    frame.time_base = Fraction(1, sound.rate)
    frame.pts = round((sound.captured_at - zero) * sound.rate)
    return frame
