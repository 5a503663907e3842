"""Pairs made harder: a hand or a thing before the face, and drivers as poor pictures show them.

What is laid before the driver's face lies before the target's, and the face's mask ends there. A
network that never saw a hand paints over it, and one that only saw clean pictures leaves those of
few pixels and few colours half as they are.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from swapcast.models.landmarks_covers import blend, cover, texture
from swapcast.models.landmarks_turning import Picture
from swapcast.models.occlusion_hands import Mask, lay_hand
from swapcast.models.pairs import COVERED, Batch, Pairs, Writer, write_views

_HANDS, _THINGS, _POOR = 0.62, 0.15, 0.2
"""Shares of pairs with a hand, with another thing, and of those that are poor pictures besides."""
_SMALL = (0.28, 0.7)
"""How much smaller a poor picture was."""
_FEW = (8, 16, 32, 64)
"""Colours of a poor picture; 70 of 100 have so few."""
_TEXTURES, _PATCH = 40, 96


def write_hard(sources: Sequence[Path], count: int, seed: int, out: Path) -> None:
    """Draw one shard of harder pairs from sets of pairs, each drawn from as often as any other.

    Raises
    ------
    ValueError
        If a set is damaged, or they put on different people whose portraits would be mixed up.
    """
    sets, rng, writer = [Pairs(folder) for folder in sources], np.random.default_rng(seed), Writer()
    patches = _patches(sets[-1], rng)
    views: dict[int, NDArray[np.uint8]] = {}
    for _ in track(range(count), description="harder pairs"):
        pairs = sets[int(rng.integers(len(sets)))]
        pair = pairs.read([int(rng.integers(len(pairs)))])
        person = int(pair.people[0, 1])
        views.setdefault(person, pairs.views(person))
        writer.add(harder(pair, patches, rng))
    out.mkdir(parents=True, exist_ok=True)
    write_views(out / "people-00000.npz", views)
    writer.write(out / "pairs-00000.npz")


def harder(pair: Batch, patches: NDArray[np.uint8], rng: np.random.Generator) -> Batch:
    """Return a pair (n = 1) with something before the face, or a poor driver, or both."""
    driver = np.ascontiguousarray(pair.driver[0][..., ::-1])
    laid, share, kind = driver, np.zeros(driver.shape[:2], np.float32), rng.random()
    if kind < _HANDS:
        laid, share = lay_hand(driver, pair.landmarks[0], rng)
    elif kind < _HANDS + _THINGS:
        share = cover(driver.shape[0], pair.landmarks[0], rng)
        laid = blend(driver, texture(patches, driver, driver.shape[0], rng), share)
    target = _before(driver, laid, share, np.ascontiguousarray(pair.target[0][..., ::-1]))
    if kind >= _HANDS + _THINGS or rng.random() < _POOR:
        laid = _poor(laid, rng)
    bare = 1 - share
    face, mouth, eyes = (
        (mask[0] * bare + 0.5).astype(np.uint8)[None] for mask in (pair.face, pair.mouth, pair.eyes)
    )
    hidden = np.maximum(pair.cover, (255 * share).astype(np.uint8)[None])
    flags = pair.flags | np.uint8(COVERED * bool(share.any()))
    return replace(
        pair,
        driver=np.ascontiguousarray(laid[..., ::-1])[None],
        target=np.ascontiguousarray(target[..., ::-1])[None],
        face=face,
        mouth=mouth,
        eyes=eyes,
        cover=hidden,
        flags=flags,
    )


def _before(driver: Picture, laid: Picture, share: Mask, target: Picture) -> Picture:
    """Lay before the target what was laid before the driver, with the shade that it throws."""
    shade = np.clip((laid + np.float32(4)) / (driver + np.float32(4)), 0.3, 1.1)
    shade = np.where(share[..., None] > 0.02, cv2.GaussianBlur(shade, (0, 0), 1), shade)
    shade = np.where(share[..., None] > 0.5, 1, shade)
    seen = target * shade * (1 - share[..., None]) + share[..., None] * laid
    return np.asarray(np.clip(seen + 0.5, 0, 255), np.uint8)


def _poor(picture: Picture, rng: np.random.Generator) -> Picture:
    """Show a picture as one that was small, mostly in a few colours, as a GIF has."""
    factor = float(rng.uniform(*_SMALL))
    small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.7:
        dither = Image.Dither(int(rng.choice([Image.Dither.NONE, Image.Dither.FLOYDSTEINBERG])))
        few = Image.fromarray(small[..., ::-1]).quantize(int(rng.choice(_FEW)), dither=dither)
        small = np.asarray(few.convert("RGB"))[..., ::-1]
    size = picture.shape[1], picture.shape[0]
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _patches(pairs: Pairs, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return corners of drivers, uint8 [n, 96, 96, 3], BGR: what things may look like."""
    return pairs.draw(rng, _TEXTURES).driver[:, :_PATCH, :_PATCH, ::-1].copy()
