"""Changes the look of a running picture: by a key in the preview window, or by `swapcast ctl`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from swapcast.realtime.errors import SettingError
from swapcast.realtime.look import PRESETS, Look, choices, find_look

KEYS = {
    "l": "next look",
    "m": "next mask as a tint",
    "c": "next way to match colours",
    "p": "soft edge, bands, membrane or mixed gradients",
    "k": "next skin model",
    "o": "hull or ellipse",
    "h": "leave out hands and hair before the face, or not",
    "d": "detail on or off",
    "n": "the true face's light, part by part, or not",
    "e": "keep the wearer's eyes, or not",
    "u": "keep the wearer's mouth, or not",
}
"""Keys of the preview window, and what they change."""

_NEXT = {"m": "overlay", "c": "colour", "p": "blend", "k": "skin", "o": "mask", "h": "occlusion"}
_TURN = {"e": "keep_eyes", "u": "keep_mouth"}


class LookSwitch:
    """The look that is worn now, shared by everybody who may change it.

    Parameters
    ----------
    look : Look
        The first one.
    wear : callable
        Is told each new look; what it sets is read once for each frame.
    on_event : callable
        Is told each change, in one line.
    """

    def __init__(
        self,
        look: Look,
        wear: Callable[[Look], None],
        on_event: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.look = look
        self._own, self._wear, self._event = look, wear, on_event

    @property
    def names(self) -> Sequence[str]:
        """The looks that there are: the bundled ones, and the one that the run began with."""
        return PRESETS if self._own.name in PRESETS else (*PRESETS, self._own.name)

    def use(self, name: str) -> None:
        """Wear a look by its name, from the next frame on.

        Raises
        ------
        SettingError
            If there is none of that name.
        """
        if name == self._own.name:
            self._change(self._own)
        elif name in PRESETS:
            self._change(find_look(name))
        else:
            raise SettingError(f"no look {name[:32]!r}; there are {', '.join(self.names)}")

    def key(self, pressed: str) -> None:
        """Take a key pressed in the preview window: see `KEYS`."""
        look = self.look
        if pressed == "l":
            names = list(self.names)
            here = names.index(look.name) if look.name in names else -1
            self.use(names[(here + 1) % len(names)])
        elif pressed in _NEXT:
            field = _NEXT[pressed]
            words = choices(field)
            now = words.index(getattr(look, field))
            self._set(field, words[(now + 1) % len(words)])
        elif pressed in _TURN:
            self._set(_TURN[pressed], not getattr(look, _TURN[pressed]))
        elif pressed == "d":
            self._set("detail", 0.0 if look.detail else Look().detail)
        elif pressed == "n":
            self._set("relight", 0.0 if look.relight else 1.0)

    def _set(self, field: str, value: object) -> None:
        changed: dict[str, Any] = {field: value}
        self._change(replace(self.look, **changed), f", {field} {value}")

    def _change(self, look: Look, what: str = "") -> None:
        self.look = look
        self._wear(look)
        self._event(f"look {look.name}{what}")
