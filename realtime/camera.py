"""Cameras as a source, by Video4Linux, AVFoundation or DirectShow.

FFmpeg's Video4Linux input waits in the driver without a bound, and so does the other systems'. So
a process of its own reads the camera and can be killed (`swapcast.realtime.packet_reader`); it
costs one copy of the packet in shared memory and well under a millisecond. Asking the driver
directly with ``poll`` would save that, but only on Linux.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from swapcast.realtime.devices import Mode, camera_modes, named_cameras
from swapcast.realtime.live_input import LiveInput
from swapcast.realtime.packet_reader import Opened, Request

_COST = {"yuv420p": 0, "nv12": 1, "yuyv422": 2, "mjpeg": 3}  # in the order of the work they make
_USUAL = 1280 * 720  # what video calls send; more is taken only if it is asked for
_ENOUGH = 30.0  # frames a second
_QUICK = {"fflags": "nobuffer", "probesize": "32", "analyzeduration": "0"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a camera; ``None``: its best."""

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    pixel_format: str | None = None


def best_mode(modes: Sequence[Mode], wish: Wish) -> Mode | None:
    """Choose what to ask a camera for.

    The wished size or the one nearest to it; without a wish the largest up to 1280×720 that comes
    at the wished rate (30 frames a second) or more. Of those the rate that is nearest, and then
    the format that makes the least work: I420, NV12, YUYV, MJPEG.

    Returns
    -------
    Mode or None
        ``None`` if the camera tells no mode that is of use.
    """
    rate = wish.fps or _ENOUGH

    def rank(mode: Mode) -> tuple[float, ...]:
        area = mode.width * mode.height
        off = abs(mode.width - (wish.width or mode.width))
        off += abs(mode.height - (wish.height or mode.height))
        slow = 0 < mode.fps < rate - 0.5
        over = area > _USUAL
        size = off if wish.width or wish.height else 0
        return (
            size,
            slow,
            over,
            area if over else -area,
            abs(mode.fps - rate),
            _COST[mode.pixel_format],
        )

    usable = [
        mode
        for mode in modes
        if mode.pixel_format in _COST and wish.pixel_format in (None, mode.pixel_format)
    ]
    return min(usable, key=rank, default=None)


def camera(
    spec: str,
    wish: Wish,
    *,
    stop: Callable[[], bool] = lambda: False,
    on_event: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> LiveInput:
    """Prepare to read a camera.

    ``captured_at`` is the time at which the kernel had the picture, where the driver tells it by
    the monotonic clock, else the time at which it arrived. Raw pictures mean the colours that the
    driver states (Linux), else BT.601, limited range, as USB cameras send them; MJPEG says itself
    what it is.

    Parameters
    ----------
    spec : str
        A number, or a device: ``0``, ``/dev/video0``.
    wish : Wish
    stop, on_event, clock : callable
        As in `swapcast.realtime.sources.open_source`.
    """
    name = f"/dev/video{spec}" if sys.platform == "linux" and spec.isdigit() else spec

    def opened(found: Opened) -> None:
        for text in refused(wish, found):
            on_event(f"camera {name}: {text}")

    return LiveInput(
        name=f"camera {name}",
        request=lambda: _request(name, wish),
        advice="`swapcast cameras` lists what is here; close other programs that use it, "
        "and feed it first if it is a virtual camera",
        rate=wish.fps or _ENOUGH,
        on_opened=opened,
        stop=stop,
        on_event=on_event,
        clock=clock,
    )


def refused(wish: Wish, found: Opened) -> list[str]:
    """Say which settings a camera did not accept."""
    texts = []
    wished = (wish.width or found.width, wish.height or found.height)
    if wished != (found.width, found.height):
        texts.append(f"it sends {found.width}×{found.height}, not {wished[0]}×{wished[1]} as asked")
    if wish.fps and found.rate and abs(found.rate - wish.fps) > 0.5:
        texts.append(f"it sends {found.rate:.4g} frames a second, not {wish.fps:g} as asked")
    sent = found.pixel_format if found.codec == "rawvideo" else found.codec
    if wish.pixel_format and wish.pixel_format != sent:
        texts.append(f"it sends {sent}, not {wish.pixel_format} as asked")
    return texts


def _request(name: str, wish: Wish) -> Request:
    """Say how FFmpeg opens the camera on this system."""
    if sys.platform == "linux":
        mode = best_mode(camera_modes(Path(name)), wish)
        options = _options(mode, "input_format")
        return Request(name, "v4l2", _QUICK | options, stamped=True, newest=True)
    width, height = wish.width or 1280, wish.height or 720
    options = _options(
        Mode(wish.pixel_format or "", width, height, wish.fps or _ENOUGH), "pixel_format"
    )
    if sys.platform == "darwin":
        return Request(f"{name}:none", "avfoundation", _QUICK | options, stamped=True, newest=True)
    if options.get("pixel_format") == "mjpeg":
        options["vcodec"] = options.pop("pixel_format")
    title = dict(named_cameras()).get(name, name)
    return Request(f"video={title}", "dshow", _QUICK | options, stamped=True, newest=True)


def _options(mode: Mode | None, form: str) -> dict[str, str]:
    if mode is None:
        return {}
    options = {"video_size": f"{mode.width}x{mode.height}"}
    if mode.fps:
        options["framerate"] = f"{mode.fps:g}"
    if mode.pixel_format:
        options[form] = mode.pixel_format
    return options
