"""Streams from the network as a source: RTSP, SRT, UDP, TCP, HTTP, RTMP."""

import time
from collections.abc import Callable

from swapcast.realtime.live_input import LiveInput
from swapcast.realtime.packet_reader import Request

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
    stamps; a clip there ends where it ends, or starts again with ``loop``.

    Parameters
    ----------
    url : str
        Starts with one of `SCHEMES`.
    loop : bool
        Start a clip again at its end.
    stop, on_event, clock : callable
        As in `swapcast.realtime.sources.open_source`.
    """
    scheme = url.partition(":")[0].lower()
    options = dict(_QUICK)
    if scheme in ("rtsp", "rtsps"):
        options["rtsp_transport"] = "tcp"  # whole pictures; UDP loses slices
    if scheme == "udp":
        options |= {"overrun_nonfatal": "1", "fifo_size": "50000"}
    return LiveInput(
        name=url,
        request=lambda: Request(url, options=options, paced=scheme in ("http", "https")),
        advice="see that the sender runs and the address is right",
        silence=3.0,
        loop=loop,
        stop=stop,
        on_event=on_event,
        clock=clock,
    )
