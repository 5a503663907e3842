"""Reads a shard of faces: an ``.npz`` file that may come from anybody."""

import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FREE = 1 << 28  # bytes that a shard may unpack to, however small it is
_RATIO = 200  # to which it may unpack beyond; faces and their masks stay far below
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    MemoryError,
    OverflowError,
    SyntaxError,
    RuntimeError,  # a password is wanted, or an unknown way of packing
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
)


@dataclass(frozen=True, slots=True)
class Shard:
    """The arrays of a shard."""

    images: NDArray[np.uint8]
    """uint8 [n, side, side, 3], RGB."""
    landmarks: NDArray[np.float32]
    """float32 [n, 68, 2], pixels."""
    masks: NDArray[np.uint8] | None
    """uint8 [n, side, side]."""
    seen: NDArray[np.uint8] | None
    """As ``images``."""


def read_shard(path: Path) -> Shard:
    """Read a shard; nothing in it is believed before it is checked, and nothing is unpickled.

    Raises
    ------
    ValueError
        If it cannot be read, or holds something else than faces.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(member.file_size for member in packed.infolist())
        if unpacked > max(_FREE, _RATIO * path.stat().st_size):
            raise ValueError(f"it would unpack to {unpacked} bytes")
        with np.load(path, allow_pickle=False) as arrays:
            images, points = arrays["images"], arrays["landmarks"].astype(np.float32)
            masks, seen = (arrays.get(key) for key in ("mask", "seen"))
    except _UNREADABLE as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error
    count, side = images.shape[0] if images.ndim else 0, images.shape[-2] if images.ndim > 1 else 0
    shape = (count, side, side, 3)
    if images.shape != shape or images.dtype != np.uint8 or not side:
        raise ValueError(f"its images are {images.dtype} {list(images.shape)}")
    if points.shape != (count, 68, 2) or not plausible(points):
        raise ValueError("its landmarks are not 68 points for each face")
    for name, array, wanted in (("masks", masks, shape[:3]), ("seen", seen, shape)):
        if array is not None and (array.shape != wanted or array.dtype != np.uint8):
            raise ValueError(f"its {name} are {array.dtype} {list(array.shape)}")
    return Shard(images, points, masks, seen)


def plausible(points: NDArray[np.float32]) -> bool:
    """Tell whether landmarks lie where those of a crop may lie."""
    return bool((np.abs(points) < 1e5).all())  # what is no number fails as well
