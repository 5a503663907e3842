"""The cameras that are here, and what each of them can send."""

import sys
from dataclasses import dataclass
from pathlib import Path

from swapcast.realtime.errors import SourceError

if sys.platform == "linux":
    from swapcast.realtime.v4l2 import card, modes


@dataclass(frozen=True, slots=True)
class Mode:
    """One way a camera can send its pictures."""

    pixel_format: str
    """FFmpeg's name (yuyv422, mjpeg, nv12, yuv420p), or the driver's four letters."""
    width: int
    height: int
    fps: float
    """Frames a second at most; 0 if the driver does not say."""


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera that is here."""

    source: str
    """What ``--source`` takes for it."""
    name: str
    modes: tuple[Mode, ...] = ()
    """Empty where the system does not tell them (macOS, Windows)."""

    def __str__(self) -> str:
        """Say it in a line, and each size in a line of its own with the forms it comes in."""
        sizes: dict[tuple[int, int], list[str]] = {}
        for mode in self.modes:
            rate = f" {mode.fps:.4g} fps" if mode.fps else ""
            sizes.setdefault((mode.width, mode.height), []).append(f"{mode.pixel_format}{rate}")
        lines = [f"  {wide}×{high}: {', '.join(sizes[wide, high])}" for wide, high in sizes]
        return "\n".join([f"{self.source}  {self.name}", *lines])


def list_cameras() -> tuple[CameraInfo, ...]:
    """List the cameras of this machine; empty if there is none.

    Raises
    ------
    SourceError
        If this system cannot be asked.
    """
    if sys.platform == "linux":
        places = sorted(Path("/dev").glob("video*"), key=lambda path: (len(path.name), path.name))
        named = [(path, card(path)) for path in places]
        return tuple(
            CameraInfo(str(path), name, camera_modes(path))
            for path, name in named
            if name is not None
        )
    return tuple(CameraInfo(source, name) for source, name in named_cameras())


def camera_modes(path: Path) -> tuple[Mode, ...]:
    """Ask a Linux camera what it can send; empty if it cannot be asked."""
    if sys.platform == "linux":
        return tuple(Mode(*mode) for mode in modes(path))
    return ()


def named_cameras() -> tuple[tuple[str, str], ...]:
    """List number and name of the cameras on macOS and Windows, as FFmpeg tells them.

    Raises
    ------
    SourceError
        If the installed PyAV or this system's FFmpeg input cannot list devices.
    """
    form = "avfoundation" if sys.platform == "darwin" else "dshow"
    try:
        import av.device  # noqa: PLC0415 - came with PyAV 17

        found = av.device.enumerate_input_devices(form)
    except (ImportError, AttributeError, OSError, ValueError) as error:
        raise SourceError(
            f"this system's cameras cannot be listed ({error}); update PyAV, or give a number: 0"
        ) from error
    cameras = [device for device in found if "video" in device.media_types]
    return tuple(
        (str(number), device.description or device.name) for number, device in enumerate(cameras)
    )
