"""Which encoders there are, how they are set, and whether one that was asked for is here."""

from collections.abc import Mapping
from typing import Literal

import av
from av.video.codeccontext import VideoCodecContext

from swapcast.realtime.errors import SinkError

Codec = Literal["h264", "h265", "vp9"]

USUAL: Mapping[Codec, str] = {"h264": "libx264", "h265": "libx265", "vp9": "libvpx-vp9"}
"""The encoder of each codec."""

# x264's fastest, with what pays for itself: CABAC, the loop filter, and half-pixel motion. Against
# superfast at CRF 21 it takes 0.8 of the time and 0.7 of the bytes, where the camera grains 0.6 and
# 0.35; luma has 0.3 to 0.7 dB less.
LIVE: Mapping[str, Mapping[str, str]] = {
    "libx264": {
        "preset": "ultrafast",
        "crf": "20",
        "bf": "0",
        "x264-params": "cabac=1:deblock=0,0:subme=1",
    },
    "libx265": {"preset": "ultrafast", "crf": "24", "bf": "0", "x265-params": "log-level=error"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "30", "lag-in-frames": "0"},
}
OFFLINE: Mapping[str, Mapping[str, str]] = {
    "libx264": {"preset": "medium", "crf": "18"},
    "libx265": {"preset": "medium", "crf": "20", "x265-params": "log-level=error"},
    "libvpx-vp9": {"deadline": "good", "cpu-used": "4", "crf": "24", "row-mt": "1"},
}


def demand(encoder: str, name: str) -> None:
    """See that an encoder that was asked for is in this FFmpeg.

    Raises
    ------
    SinkError
        If it is not; ``name`` is what could not be written.
    """
    if encoder not in av.codecs_available:
        raise SinkError(
            f"cannot write {name}: this PyAV has no encoder {encoder!r}; leave out --encoder, "
            "or give another name, such as h264_nvenc"
        )


def start(context: VideoCodecContext) -> None:
    """Open an encoder that was asked for by name, to say plainly if it does not start.

    Raises
    ------
    SinkError
        If it does not.
    """
    try:
        context.open()
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SinkError(
            f"the encoder {context.name} does not start here ({reason}): its hardware or driver is "
            "missing, or it does not take this picture; leave out --encoder"
        ) from error
