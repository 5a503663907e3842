"""Show the pictures to other programs as a camera of this computer."""

import sys
from pathlib import Path
from types import TracebackType

import pyvirtualcam

from swapcast.realtime import loopback
from swapcast.realtime.errors import SinkError
from swapcast.realtime.fitting import fitted
from swapcast.realtime.frame import Colour, Picture

OBS_LINE = (
    "install OBS Studio 30 or newer from https://obsproject.com, press its "
    "'Start Virtual Camera' once, stop it again and close OBS"
)
"""What makes a virtual camera on Windows and macOS."""


class VirtualCamera:
    """A virtual camera: v4l2loopback on Linux, OBS's on Windows and macOS.

    The device is looked for (and repaired, if the driver left it dead) on entering the ``with``
    block, and opened at the size and rate of the first picture. A device that is watched cannot
    change its size, so later pictures of another one are fitted into the first, between bars.

    Parameters
    ----------
    device : path such as ``/dev/video10`` (Linux) or name of the camera, optional
        By default the first virtual camera that is free.
    fps : float > 0, optional
        Told to the programs that watch; by default the rate of the first picture.
    root : folder
        Where ``sys`` lies on Linux.
    """

    fills_gaps = True
    """Programs that watch a camera take its silence for a fault, so the loop repeats pictures."""

    colour: Colour | None = Colour("bt601", full_range=False)
    """What OpenCV and Chromium take I420 from a virtual camera for, at every size."""

    def __init__(
        self, device: str | None = None, fps: float | None = None, *, root: Path = Path("/")
    ) -> None:
        # Stays as it was asked for: the meter counts under it.
        self.name = "virtual" if device is None else f"virtual:{device}"
        self._device = device
        self._fps = fps
        self._root = root
        self._camera: pyvirtualcam.Camera | None = None
        self._first: Picture | None = None

    def __enter__(self) -> "VirtualCamera":
        if sys.platform == "linux":
            self._device = str(_usable(self._device, self._root))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._camera is not None:
            self._camera.close()
            self._camera = self._first = None

    def write(self, picture: Picture) -> None:
        """Show ``picture`` until the next one comes. Returns at once: the loop keeps the time.

        Raises
        ------
        SinkError
            If the camera cannot be opened at the size of the picture.
        """
        if self._camera is None or self._first is None:
            self._camera, self._first = self._open(picture), picture
        self._camera.send(fitted(picture, self._first).data)

    def _open(self, picture: Picture) -> pyvirtualcam.Camera:
        try:
            camera = pyvirtualcam.Camera(
                picture.width,
                picture.height,
                self._fps or 1 / picture.period,
                fmt=pyvirtualcam.PixelFormat.I420,
                device=self._device,
            )
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            asked = f"{picture.width}×{picture.height} on {self._device or 'a virtual camera'}"
            cure = "`swapcast doctor` looks for the cause" if sys.platform == "linux" else OBS_LINE
            raise SinkError(f"cannot show {asked}: {reason}; {cure}") from error
        self._device = str(camera.device)
        wanted = picture.width, picture.height
        fixed = loopback.size_of(Path(self._device), self._root)
        # The driver would show a picture of another size scrambled.
        if fixed is not None and fixed != wanted:
            camera.close()
            raise SinkError(
                f"{self._device} stays at {fixed[0]}×{fixed[1]} and cannot show "
                f"{wanted[0]}×{wanted[1]}: close the programs that watch it and start again"
            )
        return camera

    @property
    def device(self) -> str | None:
        """The camera's path or name; ``None`` while it is still to be chosen."""
        return self._device


def _usable(asked: str | None, root: Path) -> Path:
    """Find a device that takes pictures, repairing it if that is what it needs."""
    here = loopback.devices(root)
    if not here and not loopback.is_loaded(root):
        raise SinkError(
            "no virtual camera: the driver v4l2loopback is not loaded; "
            f"{loopback.LOAD_LINE} (if that finds no module: {loopback.INSTALL_LINE})"
        )
    tried = here if asked is None else (Path(asked),)
    states = []
    for device in tried:
        found = loopback.state(device)
        if found == "free" or (found in ("dead", "busy") and loopback.revive(device)):
            return device
        states.append(found)
    if asked is None:
        found_here = ", ".join(f"{d} ({s})" for d, s in zip(tried, states, strict=True))
        raise SinkError(
            f"no virtual camera is free: {found_here or 'v4l2loopback has no device'}; close the "
            "program that writes into it, or load the driver anew: sudo modprobe -r v4l2loopback "
            f"&& {loopback.LOAD_LINE}"
        )
    raise SinkError(_refusal(asked, states[0], here))


def _refusal(asked: str, found: loopback.State, here: tuple[Path, ...]) -> str:
    others = ", ".join(f"virtual:{d}" for d in here if str(d) != asked)
    instead = f"; here: {others}" if others else ""
    match found:
        case "missing":
            return f"there is no {asked}{instead or '; make one: ' + loopback.LOAD_LINE}"
        case "foreign":
            return f"{asked} is not a virtual camera{instead}"
        case "denied":
            return f'you may not open {asked}: sudo usermod -aG video "$USER", then log in again'
        case "busy":
            return (
                f"{asked} is taken: another program shows pictures there "
                f"(fuser -v {asked} names it); close it{instead}"
            )
        case _:
            return (
                f"{asked} is dead and could not be repaired; close the programs that watch it, "
                f"then: sudo modprobe -r v4l2loopback && {loopback.LOAD_LINE}"
            )
