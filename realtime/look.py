"""How a swapped face is put into the picture: named looks, and looks of the user's own."""

import sys
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from swapcast.realtime.errors import SettingError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ColourMethod = Literal["off", "average", "reinhard", "reinhard-lab", "mkl", "histogram"]
Blend = Literal["feather", "multiband", "poisson", "mixed"]
SkinModel = Literal["off", "rgb", "hsv", "ycrcb", "adaptive"]
Occlusion = Literal["network", "off"]
Overlay = Literal["none", "mask", "outline", "model", "skin", "occlusion", "trust", "detail"]

PRESETS = ("natural", "seamless", "performance", "debug")


FOREHEAD = 0.6
"""As much of it is bare under most hair."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """Every choice about masks, colours and blending; changed as a whole, between two frames."""

    name: str = "natural"
    """What the look is called."""
    mask: Literal["hull", "ellipse"] = "hull"
    """The outline: the landmarks' convex hull with a part of the forehead, or an ellipse."""
    forehead: float = FOREHEAD
    """How much of the forehead wears the swap, 0…1. A swapper whose own mask ends at the hair has
    more of it: all of it where this is 0.6."""
    feather: float = 0.07
    """How deep the soft edge is, in sides of the crop."""
    model_mask: bool = True
    """Whether the swapper's own mask narrows the outline."""
    skin: SkinModel = "off"
    """Which pixels above the brows count as skin; what is none (hair) stays as it is."""
    occlusion: Occlusion = "off"
    """What finds hands, microphones and hair before the face, which stay as they are."""
    keep_mouth: bool = False
    """Show the wearer's own mouth."""
    keep_eyes: bool = False
    """Show the wearer's own eyes."""
    steady: float = 0.5
    """Share of the new in the masks that are seen, not drawn, each frame; 1 filters nothing."""
    colour: ColourMethod = "reinhard"
    """How the swap gets the wearer's colours."""
    relight: float = 0.0
    """How far the swap follows the light on the true face, part by part, 0…1."""
    blend: Blend = "feather"
    """A soft edge; one that is wider for lower frequencies; a membrane of the border's differences;
    or mixed gradients in the edge."""
    bound: Literal["hull", "rectangle"] = "hull"
    """What the membrane ends at: the outline, or the rectangle around it."""
    border: Literal["steady", "exact"] = "steady"
    """Whether the border's differences are robust and steadied, or taken pixel by pixel."""
    spread: float = 0.0
    """How far the border's differences reach into the face, in sides of the crop; 0: to its middle,
    a membrane proper."""
    detail: float = 0.5
    """How much of the camera's fine detail and grain the swap takes over where it fits, 0…1."""
    fade_frames: int = 1
    """Frames in which a swap that begins becomes whole, from a mosaic of the true face. 1: at once,
    which shows least of it: the mosaic ends where the mask does."""
    widest: float = 65.0
    """Degrees of turning beyond which there is no swap; it fades over the 12 degrees before."""
    overlay: Overlay = "none"
    """Tints the swapped face where one of the masks is."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for field in fields(self):
            _check(self.name, field.name, getattr(self, field.name), hints[field.name])
        bounds = {
            "forehead": (0.0, 1.0),
            "feather": (0.005, 0.3),
            "steady": (0.05, 1.0),
            "relight": (0.0, 1.0),
            "spread": (0.0, 2.0),
            "detail": (0.0, 1.0),
            "fade_frames": (1, 60),
            "widest": (20.0, 180.0),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingError(
                    f"look {self.name!r}: {name} is {value:g}; it goes from {low:g} to {high:g}"
                )

    def toml(self) -> str:
        """Return the look as a file that `read_look` reads."""
        lines = []
        for name, value in asdict(self).items():
            text = f'"{value}"' if isinstance(value, str) else str(value).lower()
            lines.append(f"{name} = {text}\n")
        return "".join(lines)


def choices(name: str) -> tuple[str, ...]:
    """Return the words that a field of `Look` may have; none if it is not a word."""
    return tuple(str(one) for one in get_args(get_type_hints(Look)[name]))


def _check(look: str, name: str, value: object, hint: Any) -> None:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            words = ", ".join(get_args(hint))
            raise SettingError(f"look {look!r}: {name} is {value!r}; it may be {words}")
        return
    numbers = {float: (int, float), int: (int,)}.get(hint, (hint,))
    if not isinstance(value, numbers) or (isinstance(value, bool) and hint is not bool):
        kind = {bool: "true or false", str: "a word"}.get(hint, "a number")
        raise SettingError(f"look {look!r}: {name} is {value!r}; it must be {kind}")


def find_look(name: str) -> Look:
    """Return the look of a name, or the one in a TOML file.

    Parameters
    ----------
    name : one of `PRESETS`, or the path of a .toml file

    Raises
    ------
    SettingError
        If there is no such look, or the file does not hold one.
    """
    if name in PRESETS:
        text = (resources.files("swapcast.assets") / f"look_{name}.toml").read_text("utf-8")
        return read_look(text, name)
    path = Path(name)
    if path.suffix != ".toml":
        raise SettingError(
            f"no look {name!r}; there are {', '.join(PRESETS)}, or give a .toml file"
        )
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"the look {name} cannot be read: {error}") from error
    return read_look(text, path.stem)


def read_look(text: str, name: str) -> Look:
    """Read a look from TOML; what it does not say is as in the look that it is ``based_on``.

    Raises
    ------
    SettingError
        If it is no TOML, or holds something else than a look.
    """
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingError(f"the look {name!r} is no TOML: {error}") from error
    base = values.pop("based_on", None)
    start = Look()
    if base is not None:
        if base not in PRESETS or name in PRESETS:
            raise SettingError(
                f"look {name!r} is based on {base!r}; give one of {', '.join(PRESETS)}"
            )
        start = find_look(base)
    known = {field.name for field in fields(Look)}
    for key in values:
        if key not in known:
            raise SettingError(f"a look has no {key!r}; it has: {', '.join(sorted(known))}")
    return replace(start, **{"name": name, **values})


@lru_cache(maxsize=4)
def to_the_hair(look: Look) -> Look:
    """Return a look for a swapper whose own mask ends at the hair, which no outline must keep."""
    return replace(look, forehead=min(look.forehead / FOREHEAD, 1.0))
