"""What Linux knows about its cameras: names, formats, sizes and rates, asked of the driver."""

import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from swapcast.realtime.frame import Colour

_CAPABILITY = 0x80685600  # VIDIOC_QUERYCAP
_FORMAT, _SIZE, _INTERVAL = 0xC0405602, 0xC02C564A, 0xC034564B  # VIDIOC_ENUM_FMT, …_FRAMESIZES, …
_GET_FORMAT = 0xC0005604 | struct.calcsize("@P200s") << 16  # VIDIOC_G_FMT
_CAPTURE, _OWN_CAPABILITIES = 0x1, 0x80000000
_DISCRETE = 1
_EXTENDED = 0xFEEDCAFE  # V4L2_PIX_FMT_PRIV_MAGIC: the fields after it mean something
_JPEG, _FULL = 7, 1  # V4L2_COLORSPACE_JPEG, V4L2_QUANTIZATION_FULL_RANGE
_HIGH_COLORSPACES = {2, 3, 10, 12}  # V4L2_COLORSPACE_ SMPTE240M, REC709, BT2020, DCI_P3
_HIGH_ENCODINGS = {2, 4, 6, 7, 8}  # V4L2_YCBCR_ENC_ 709, XV709, BT2020, BT2020_CONST_LUM, SMPTE240M
_USUAL = ((320, 240), (640, 360), (640, 480), (1280, 720), (1920, 1080))
_NAMES = {
    b"YUYV": "yuyv422",
    b"MJPG": "mjpeg",
    b"JPEG": "mjpeg",
    b"NV12": "nv12",
    b"YU12": "yuv420p",
}


def card(path: Path) -> str | None:
    """Return a capture device's name; ``None`` if it does not capture, or cannot be asked."""
    try:
        device = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        answer = bytearray(104)
        fcntl.ioctl(device, _CAPABILITY, answer)
        _, name, _, _, all_of_it, own, *_ = struct.unpack("=16s32s32s6I", answer)
        able = own if all_of_it & _OWN_CAPABILITIES else all_of_it
        return name.split(b"\0")[0].decode(errors="replace") if able & _CAPTURE else None
    except OSError:
        return None
    finally:
        os.close(device)


def modes(path: Path) -> tuple[tuple[str, int, int, float], ...]:
    """Ask a device for all it can do: format, width, height, rate. Nothing if it cannot be asked.

    Formats have FFmpeg's name or the driver's four letters; a rate of 0 is one it does not tell.

    Of sizes between two bounds the usual ones are listed, or else the largest.
    """
    try:
        device = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return ()
    try:
        return tuple(
            (_NAMES.get(code, code.decode(errors="replace").strip().lower()), *size, rate)
            for code in _formats(device)
            for size in _sizes(device, code)
            for rate in _rates(device, code, size) or (0.0,)
        )
    finally:
        os.close(device)


def stated_colour(path: Path) -> Colour | None:
    """Ask a device what the colours of its raw pictures mean, in the format it is set to.

    Returns
    -------
    Colour or None
        ``None`` if it cannot be asked, or does not say.
    """
    try:
        device = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        answer = bytearray(struct.pack("@I", 1).ljust(struct.calcsize("@P200s"), b"\0"))
        fcntl.ioctl(device, _GET_FORMAT, answer)
        return colour_of(answer)
    except OSError:
        return None
    finally:
        os.close(device)


def colour_of(answer: bytes | bytearray) -> Colour | None:
    """Read the colours out of the kernel's ``struct v4l2_format``, by the kernel's own rules.

    A stated encoding or quantization counts. One left at its default follows from the colorspace
    (``V4L2_MAP_YCBCR_ENC_DEFAULT`` and ``V4L2_MAP_QUANTIZATION_DEFAULT`` in ``videodev2.h``):
    REC709 and DCI-P3 mean BT.709, BT.2020 and SMPTE 240M their own, all others BT.601, at any size;
    JPEG means full range, all others limited. BT.2020 and SMPTE 240M are taken for BT.709, the
    nearest that a frame can say.

    Returns
    -------
    Colour or None
        ``None`` if the driver states no colorspace, encoding or quantization.
    """
    fields = struct.unpack_from("=12I", answer, struct.calcsize("@P"))
    colorspace, magic, encoding, quantization = fields[6], fields[7], fields[9], fields[10]
    if magic != _EXTENDED:
        encoding = quantization = 0
    if not colorspace and not encoding and not quantization:
        return None
    high = encoding in _HIGH_ENCODINGS if encoding else colorspace in _HIGH_COLORSPACES
    full = quantization == _FULL if quantization else colorspace == _JPEG
    return Colour("bt709" if high else "bt601", full_range=full)


def _answers(device: int, question: int, size: int, head: bytes) -> Iterator[bytes]:
    """Ask the same question with index 0, 1, 2… until the driver has no more."""
    for index in range(256):
        answer = bytearray(struct.pack("=I", index) + head)
        answer.extend(bytes(size - len(answer)))
        try:
            fcntl.ioctl(device, question, answer)
        except OSError:
            return
        yield bytes(answer)


def _formats(device: int) -> list[bytes]:
    capture = struct.pack("=I", 1)
    return [answer[44:48] for answer in _answers(device, _FORMAT, 64, capture)]


def _sizes(device: int, code: bytes) -> list[tuple[int, int]]:
    sizes: list[tuple[int, int]] = []
    for answer in _answers(device, _SIZE, 44, code):
        kind, *bounds = struct.unpack_from("=7I", answer, 8)
        if kind == _DISCRETE:
            sizes.append((bounds[0], bounds[1]))
            continue
        least_wide, most_wide, _, least_high, most_high, _ = bounds
        fitting = [
            (wide, high)
            for wide, high in _USUAL
            if least_wide <= wide <= most_wide and least_high <= high <= most_high
        ]
        return fitting or [(most_wide, most_high)]
    return sizes


def _rates(device: int, code: bytes, size: tuple[int, int]) -> list[float]:
    rates: list[float] = []
    for answer in _answers(device, _INTERVAL, 52, code + struct.pack("=2I", *size)):
        kind, seconds, parts = struct.unpack_from("=3I", answer, 16)
        if seconds:
            rates.append(parts / seconds)
        if kind != _DISCRETE:
            break
    return rates
