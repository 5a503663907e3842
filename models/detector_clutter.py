"""Pictures without a face, drawn from nothing: what a detector must learn to leave alone."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""uint8 [height, width, 3], RGB, 0…255."""


def skin(random: np.random.Generator) -> tuple[int, int, int]:
    """Give a colour that human skin may have, from pale to dark, in some light."""
    tone = random.uniform(0.12, 1.0)
    base = np.array([255.0, 205.0, 175.0]) * tone ** np.array([0.75, 1.0, 1.1])
    base *= random.uniform(0.75, 1.1) * random.uniform(0.88, 1.12, 3)
    red, green, blue = np.clip(base, 0, 255).astype(int)
    return int(red), int(green), int(blue)


def _colour(random: np.random.Generator) -> tuple[int, int, int]:
    if random.random() < 0.25:
        return skin(random)
    red, green, blue = random.integers(0, 256, 3)
    return int(red), int(green), int(blue)


def _gradient(out: Pixels, random: np.random.Generator) -> None:
    """Fill with a soft change between four corner colours."""
    corners = np.array([_colour(random) for _ in range(4)], np.uint8).reshape(2, 2, 3)
    cv2.resize(corners, (out.shape[1], out.shape[0]), dst=out, interpolation=cv2.INTER_CUBIC)


def _clouds(out: Pixels, random: np.random.Generator) -> None:
    """Add smooth noise of several sizes: plaster, cloth, foliage, grass."""
    height, width = out.shape[:2]
    rough = out.astype(np.float32)
    for cells in random.choice([4, 8, 16, 32, 64, 128], int(random.integers(1, 4)), replace=False):
        shape = (
            int(cells),
            int(random.choice([1, 2, 4]) * cells // 2 + 1),
            int(random.choice([1, 3])),
        )
        noise = random.normal(0, random.uniform(8, 55), shape).astype(np.float32)
        grown = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        rough += grown.reshape(height, width, -1)
    np.copyto(out, np.clip(rough, 0, 255).astype(np.uint8))


def _shapes(out: Pixels, random: np.random.Generator) -> None:
    """Draw boxes, lines and polygons: furniture, screens, frames, edges."""
    height, width = out.shape[:2]
    for _ in range(random.integers(3, 25)):
        ends = (
            random.random((4, 2)) * (1.4 * width, 1.4 * height) - (0.2 * width, 0.2 * height)
        ).astype(int)
        first, second = tuple(map(int, ends[0])), tuple(map(int, ends[1]))
        thick = int(random.choice([-1, 1, 2, 5, 12]))
        match random.integers(3):
            case 0:
                cv2.rectangle(out, first, second, _colour(random), thick)
            case 1:
                cv2.line(out, first, second, _colour(random), abs(thick), cv2.LINE_AA)
            case _:
                cv2.fillPoly(out, [ends.astype(np.int32)], _colour(random), cv2.LINE_AA)


def _rounds(out: Pixels, random: np.random.Generator) -> None:
    """Draw balls, plates, clocks, lamps and bare skin-coloured ovals: round, but no face."""
    height, width = out.shape[:2]
    for _ in range(random.integers(1, 12)):
        centre = (int(random.random() * width), int(random.random() * height))
        radius = int((0.02 + 0.43 * random.random()) * min(width, height)) + 1
        axes = (radius, int(radius * random.uniform(0.6, 1.5)))
        turn = float(random.uniform(0, 180))
        cv2.ellipse(out, centre, axes, turn, 0, 360, _colour(random), -1, cv2.LINE_AA)
        if random.random() < 0.5:
            cv2.ellipse(
                out, centre, axes, turn, 0, 360, _colour(random), int(random.integers(1, 5))
            )
        for ring in range(int(random.integers(0, 4))):
            share = 0.8 - 0.22 * ring
            inner = (max(1, int(axes[0] * share)), max(1, int(axes[1] * share)))
            cv2.ellipse(
                out,
                centre,
                inner,
                turn,
                0,
                float(random.uniform(60, 360)),
                _colour(random),
                int(random.choice([-1, 1, 3])),
            )
        if random.random() < 0.3:
            end = (
                centre[0] + int(random.normal(0, radius / 2)),
                centre[1] + int(random.normal(0, radius / 2)),
            )
            cv2.line(out, centre, end, _colour(random), int(random.integers(1, 5)), cv2.LINE_AA)


def _dots(out: Pixels, random: np.random.Generator) -> None:
    """Scatter many small ovals of like colour: leaves, pebbles, lights out of focus, a keyboard."""
    height, width = out.shape[:2]
    base, spread = np.array(_colour(random)), random.uniform(5, 60)
    size = random.uniform(1.5, 14)
    for _ in range(random.integers(30, 250)):
        colour = np.clip(base + random.normal(0, spread, 3), 0, 255).astype(int)
        centre = (int(random.random() * width), int(random.random() * height))
        axes = tuple(int(v) for v in np.maximum(1, random.uniform(0.3, 1, 2) * size))
        cv2.ellipse(
            out, centre, axes, float(random.uniform(0, 180)), 0, 360, tuple(map(int, colour)), -1
        )


def _text(out: Pixels, random: np.random.Generator) -> None:
    """Write letters and digits of many sizes."""
    height, width = out.shape[:2]
    for _ in range(random.integers(1, 10)):
        letters = "".join(chr(c) for c in random.integers(33, 127, random.integers(1, 18)))
        place = (int(random.uniform(-0.2, 0.9) * width), int(random.random() * height))
        size = float(np.exp(random.uniform(np.log(0.3), np.log(4))))
        thick = max(1, int(size * random.uniform(0.6, 4)))
        font = int(
            random.choice(
                [cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX]
            )
        )
        if random.random() < 0.5:  # an outline, as titles and signs have
            around = thick + int(random.integers(2, 8))
            cv2.putText(out, letters, place, font, size, _colour(random), around, cv2.LINE_AA)
        cv2.putText(out, letters, place, font, size, _colour(random), thick, cv2.LINE_AA)


def buttons(out: Pixels, random: np.random.Generator) -> None:
    """Draw small discs with holes, rims and glints, in a row or anywhere, and bold letters."""
    height, width = out.shape[:2]
    place, pace = random.random(2) * (width, height), random.normal(0, 25, 2)
    row, radius = random.random() < 0.5, int(random.integers(4, 22))
    face, rim, hole = _colour(random), _colour(random), _colour(random)
    for k in range(int(random.integers(1, 8))):
        here = place + k * pace if row else random.random(2) * (width, height)
        x, y = int(here[0]), int(here[1])
        if random.random() < 0.35:
            letter, size = chr(int(random.integers(65, 123))), radius / 9
            for colour, thick in ((rim, radius // 2 + 3), (face, max(1, radius // 3))):
                cv2.putText(out, letter, (x, y), 2, size, colour, thick, cv2.LINE_AA)
            continue
        cv2.circle(out, (x, y), radius, face, -1, cv2.LINE_AA)
        cv2.circle(out, (x, y), radius, rim, max(1, radius // 6), cv2.LINE_AA)
        holes, turn = int(random.integers(0, 5)), random.uniform(0, 2 * np.pi)
        for angle in turn + np.arange(holes) * 2 * np.pi / max(1, holes):
            at = (int(x + 0.4 * radius * np.cos(angle)), int(y + 0.4 * radius * np.sin(angle)))
            cv2.circle(out, at, max(1, radius // 6), hole, -1, cv2.LINE_AA)


def _stripes(out: Pixels, random: np.random.Generator) -> None:
    """Lay a grid, stripes or a shelf of books over a part of the picture."""
    height, width = out.shape[:2]
    top, left = int(random.uniform(0, 0.7) * height), int(random.uniform(0, 0.7) * width)
    step = int(random.integers(3, 40))
    for k, column in enumerate(range(left, width, step)):
        if k % 2 == 0 or random.random() < 0.4:
            cv2.rectangle(out, (column, top), (column + step - 1, height), _colour(random), -1)
    if random.random() < 0.5:
        for row in range(top, height, int(random.integers(6, 60))):
            cv2.line(out, (left, row), (width, row), _colour(random), int(random.integers(1, 6)))


def hand(
    out: Pixels, centre: tuple[float, float], size: float, random: np.random.Generator
) -> None:
    """Draw something of skin with finger-like limbs, about ``size`` pixels large, into ``out``."""
    colour = np.array(skin(random), float)
    angle, spread = random.uniform(0, 2 * np.pi), random.uniform(0.05, 0.3)
    palm = (int(centre[0]), int(centre[1]))
    limb = max(1, int(size * random.uniform(0.12, 0.24)))
    for k in range(int(random.integers(2, 6))):
        way = angle + (k - 2) * spread
        length = size * random.uniform(0.6, 1.1)
        tip = (int(centre[0] + np.cos(way) * length), int(centre[1] + np.sin(way) * length))
        shade = tuple(int(v) for v in np.clip(colour * random.uniform(0.75, 1.1), 0, 255))
        cv2.line(out, palm, tip, shade, limb, cv2.LINE_AA)
    axes = (max(1, int(size * 0.4)), max(1, int(size * 0.32)))
    cv2.ellipse(
        out,
        palm,
        axes,
        float(np.degrees(angle)),
        0,
        360,
        tuple(int(v) for v in colour),
        -1,
        cv2.LINE_AA,
    )


def _hands(out: Pixels, random: np.random.Generator) -> None:
    height, width = out.shape[:2]
    for _ in range(random.integers(1, 4)):
        hand(
            out,
            (random.random() * width, random.random() * height),
            (0.05 + 0.45 * random.random()) * height,
            random,
        )


_LAYERS: tuple[Callable[[Pixels, np.random.Generator], None], ...] = (
    _clouds,
    _shapes,
    _rounds,
    _dots,
    _text,
    _stripes,
    _hands,
    buttons,
    buttons,
)


def clutter(height: int, width: int, random: np.random.Generator) -> Pixels:
    """Draw a picture without a face.

    Parameters
    ----------
    height, width : pixels
    random : source of chance

    Returns
    -------
    uint8 [height, width, 3], RGB
    """
    out = np.empty((height, width, 3), np.uint8)
    _gradient(out, random)
    for layer in random.choice(len(_LAYERS), int(random.integers(1, 5))):
        _LAYERS[layer](out, random)
    if random.random() < 0.5:
        blur = float(random.uniform(0.4, 4))
        cv2.GaussianBlur(out, (0, 0), blur, dst=out)
    return out
