"""Face sets to train from, and the batches that are drawn of them.

A face set is a folder: ``faceset.json`` says whose faces these are, where they come from and why
they may be used; the crops are pictures (with their landmarks in ``faceset.json``) or ``.npz``
shards with the arrays ``images``, ``landmarks`` and, if there are, ``mask`` and ``seen``: the same
moments played by other people, which renderers can make. Deleting a picture takes it out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from swapcast.models.attributes import MIRRORED, measure
from swapcast.models.augmentation import Augmentation, coarsen, relight, resample, warp_grids
from swapcast.models.shard import plausible, read_shard

MANIFEST = "faceset.json"


class FaceSetError(Exception):
    """A face set that is missing, damaged or may not be used. The text says which and why."""


@dataclass(frozen=True, kw_only=True)
class About:
    """Where a face set comes from and why it may be used."""

    subject: str
    """Whose faces these are."""
    template: str
    """How they are aligned: a name in `swapcast.kernels.geometry.TEMPLATES`."""
    sources: tuple[str, ...]
    """Names of the clips and pictures the crops were taken from."""
    licence: str
    consent: Mapping[str, Any]
    """The subject's consent record, carried as it is into the `.face` pack, where it is checked."""


@dataclass(frozen=True)
class FaceSet:
    """The faces of one identity, in memory."""

    name: str
    images: NDArray[np.uint8]
    """uint8 [n, side, side, 3], RGB."""
    landmarks: NDArray[np.float32]
    """float32 [n, 68, 2]: (x, y) in pixels of the crop."""
    masks: NDArray[np.uint8]
    """uint8 [n, side, side, 2]: 255 on the face, 0 off it; and the same of eyes and mouth."""
    about: tuple[About, ...]
    """One entry for each folder the faces come from."""
    seen: NDArray[np.uint8]
    """uint8 [n, side, side, 3], RGB: what a network is to make ``images`` of; mostly ``images``."""

    @cached_property
    def attributes(self) -> NDArray[np.float32]:
        """float32 [n, 7]: pose, expression and light of each face."""
        return measure(self.landmarks, self.images)

    def provenance(self) -> list[dict[str, Any]]:
        """Return ``about`` as plain values that JSON can keep."""
        return [asdict(about) for about in self.about]


def load_faces(name: str, folders: Sequence[Path], *, side: int) -> FaceSet:
    """Read the faces of one identity.

    Parameters
    ----------
    name : what the identity is called
    folders : face sets, all of one template
    side : pixels
        Crops are brought to this size.

    Raises
    ------
    FaceSetError
        If a folder is no face set, has no faces or no consent, or the templates differ.
    """
    abouts, images, landmarks, masks, seen = [], [], [], [], []
    for folder in folders:
        about, crops = _read_manifest(folder)
        abouts.append(about)
        for image, points, mask, other in _read_crops(folder, crops):
            scaled = points * np.float32(side / len(image))
            images.append(_resize(image, side))
            landmarks.append(scaled)
            face = face_mask(scaled, side) if mask is None else _resize(mask, side)
            masks.append(np.stack([face, feature_mask(scaled, side)], 2))
            seen.append(images[-1] if other is None else _resize(other, side))
    if not images:
        raise FaceSetError(f"no faces in {', '.join(map(str, folders))}; run swapcast extract")
    if len({about.template for about in abouts}) > 1:
        raise FaceSetError(
            f"the face sets of {name!r} are aligned in different ways "
            f"({', '.join(sorted({a.template for a in abouts}))}); extract them anew"
        )
    stacked = np.stack(images)
    same = all(a is b for a, b in zip(seen, images, strict=True))
    return FaceSet(
        name,
        stacked,
        np.stack(landmarks),
        np.stack(masks),
        tuple(abouts),
        stacked if same else np.stack(seen),
    )


def _read_manifest(folder: Path) -> tuple[About, Mapping[str, Any]]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text())
        values = {key: manifest[key] for key in About.__dataclass_fields__}
        about = About(**{**values, "sources": tuple(values["sources"])})
        crops: Mapping[str, Any] = manifest.get("crops", {})
    except OSError as error:
        raise FaceSetError(f"{folder} is no face set: it has no {MANIFEST}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FaceSetError(f"{path} is damaged ({error}); extract the faces anew") from error
    texts = about.subject, about.template, *about.sources
    if not (isinstance(crops, dict) and all(isinstance(text, str) for text in texts)):
        raise FaceSetError(f"{path} is damaged; extract the faces anew")
    if not all(Path(name).name == name for name in crops):
        raise FaceSetError(f"{path} names crops in another folder; nothing is read from there")
    if not (isinstance(about.consent, dict) and about.consent.get("statement")):
        raise FaceSetError(f"{path} has no consent record; no face is learned without one")
    if not about.consent.get("signature"):
        raise FaceSetError(
            f"{path} has a consent record that nobody signed; extract the faces anew"
        )
    return about, crops


_Image = NDArray[np.uint8]
_Crop = tuple[_Image, NDArray[np.float32], _Image | None, _Image | None]


def _read_crops(folder: Path, crops: Mapping[str, Any]) -> Iterator[_Crop]:
    for name, crop in sorted(crops.items()):
        path = folder / name
        if path.is_file():
            try:
                picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
            except cv2.error:  # it claims to be larger than any picture
                picture = None
            if picture is None:
                raise FaceSetError(f"{path} is no picture; delete it or extract the faces anew")
            image = np.ascontiguousarray(picture[:, :, ::-1]).astype(np.uint8)
            yield image, _points(crop, folder / MANIFEST, name), None, None
    for path in sorted(folder.glob("*.npz")):
        try:
            shard = read_shard(path)
        except ValueError as error:
            raise FaceSetError(f"{path} is no shard of faces: {error}") from error
        nothing = [None] * len(shard.images)
        masks = nothing if shard.masks is None else shard.masks
        seen = nothing if shard.seen is None else shard.seen
        yield from zip(shard.images, shard.landmarks, masks, seen, strict=True)


def _points(crop: object, manifest: Path, name: str) -> NDArray[np.float32]:
    """Return the landmarks of a crop, float32 [68, 2], as the manifest has them."""
    try:
        points = np.asarray(crop["landmarks"], np.float32)  # type: ignore[index]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FaceSetError(f"{manifest} is damaged at {name!r}; extract the faces anew") from error
    if points.shape != (68, 2) or not plausible(points):
        raise FaceSetError(f"{manifest} is damaged at {name!r}; extract the faces anew")
    return points


def _resize(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    if len(image) == side:
        return image
    smaller = side < len(image)
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (side, side), interpolation=how), np.uint8)


def face_mask(landmarks: NDArray[np.float32], side: int) -> NDArray[np.uint8]:
    """Draw the face: the hull of its landmarks, with the forehead that they leave out.

    The brows are lifted by 0.7 of the way from the nose tip to them.

    Parameters
    ----------
    landmarks : float32 [68, 2], (x, y) in pixels
    side : pixels

    Returns
    -------
    uint8 [side, side]
        255 on the face, 0 off it.
    """
    brows = landmarks[17:27]
    forehead = brows + 0.7 * (brows.mean(0) - landmarks[30])
    hull = cv2.convexHull(np.concatenate([landmarks, forehead]).round().astype(np.int32))
    mask = np.zeros((side, side), np.uint8)
    cv2.fillConvexPoly(mask, hull, 255)
    return mask


def feature_mask(landmarks: NDArray[np.float32], side: int) -> NDArray[np.uint8]:
    """Mark the eyes and the mouth, which say most, with some room around them.

    Parameters
    ----------
    landmarks : float32 [68, 2], (x, y) in pixels
    side : pixels

    Returns
    -------
    uint8 [side, side]
        255 on them, 0 off them.
    """
    marked = np.zeros((side, side), np.uint8)
    for part, grown in ((slice(36, 42), 1.6), (slice(42, 48), 1.6), (slice(48, 68), 1.3)):
        points = landmarks[part]
        middle, spread = points.mean(0), np.ptp(points, 0)
        width = grown * float(spread[0])
        height = max(grown * float(spread[1]), 0.6 * width)
        axes = (round(width / 2), round(height / 2))
        centre = (round(float(middle[0])), round(float(middle[1])))
        cv2.ellipse(marked, centre, axes, 0.0, 0, 360, 255, -1)
    return marked


@dataclass(frozen=True)
class Batch:
    """Faces of one identity, ready to learn from."""

    warped: Tensor
    """float32 [n, 3, size, size], RGB, 0…1: what the network sees."""
    target: Tensor
    """float32 [n, 3, size, size], RGB, 0…1: what it should make of it."""
    mask: Tensor
    """float32 [n, 1, size, size], 0…1: where the face is in ``target``."""
    features: Tensor
    """float32 [n, 1, size, size], 0…1: where its eyes and its mouth are."""
    attributes: Tensor
    """float32 [n, 7]: what the face does, as `swapcast.models.attributes.measure` reads it."""


@dataclass(frozen=True)
class Faces:
    """Draws endless batches from a face set.

    Parameters
    ----------
    faces : the set
    size : side of the network's crop, pixels, a multiple of 8
    augmentation : how faces are changed
    device : where the batches are to be
    """

    faces: FaceSet
    size: int
    augmentation: Augmentation
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def draw(self, count: int, random: Generator) -> Batch:
        """Return ``count`` faces, drawn with repetition, each changed in its own way."""
        picked = torch.randint(len(self.faces.images), (count,), generator=random).numpy()
        images, masks = self._stack(self.faces.images[picked]), self.faces.masks[picked]
        same = self.faces.seen is self.faces.images
        others = images if same else self._stack(self.faces.seen[picked])
        seen, wanted, mirrored = (
            part.to(self.device) for part in warp_grids(count, self.size, self.augmentation, random)
        )
        warped, target = relight(
            resample(others, seen), resample(images, wanted), self.augmentation, random
        )
        mask = resample(self._stack(masks), wanted)
        warped = coarsen(warped, self.augmentation, random)
        signs = torch.where(mirrored[:, None], torch.from_numpy(MIRRORED).to(self.device), 1.0)
        attributes = torch.from_numpy(self.faces.attributes[picked]).to(self.device) * signs
        return Batch(warped, target, mask[:, :1], mask[:, 1:], attributes)

    def _stack(self, pictures: NDArray[np.uint8]) -> Tensor:
        planar = torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2).contiguous()
        return planar.float().div_(255)
