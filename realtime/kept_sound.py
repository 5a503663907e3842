"""Keep a clip's sound in the file that its pictures are converted into."""

from collections.abc import Iterator
from fractions import Fraction
from math import inf
from pathlib import Path
from types import TracebackType

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Stream

from swapcast.realtime.sound_track import SoundEncoder, SoundPacket

_COPIED = {
    ".mp4": {"aac", "mp3", "ac3", "eac3", "alac", "opus"},
    ".mov": {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le"},
    ".webm": {"opus", "vorbis"},
}  # what players of each form can be expected to play; .mkv holds everything
_EDIT_LISTS = (".mp4", ".mov")  # can say that a beginning is decoded but not played
_EARLY = 0.5  # seconds before the clip's end at which a last picture means that it was broken off


class KeptSound:
    """The sound of a clip, and how the clip counts its pictures' times.

    Packets are copied as they are where players of the new file understand them, else they are
    encoded again (as AAC; as Opus in .webm). Times are counted from the clip's beginning.

    Parameters
    ----------
    clip : path
    """

    def __init__(self, clip: Path) -> None:
        self._clip = av.open(str(clip), metadata_errors="replace")
        video, self._sounds = self._clip.streams.video[0], self._clip.streams.audio[:1]
        self.zero = min(_start(stream) for stream in (video, *self._sounds))
        """Seconds: the time stamp that becomes 0 in the file."""
        self.tick = video.time_base or Fraction(1, 90_000)
        """Seconds; what the clip counts its pictures' times in."""
        self._end = inf
        if video.duration is not None:
            self._end = float(_start(video) + video.duration * self.tick - self.zero)
        self._held: SoundPacket | None = None
        self._packets: Iterator[SoundPacket] = iter(())

    def join(self, container: OutputContainer) -> None:
        """Add the sound to the streams of the file, if there is any."""
        for sound in self._sounds:
            context = sound.codec_context
            name = context.codec.canonical_name
            suffix = Path(container.name).suffix.lower()
            if name in _COPIED.get(suffix, {name}):
                kept = container.add_stream_from_template(sound)
                lead = suffix in _EDIT_LISTS or name == "opus"  # which states its lead itself
                self._packets = self._copied(sound, kept, lead=lead)
            else:
                encoder = SoundEncoder(container, context.sample_rate, context.channels)
                self._packets = self._encoded(sound, encoder)

    def packets(self, until: float) -> Iterator[SoundPacket]:
        """Give the packets that begin before ``until``, in seconds of the file."""
        while True:
            self._held = self._held or next(self._packets, None)
            if self._held is None or _seconds(self._held) >= until:
                return
            packet, self._held = self._held, None
            yield packet

    def rest(self, until: float) -> Iterator[SoundPacket]:
        """Give what remains when the pictures end at ``until``, in seconds of the file.

        That is everything, unless the pictures were broken off before the clip's own end.
        """
        return self.packets(until if until < self._end - _EARLY else inf)

    def __enter__(self) -> "KeptSound":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the clip."""
        self._clip.close()

    def _copied(
        self, sound: AudioStream, kept: AudioStream, *, lead: bool
    ) -> Iterator[SoundPacket]:
        """Copy packets; those before time 0, which decoders need but nobody hears, if ``lead``."""
        for packet in self._clip.demux(sound):
            if packet.dts is None or packet.pts is None:
                continue  # the mark of the clip's end
            shift = round(self.zero / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            if (packet.is_discard or packet.pts < 0) and not (lead and packet.pts < 0):
                continue
            packet.stream = kept
            yield packet

    def _encoded(self, sound: AudioStream, encoder: SoundEncoder) -> Iterator[SoundPacket]:
        for frame in self._clip.decode(sound):
            if frame.pts is not None and frame.time_base is not None:
                frame.pts -= round(self.zero / frame.time_base)
            yield from encoder.packets(frame)
        yield from encoder.packets(None)


def _start(stream: Stream) -> Fraction:
    return (stream.start_time or 0) * (stream.time_base or Fraction(0))


def _seconds(packet: SoundPacket) -> float:
    return float((packet.pts or 0) * packet.time_base)
