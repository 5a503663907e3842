"""The invisible mark's pattern: a tile of waves; half of them say "here", half carry the payload.

The tile repeats over the picture. Its waves are 9 to 28 pixels long in a 720p picture, where
codecs still keep them and the eye hardly sees steps of one level; all are equally strong, and only
their phases tell anything. Phases come from a hash of a key, so that they look random to whoever
does not know the key and to every picture. The key is public: see docs/marks.md.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.mark_code import CODE_BITS, Payload, encode

KEY = b"swapcast mark 1"

TILE = 128
"""Pixels of a tile's side in a 720p picture."""

_LONGEST, _SHORTEST = 28.0, 9.0  # pixels of a 128 pixel tile that a wave is long
_STRENGTH = 1.2  # levels, root mean square, before it is cut to one level and dithered
_DITHER = 0.5  # levels of dither; 1 would be all there is, but codecs keep less of the mark then
_SPREADING = 12  # rounds that push the dither's neighbours apart


@dataclass(frozen=True, slots=True)
class Waves:
    """The waves of a tile under one key. One of each pair k, -k is listed."""

    kx: NDArray[np.int64]
    """int64 [n], 0…14: how often a wave fits into the tile's width."""
    ky: NDArray[np.int64]
    """int64 [n], -14…14: and into its height."""
    turn: NDArray[np.complex128]
    """complex128 [n], of length 1: the key's phases."""
    pilots: NDArray[np.int64]
    """int64 [n / 2]: which waves have the key's phase itself."""
    carriers: NDArray[np.int64]
    """int64 [n - n / 2]: which waves carry two bits of the code word each."""
    places: NDArray[np.int64]
    """int64 [2, carriers], 0…191: which bits, in the real and in the imaginary part."""

    @property
    def radius(self) -> NDArray[np.float64]:
        """float64 [n]: waves to a tile's side, along their own direction."""
        return np.hypot(self.kx, self.ky)


def _random(key: bytes, what: str, count: int) -> NDArray[np.float64]:
    """Return float64 [count], 0…1: the same for a key on every machine and for ever."""
    data = hashlib.shake_256(what.encode() + b"\0" + key).digest(4 * count)
    return (np.frombuffer(data, ">u4") + 0.5) / 2.0**32


@lru_cache(maxsize=512)
def waves(key: bytes = KEY) -> Waves:
    """Return the waves of a key."""
    reach = int(TILE / _SHORTEST)
    ky, kx = (grid.ravel() for grid in np.mgrid[-reach : reach + 1, 0 : reach + 1])
    radius = np.hypot(kx, ky)
    listed = (radius >= TILE / _LONGEST) & (radius <= TILE / _SHORTEST) & ((kx > 0) | (ky > 0))
    kx, ky = kx[listed], ky[listed]
    order = _random(key, "order", kx.size).argsort(kind="stable")
    pilots, carriers = np.sort(order[: kx.size // 2]), order[kx.size // 2 :]
    places = (np.arange(2 * carriers.size) % CODE_BITS).reshape(2, -1)
    turn = np.exp(2j * np.pi * _random(key, "phase", kx.size))
    return Waves(kx, ky, turn, pilots, carriers, places)


@lru_cache(maxsize=4)
def _thresholds(side: int) -> NDArray[np.float64]:
    """Return float64 [side, side], 0…1: a dither whose neighbours differ (blue noise).

    By repeated filtering and ranking: what is left of slow waves is taken out, then all values
    are made equally frequent again.
    """
    noise = _random(b"", "dither", side * side).reshape(side, side)
    k = np.fft.fftfreq(side)
    keep = 1 - np.exp(-8 * (k[:, None] ** 2 + k[: side // 2 + 1] ** 2))
    for _ in range(_SPREADING):
        smooth = np.fft.irfft2(np.fft.rfft2(noise - 0.5) * keep, (side, side))
        rank = smooth.ravel().argsort(kind="stable").argsort(kind="stable")
        noise = (rank.reshape(side, side) + 0.5) / rank.size
    return noise


def tile_side(width: int, height: int) -> int:
    """Return how many pixels wide and high a tile is in a picture of this size."""
    return TILE // 2 * max(2, round(min(width, height) / 360))


def tile(payload: Payload, side: int = TILE, key: bytes = KEY) -> NDArray[np.int8]:
    """Draw one tile.

    Returns
    -------
    int8 [side, side], -1, 0 or 1
        Levels of luma to add.
    """
    of = waves(key)
    turn = of.turn.copy()
    word = encode(payload)[of.places]
    turn[of.carriers] *= (word[0] + 1j * word[1]) / np.sqrt(2)
    spectrum = np.zeros((side, side), np.complex128)
    spectrum[of.ky % side, of.kx] = turn
    picture = np.fft.ifft2(spectrum).real
    picture *= _STRENGTH / picture.std()
    dithered = np.rint(picture + _DITHER * (_thresholds(side) - 0.5))
    return np.clip(dithered, -1, 1).astype(np.int8)


def pattern(payload: Payload, width: int, height: int) -> NDArray[np.int8]:
    """Return what the kernels add to a picture.

    Parameters
    ----------
    payload : Payload
    width, height : pixels of luma

    Returns
    -------
    int8 [side, width], -1, 0 or 1
        Row i of the picture takes row ``i % side``.
    """
    side = tile_side(width, height)
    one = tile(payload, side)
    return np.ascontiguousarray(np.tile(one, (1, -(-width // side)))[:, :width])
