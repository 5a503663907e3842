"""Reads a picture file as a frame, after a look at how large it says that it is.

A picture of a few hundred bytes can claim a billion pixels, or a chunk of four gigabytes, for which
a decoder takes memory and time. The size that JPEG, PNG, WebP and BMP files claim stands near their
beginning.
"""

import struct
from pathlib import Path

import cv2
import numpy as np

from swapcast.realtime.errors import SourceError
from swapcast.realtime.frame import Colour, Frame

_LARGEST, _PIXELS = 256 << 20, 100_000_000  # bytes of the file, pixels
_FREE, _EACH = 4_000_000, 500  # pixels that any file may claim, and those for each of its bytes
_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNKS = 1 << 16  # of a PNG file
_LOSSY, _LOSSLESS, _EXTENDED = b"VP8 ", b"VP8L", b"VP8X"
# Start-of-frame markers of JPEG: C0…CF less DHT, JPG and DAC.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def picture_frame(path: Path) -> Frame:
    """Read a picture as a frame; an odd last row or column is left out.

    Raises
    ------
    SourceError
        If it is no picture, or a huge one.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    width, height = picture_size(data) or (0, 0)
    if len(data) > _LARGEST or width * height > min(_PIXELS, _FREE + _EACH * len(data)):
        raise SourceError(
            f"{path} says that it has {width}×{height} pixels in {len(data)} bytes; "
            "that is too large, make it smaller"
        )
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if width else None
    except cv2.error:  # such as more than a million pixels on one side
        picture = None
    if picture is None or min(picture.shape[:2]) < 2:
        raise SourceError(f"{path} is no picture that can be read")
    height, width = (side & ~1 for side in picture.shape[:2])
    planes = np.asarray(
        cv2.cvtColor(picture[:height, :width].copy(), cv2.COLOR_BGR2YUV_I420), np.uint8
    )
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    return Frame(
        y=np.ascontiguousarray(planes[:height]),
        u=np.ascontiguousarray(chroma[0]),
        v=np.ascontiguousarray(chroma[1]),
        width=width,
        height=height,
        colour=Colour("bt601"),
        number=0,
        captured_at=0.0,
    )


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Return the width and the height that a picture claims, in pixels.

    Parameters
    ----------
    data : the file

    Returns
    -------
    (int, int) or None
        None if it is no JPEG, PNG, WebP or BMP, or ends too early.
    """
    try:
        if data.startswith(_PNG + b"\x00\x00\x00\rIHDR"):
            width, height = struct.unpack_from(">LL", data, 16)
            return (width, height) if _whole_png(data) else None
        if data.startswith(b"BM"):
            width, height = struct.unpack_from("<ll", data, 18)
            return abs(width), abs(height)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
        return _jpeg(data) if data.startswith(b"\xff\xd8") else None
    except struct.error:
        return None


def _whole_png(data: bytes) -> bool:
    """Tell whether no chunk claims more bytes than there are, for OpenCV clears as many."""
    place = len(_PNG)
    for _ in range(_CHUNKS):
        (length,) = struct.unpack_from(">L", data, place)
        if data[place + 4 : place + 8] == b"IEND":
            return not length
        place += 12 + length
    return False


def _webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == _LOSSY:
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == _LOSSLESS:
        (bits,) = struct.unpack_from("<L", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == _EXTENDED:
        low, high = struct.unpack_from("<LL", data, 23)
        return (low >> 8) + 1, (high & 0xFFFFFF) + 1
    return None


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """Walk from segment to segment to the start of the frame."""
    place = 2
    while place + 9 <= len(data):
        if data[place] != 0xFF:
            return None
        marker = data[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return width, height
        if marker in {0xD9, 0xDA}:
            return None
        alone = marker == 0x01 or 0xD0 <= marker <= 0xD8
        place += 2 if alone else 2 + struct.unpack_from(">H", data, place + 2)[0]
    return None
