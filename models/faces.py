"""Face sets to train from, and the bent, turned and dimmed copies a network learns from.

A face set is a folder: ``faceset.json`` says whose faces these are, where they come from and why
they may be used; the crops are pictures (with their landmarks in ``faceset.json``) or ``.npz``
shards with the arrays ``images``, ``landmarks`` and, if there are, ``mask``. Deleting a picture
takes it out of the set.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional as F

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
    consent: Mapping[str, str]
    """``kind``, ``subject``, ``statement`` and ``date``, as a `.face` pack keeps them."""


@dataclass(frozen=True)
class FaceSet:
    """The faces of one identity, in memory."""

    name: str
    images: NDArray[np.uint8]
    """uint8 [n, side, side, 3], RGB."""
    landmarks: NDArray[np.float32]
    """float32 [n, 68, 2]: (x, y) in pixels of the crop."""
    masks: NDArray[np.uint8]
    """uint8 [n, side, side]: 255 on the face, 0 off it."""
    about: tuple[About, ...]
    """One entry for each folder the faces come from."""

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
    abouts, images, landmarks, masks = [], [], [], []
    for folder in folders:
        about, crops = _read_manifest(folder)
        abouts.append(about)
        for image, points, mask in _read_crops(folder, crops):
            scaled = points * np.float32(side / len(image))
            images.append(_resize(image, side))
            landmarks.append(scaled)
            masks.append(face_mask(scaled, side) if mask is None else _resize(mask, side))
    if not images:
        raise FaceSetError(f"no faces in {', '.join(map(str, folders))}; run swapcast extract")
    if len({about.template for about in abouts}) > 1:
        raise FaceSetError(
            f"the face sets of {name!r} are aligned in different ways "
            f"({', '.join(sorted({a.template for a in abouts}))}); extract them anew"
        )
    return FaceSet(name, np.stack(images), np.stack(landmarks), np.stack(masks), tuple(abouts))


def _read_manifest(folder: Path) -> tuple[About, Mapping[str, Any]]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text())
        values = {key: manifest[key] for key in About.__dataclass_fields__}
        about = About(**{**values, "sources": tuple(values["sources"])})
        crops: Mapping[str, Any] = manifest.get("crops", {})
    except OSError as error:
        raise FaceSetError(f"{folder} is no face set: it has no {MANIFEST}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FaceSetError(f"{path} is damaged ({error}); extract the faces anew") from error
    if not str(dict(about.consent).get("statement", "")).strip():
        raise FaceSetError(f"{path} has no consent statement; no face is learned without one")
    return about, crops


_Crop = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8] | None]


def _read_crops(folder: Path, crops: Mapping[str, Any]) -> Iterator[_Crop]:
    for name, crop in sorted(crops.items()):
        path = folder / name
        if path.is_file():
            picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if picture is None:
                raise FaceSetError(f"{path} is no picture; delete it or extract the faces anew")
            image = np.ascontiguousarray(picture[:, :, ::-1]).astype(np.uint8)
            yield image, np.asarray(crop["landmarks"], np.float32), None
    for path in sorted(folder.glob("*.npz")):
        try:
            with np.load(path) as shard:
                images, points = shard["images"], shard["landmarks"].astype(np.float32)
                masks = shard["mask"] if "mask" in shard else [None] * len(images)
        except (OSError, ValueError, KeyError) as error:
            raise FaceSetError(f"{path} is no shard of faces: {error}") from error
        yield from zip(images, points, masks, strict=True)


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


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How faces are changed before a network sees them; the defaults are the published ones."""

    turn: float = 10.0
    """Largest turn to either side, degrees. Network and target see it alike, as the next three."""
    zoom: float = 0.05
    """Largest change of scale, as a share."""
    shift: float = 0.05
    """Largest shift, as a share of the crop's side."""
    mirror: float = 0.4
    """Share of faces that are mirrored."""
    warp: float = 1 / 32
    """Standard deviation of the 5×5 grid's points, as a share of the side; only the network's."""
    colour: float = 0.0
    """Largest change of gains, contrast and gamma, as a share; only the network's."""
    blur: float = 0.0
    """Share of faces the network sees as if from a small picture."""
    noise: float = 0.0
    """Largest standard deviation of the grain that the network sees, 0…1."""


@dataclass(frozen=True)
class Batch:
    """Faces of one identity, ready to learn from."""

    warped: Tensor
    """float32 [n, 3, size, size], RGB, 0…1: what the network sees."""
    target: Tensor
    """float32 [n, 3, size, size], RGB, 0…1: what it should make of it."""
    mask: Tensor
    """float32 [n, 1, size, size], 0…1: where the face is in ``target``."""


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
        pictures = np.concatenate(
            [self.faces.images[picked], self.faces.masks[picked][..., None]], axis=3
        )
        stack = torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2).float() / 255
        seen, wanted = (
            grid.to(self.device) for grid in warp_grids(count, self.size, self.augmentation, random)
        )
        target = _sample(stack, wanted)
        warped = relight(_sample(stack[:, :3], seen), self.augmentation, random)
        return Batch(warped, target[:, :3], target[:, 3:])


def _sample(pictures: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def warp_grids(
    count: int, size: int, augmentation: Augmentation, random: Generator
) -> tuple[Tensor, Tensor]:
    """Make the published random warp, and the target that fits it best without bending.

    A grid of 5×5 points over the crop is disturbed, each point alone, and the crop is bent along
    with it. The target is the straight crop under the similarity that fits the disturbed points
    best (Umeyama), so that the network is asked to straighten a face, not to move it. A random
    turn, zoom, shift and mirror image are common to both. Points are complex numbers here.

    Parameters
    ----------
    count : pictures
    size : pixels, a multiple of 8
    augmentation : how much
    random : source of all numbers

    Returns
    -------
    two of float32 [count, size, size, 2]
        Where each pixel is taken from, (x, y), −1…1 from edge to edge: bent, and straight.
    """

    def uniform(limit: float) -> Tensor:
        return (2 * torch.rand(count, 1, generator=random) - 1) * limit

    line = torch.linspace(-1, 1, 5)
    points = torch.complex(line.repeat(5), line.repeat_interleave(5)).expand(count, 25)
    noise = torch.randn(2, count, 25, generator=random) * (2 * augmentation.warp)
    bent = points + torch.complex(noise[0], noise[1])

    turn = torch.polar(1 + uniform(augmentation.zoom), torch.deg2rad(uniform(augmentation.turn)))
    shift = torch.complex(uniform(2 * augmentation.shift), uniform(2 * augmentation.shift))
    mirrored = torch.rand(count, 1, generator=random) < augmentation.mirror

    def place(z: Tensor) -> Tensor:
        z = torch.where(mirrored, -z.conj(), z)
        return z * turn + shift

    # Least squares from the bent points (mean m) to the straight ones (mean 0), then its inverse.
    middle = bent.mean(1, keepdim=True)
    spread = bent - middle
    fit = (spread.conj() * points).sum(1, keepdim=True) / spread.abs().square().sum(1, keepdim=True)

    pixels = (torch.arange(size) + 0.5) * (2 / size) - 1
    straight = torch.complex(pixels.repeat(size), pixels.repeat_interleave(size)).expand(count, -1)
    wanted = torch.view_as_real(place(straight / fit + middle)).view(count, size, size, 2)

    control = torch.view_as_real(place(bent)).view(count, 5, 5, 2).permute(0, 3, 1, 2)
    smooth = F.interpolate(control, size=size + size // 4, mode="bilinear", align_corners=False)
    edge = size // 8
    seen = smooth[:, :, edge:-edge, edge:-edge].permute(0, 2, 3, 1)
    return seen, wanted


def relight(faces: Tensor, augmentation: Augmentation, random: Generator) -> Tensor:
    """Show faces as other cameras would: other colours, softer, grainier.

    Parameters
    ----------
    faces : float32 [n, 3, h, w], RGB, 0…1
    augmentation : how much
    random : source of all numbers

    Returns
    -------
    float32 [n, 3, h, w], 0…1
    """
    count = len(faces)

    def draw(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=random).to(faces.device)

    if augmentation.blur:
        coarse = 2 + 2 * float(torch.rand(1, generator=random))
        small = F.interpolate(faces, scale_factor=1 / coarse, mode="bilinear", antialias=True)
        soft = F.interpolate(small, size=faces.shape[2:], mode="bilinear")
        faces = torch.where(draw(1, 1, 1) < augmentation.blur, soft, faces)
    if augmentation.colour:
        much = augmentation.colour
        gamma = torch.exp(2 * much * (2 * draw(1, 1, 1) - 1))
        contrast = 1 + much * (2 * draw(1, 1, 1) - 1)
        gain = 1 + much * (2 * draw(1, 1, 1) - 1) + 0.5 * much * (2 * draw(3, 1, 1) - 1)
        bright = faces.clamp(1e-4, 1).pow(gamma) * gain
        mean = bright.mean((1, 2, 3), keepdim=True)
        faces = (bright - mean) * contrast + mean
    if augmentation.noise:
        grain = torch.randn(faces.shape, generator=random).to(faces.device)
        faces = faces + grain * (augmentation.noise * draw(1, 1, 1))
    return faces.clamp(0, 1)
