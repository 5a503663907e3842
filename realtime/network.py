"""Streams from the network as a source: RTSP, SRT, UDP, TCP, HTTP, RTMP."""

import math
import time
from collections.abc import Callable

from swapcast.realtime.errors import SourceError
from swapcast.realtime.live_input import LiveInput
from swapcast.realtime.packet_reader import Request
from swapcast.realtime.srt import missing, receiving

SCHEMES = ("rtsp", "rtsps", "srt", "udp", "rtp", "tcp", "http", "https", "rtmp", "rtmps")
_QUICK = {"probesize": "500000", "analyzeduration": "500000"}


def stream(
    url: str,
    *,
    loop: bool = False,
    stop: Callable[[], bool] = lambda: False,
    on_event: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> LiveInput:
    """Prepare to read a stream.

    A process of its own reads it, so neither a dead host nor a name that cannot be looked up holds
    anything up. ``captured_at`` is the time at which a picture's packet arrived; when it was taken,
    the network does not tell. What comes over HTTP comes in bursts and is played by its time
    stamps; a clip there ends where it ends, or starts again with ``loop``. SRT is carried by an
    ``ffmpeg`` program (`swapcast.realtime.srt`); one that listens waits for its caller.

    Parameters
    ----------
    url : str
        Starts with one of `SCHEMES`.
    loop : bool
        Start a clip again at its end.
    stop, on_event, clock : callable
        As in `swapcast.realtime.sources.open_source`.

    Raises
    ------
    SourceError
        If the program that carries SRT is missing.
    """
    scheme = url.partition(":")[0].lower()
    options = dict(_QUICK)
    waits = scheme == "srt" and "mode=listener" in url
    if scheme == "srt" and (lacking := missing()) is not None:
        raise SourceError(f"cannot read {url}: {lacking}")
    if scheme in ("rtsp", "rtsps"):
        options["rtsp_transport"] = "tcp"  # whole pictures; UDP loses slices
    if scheme == "udp":
        options |= {"overrun_nonfatal": "1", "fifo_size": "50000"}
    return LiveInput(
        name=url,
        request=lambda: Request(
            url,
            options=options,
            paced=scheme in ("http", "https"),
            carrier=receiving(url) if scheme == "srt" else [],
        ),
        advice="see that the sender runs and the address is right",
        opening=math.inf if waits else 20.0,
        silence=3.0,
        loop=loop,
        stop=stop,
        on_event=on_event,
        clock=clock,
    )
