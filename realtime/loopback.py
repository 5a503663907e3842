"""The driver behind virtual cameras on Linux: its devices, their state, repair of a dead one."""

import errno
import os
import re
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

State = Literal["free", "busy", "dead", "denied", "foreign", "missing"]
"""Of a device, as a program that wants to write into it finds it.

``free``
    Takes pictures.
``busy``
    Another program writes into it.
``dead``
    Neither a camera nor an output any more: see `revive`.
``denied``
    The user may not open it.
``foreign``
    Not a v4l2loopback device: a real camera, or no video device at all.
``missing``
    Nothing lies at that path.
"""

LOAD_LINE = (
    "sudo modprobe v4l2loopback video_nr=10 card_label=swapcast exclusive_caps=1 max_buffers=4"
)
"""What makes a virtual camera, until the next start of the computer."""

INSTALL_LINE = "sudo apt install v4l2loopback-dkms"

# From linux/videodev2.h.
_QUERYCAP = 0x80685600  # _IOR('V', 0, struct v4l2_capability), 104 bytes
_STREAMON = 0x40045612  # _IOW('V', 18, int)
_OUTPUT_BUFFERS = 2  # V4L2_BUF_TYPE_VIDEO_OUTPUT
_REFUSALS: dict[int, State] = {
    errno.ENOENT: "missing",
    errno.ENODEV: "missing",
    errno.ENXIO: "missing",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
    errno.EBUSY: "busy",
}
_PATIENCE_S = 1.0  # also the longest pause of a writer that is still taken for one
_CAN_CAPTURE, _CAN_OUTPUT, _HAS_DEVICE_CAPS = 0x1, 0x2, 0x80000000


def is_loaded(root: Path = Path("/")) -> bool:
    """Whether the v4l2loopback module is in the kernel whose ``/sys`` lies under ``root``."""
    return (root / "sys/module/v4l2loopback").is_dir()


def devices(root: Path = Path("/")) -> tuple[Path, ...]:
    """Paths ``/dev/video…`` of the virtual cameras, in the order of their numbers.

    Parameters
    ----------
    root : folder
        Where ``sys`` lies. The paths returned do not contain it.
    """
    # `max_openers` is an attribute that only this driver gives its devices.
    found = [entry.parent for entry in root.glob("sys/class/video4linux/video*/max_openers")]
    return tuple(
        Path("/dev") / entry.name for entry in sorted(found, key=lambda e: int(e.name[5:]))
    )


def state(device: Path) -> State:
    """Ask the driver what ``device`` can do now."""
    if sys.platform != "linux":
        return "missing"
    import fcntl  # noqa: PLC0415 - only on Unix

    try:
        opened = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        return _REFUSALS.get(error.errno or 0, "foreign")
    answer = bytearray(104)
    try:
        fcntl.ioctl(opened, _QUERYCAP, answer)
    except OSError:
        return "foreign"
    finally:
        os.close(opened)
    driver = bytes(answer[:16]).rstrip(b"\0")
    able, able_now = struct.unpack_from("=II", answer, 84)
    able = able_now if able & _HAS_DEVICE_CAPS else able
    if driver != b"v4l2 loopback":
        return "foreign"
    if able & _CAN_OUTPUT:
        return "free"
    return "busy" if able & _CAN_CAPTURE else "dead"


def revive(device: Path, clock: Callable[[], float] = time.monotonic) -> bool:
    """Give a dead device its output back, without root and without loading the module anew.

    With ``exclusive_caps=1``, v4l2loopback up to 0.12.7 does not see that a writer has closed its
    device (upstream issue 470): the device stays dead, or, while a program still watches it, busy.
    A stream that is opened for output and closed again makes the driver look. If somebody does
    write into it, his next picture makes it busy again; that is waited for.

    Returns
    -------
    bool
        Whether the device is free now.
    """
    if sys.platform != "linux":
        return False
    import fcntl  # noqa: PLC0415 - only on Unix

    may_have_writer = state(device) == "busy"
    try:
        opened = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.ioctl(opened, _STREAMON, struct.pack("=i", _OUTPUT_BUFFERS))
    except OSError:
        pass  # expected of a dead device, which has no buffers: what counts is the closing
    finally:
        os.close(opened)
    # A process that is just being started may share the file: the driver looks a little later then.
    if not _becomes(device, lambda found: found == "free", clock):
        return False
    return not (may_have_writer and _becomes(device, lambda found: found != "free", clock))


def _becomes(device: Path, wanted: Callable[[State], bool], clock: Callable[[], float]) -> bool:
    """Watch a device for a while; the driver tells nobody when its state changes."""
    deadline = clock() + _PATIENCE_S
    while not wanted(state(device)):
        if clock() >= deadline:
            return False
        threading.Event().wait(0.02)
    return True


def size_of(device: Path, root: Path = Path("/")) -> tuple[int, int] | None:
    """Width and height that a virtual camera is fixed to now; ``None`` where it has none yet."""
    file = root / "sys/class/video4linux" / device.name / "format"
    try:
        found = re.match(r".{4}:(\d+)x(\d+)@", file.read_text(encoding="ascii"))
    except OSError:
        return None
    return None if found is None else (int(found[1]), int(found[2]))
