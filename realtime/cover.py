"""Covers whole pictures at the very last step: on the user's word, or when the picture stands."""

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.colour import yuv_from_rgb
from swapcast.kernels.mark import fill
from swapcast.kernels.output import pixelate
from swapcast.realtime.frame import Picture
from swapcast.realtime.guard import GuardMode

Order = Literal["slate", "blur", "resume"]
"""``slate``: a plain picture. ``blur``: eight cells across the whole. ``resume``: as it was."""

SILENCE, USUAL = 0.5, 2.5
"""Seconds, and times the usual time between two, without a new picture after which the last one is
shown covered: the longer of both."""

_SLATE = (0.16, 0.20, 0.24, 1.0)  # RGB 0…1 of the plain picture
_KEYS: dict[str, Order] = {"s": "slate", "b": "blur", "r": "resume"}


class Cover:
    """The user's panic button, shared by all sinks and whoever may press it.

    Parameters
    ----------
    mode : how the guard covers; ``freeze`` and ``pass`` leave a picture that stands as it is
    """

    def __init__(self, mode: GuardMode = "blur") -> None:
        self.ordered: Literal["slate", "blur"] | None = None
        """What the user asked for; read by every sink before each picture."""
        self._standing: Literal["slate", "blur"] | None = (
            mode if mode in ("slate", "blur") else None
        )

    def order(self, order: Order) -> None:
        """Do what the user says, from the next picture on."""
        self.ordered = None if order == "resume" else order

    def key(self, pressed: str) -> None:
        """Take a key pressed in the preview window: s slate, b blur, r resume."""
        if pressed in _KEYS:
            self.order(_KEYS[pressed])

    def wanted(self, age: float, usual: float = 0.0) -> Literal["slate", "blur"] | None:
        """Say how a picture must be covered.

        Parameters
        ----------
        age : seconds since it was new
        usual : seconds from one new picture to the next: a slow source, or a slow machine, is not
            one that has stopped
        """
        stands = age > max(SILENCE, USUAL * usual)
        return self.ordered or (self._standing if stands else None)


class Veil:
    """Makes covered copies for one sink, in memory of its own."""

    def __init__(self) -> None:
        self._plain: NDArray[np.int8] = np.zeros((1, 0), np.int8)  # no mark
        self._data: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self._made: tuple[Picture, str] | None = None
        self._veiled: Picture | None = None

    def __call__(self, picture: Picture, kind: Literal["slate", "blur"]) -> Picture:
        """Return ``picture`` covered; the result is overwritten by the next call."""
        made, veiled = self._made, self._veiled
        if made is not None and veiled is not None and made[0] is picture and made[1] == kind:
            return veiled
        if self._data.size != picture.data.size:
            self._data = np.empty_like(picture.data)
        veiled = replace(picture, data=self._data)
        y, u, v = veiled.planes
        mark = self._plain if picture.mark is None else picture.mark
        if mark.shape[1] < picture.width:
            mark = self._plain = np.zeros((1, picture.width), np.int8)
        if kind == "blur":
            self._data[:] = picture.data
            pixelate(mark, y, u, v, 0.0, 0.0, picture.width, picture.height)
        else:
            to_planes = yuv_from_rgb(picture.colour.matrix, picture.colour.full_range)
            levels = to_planes @ _SLATE
            fill(y, round(levels[0]), mark)
            u.fill(round(levels[1]))
            v.fill(round(levels[2]))
        self._made, self._veiled = (picture, kind), veiled
        return veiled
