"""Read pairs of pictures: somebody before a camera, and the same with another person's face.

A set is a folder of shards ``pairs-NNNNN.npz`` and, for each, ``people-NNNNN.npz`` with views of
everybody whose face was put on. Shards are plain, uncompressed .npz files without pickles:

``pictures``, ``masks``
    uint8 [·]: JPEG and PNG files one after the other, with ``pictures_ends`` int64 [p] and
    ``masks_ends`` int64 [n]: where each file ends.
``shown``
    int32 [n, 2]: which picture is a pair's driver and which its target.
``landmarks``, ``target_landmarks``
    float32 [n, 68, 2]: of both pictures, (x, y) in pixels of the stored picture.
``people``
    int32 [n, 2]: number of the person before the camera, and of the one whose face is put on.
``pose``
    float32 [n, 2]: yaw and pitch in radians.
``flags``
    uint8 [n]: `SELF`, `COVERED`, `REVERSE`.

Pictures are `SIDE` pixels square. The ``dfl_whole_face`` crop of `CROP` pixels, aligned by the
driver's landmarks and upright, lies in the middle: training may shift, turn and scale it.
"""

import ast
import hashlib
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

TEMPLATE = "dfl_whole_face"
"""How the crop in a picture's middle is aligned."""
SIDE = 288
CROP = 224
MARGIN = (SIDE - CROP) // 2
VIEW = 112
"""Side of a view of a person, an ``arcface_112_v2`` crop."""
VIEWS = 4
_FACTS = ("landmarks", "target_landmarks", "people", "pose", "flags")
_JPEG = (
    *(cv2.IMWRITE_JPEG_QUALITY, 96),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
)
SELF, COVERED, REVERSE = 1, 2, 4
"""Flags: the face put on is the driver's own; something lies before the face; the driver is a
picture with a drawn face on it and the target is the untouched picture."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some pairs, ready to be changed by augmentation."""

    driver: Bytes
    """uint8 [n, 288, 288, 3] RGB."""
    target: Bytes
    """uint8 [n, 288, 288, 3] RGB; equal to ``driver`` wherever the face mask is 0."""
    face: Bytes
    """uint8 [n, 288, 288], 0…255: what may differ, of both pictures; things before it left out."""
    mouth: Bytes
    """uint8 [n, 288, 288], 0…255: lips and what is between them, in the target."""
    eyes: Bytes
    """uint8 [n, 288, 288], 0…255: between and around the lids, in the target."""
    cover: Bytes
    """uint8 [n, 288, 288], 0…255: what lies before the face."""
    landmarks: Floats
    """float32 [n, 68, 2]: of the driver, (x, y) in pixels."""
    target_landmarks: Floats
    """float32 [n, 68, 2]."""
    people: NDArray[np.int32]
    """int32 [n, 2]: driver, face put on."""
    pose: Floats
    """float32 [n, 2]: yaw and pitch, radians."""
    flags: Bytes
    """uint8 [n]."""


class Pairs:
    """A set of pairs on disk; nothing is read before it is asked for, and new shards are found."""

    def __init__(self, folder: Path) -> None:
        """Open the shards that are there.

        Raises
        ------
        ValueError
            If there are none, or one is damaged.
        """
        self.folder = folder
        self._shards: list[dict[str, Any]] = []
        self._names: set[str] = set()
        self._first = [0]
        self._views: dict[int, Bytes] = {}
        self.refresh()
        if not self._shards:
            raise ValueError(f"no pairs-*.npz in {folder}; draw some with 'swapcast faces render'")

    def refresh(self) -> None:
        """Open shards that were written since; the numbers of older pairs stay."""
        for path in sorted(self.folder.glob("pairs-*.npz")):
            if path.name in self._names:
                continue
            try:
                shard = {name: mapped(path, name) for name in _members(path)}
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                raise ValueError(f"{path} is not a shard of pairs: {error}") from error
            self._names.add(path.name)
            self._shards.append(shard)
            self._first.append(self._first[-1] + len(shard["flags"]))

    def __len__(self) -> int:
        """Return how many pairs there are."""
        return self._first[-1]

    def read(self, numbers: Sequence[int] | NDArray[np.integer[Any]]) -> Batch:
        """Return the pairs of these numbers, in this order.

        Raises
        ------
        ValueError
            If a number is out of range or a picture is damaged.
        """
        found = [self._one(int(number)) for number in numbers]
        return Batch(*(np.stack(values) for values in zip(*found, strict=True)))

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """Return ``count`` pairs of chance."""
        return self.read(rng.integers(len(self), size=count))

    def _one(self, number: int) -> tuple[Any, ...]:
        if not 0 <= number < len(self):
            raise ValueError(f"no pair {number}; there are {len(self)}")
        place = int(np.searchsorted(self._first, number, side="right")) - 1
        shard, k = self._shards[place], number - self._first[place]
        driver, target = (_picture(shard, "pictures", row)[..., ::-1] for row in shard["shown"][k])
        masks = _picture(shard, "masks", k)
        face = masks[..., 0]
        target = np.where(face[..., None] > 0, target, driver)
        return (
            driver,
            target,
            *(masks[..., c] for c in range(4)),
            *(shard[name][k] for name in _FACTS),
        )

    def views(self, number: int) -> Bytes:
        """Return the views of a person, uint8 [4, 112, 112, 3] RGB.

        Raises
        ------
        ValueError
            If nobody of this number has had their face put on.
        """
        if number not in self._views:
            for path in sorted(self.folder.glob("people-*.npz")):
                people, pictures = mapped(path, "people"), mapped(path, "views")
                self._views.update(zip(people.tolist(), pictures, strict=True))
        if number not in self._views:
            raise ValueError(f"no views of person {number} in {self.folder}")
        return self._views[number]


def _members(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as file:
        return [name.removesuffix(".npy") for name in file.namelist()]


def mapped(path: Path, name: str) -> NDArray[Any]:
    """Return an array of an uncompressed .npz file without reading it.

    Raises
    ------
    ValueError
        If the array is compressed or not a plain one.
    KeyError
        If there is no such array.
    """
    with zipfile.ZipFile(path) as file:
        entry = file.getinfo(f"{name}.npy")
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    with path.open("rb") as raw:
        raw.seek(entry.header_offset + 26)
        raw.seek(sum(struct.unpack("<HH", raw.read(4))), 1)
        start = raw.tell()
        if raw.read(8) != b"\x93NUMPY\x01\x00":
            raise ValueError(f"{name} is not a plain array")
        (length,) = struct.unpack("<H", raw.read(2))
        header = ast.literal_eval(raw.read(length).decode("latin1"))
    kind, shape = np.dtype(header["descr"]), header["shape"]
    if 0 in shape:
        return np.empty(shape, kind)
    return np.memmap(path, kind, "r", start + 10 + length, shape)


def _picture(shard: dict[str, Any], name: str, k: int) -> Bytes:
    ends = shard[f"{name}_ends"]
    coded = shard[name][int(ends[k - 1]) if k else 0 : int(ends[k])]
    picture = cv2.imdecode(np.asarray(coded), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError(f"picture {k} of {name} is damaged")
    return np.asarray(picture, np.uint8)


class Writer:
    """Collects the pairs of a shard; a picture that is in several pairs is kept once."""

    def __init__(self) -> None:
        self._pictures: list[Bytes] = []
        self._rows: dict[bytes, int] = {}
        self._masks: list[Bytes] = []
        self._shown: list[tuple[int, int]] = []
        self._facts: list[tuple[NDArray[Any], ...]] = []

    def __len__(self) -> int:
        """Return how many pairs there are."""
        return len(self._masks)

    def add(self, pair: Batch) -> None:
        """Take in a pair (n = 1)."""
        four = np.stack([pair.face[0], pair.mouth[0], pair.eyes[0], pair.cover[0]], 2)
        self._masks.append(_file(".png", four, [cv2.IMWRITE_PNG_COMPRESSION, 1]))
        self._shown.append((self._row(pair.driver[0]), self._row(pair.target[0])))
        self._facts.append(tuple(getattr(pair, name) for name in _FACTS))

    def _row(self, picture: Bytes) -> int:
        key = hashlib.sha1(picture.tobytes(), usedforsecurity=False).digest()
        if key not in self._rows:
            self._rows[key] = len(self._pictures)
            self._pictures.append(_file(".jpg", picture[..., ::-1], _JPEG))
        return self._rows[key]

    def write(self, path: Path) -> None:
        """Write the shard in one step: it is there as a whole or not at all."""
        values: dict[str, NDArray[Any]] = {"shown": np.array(self._shown, np.int32)}
        for name, files in (("pictures", self._pictures), ("masks", self._masks)):
            values[name] = np.concatenate(files)
            values[f"{name}_ends"] = np.cumsum([len(file) for file in files]).astype(np.int64)
        for name, facts in zip(_FACTS, zip(*self._facts, strict=True), strict=True):
            values[name] = np.concatenate(facts)
        write_arrays(path, values)


def write_views(path: Path, views: Mapping[int, Bytes]) -> None:
    """Write the views of people, uint8 [4, 112, 112, 3] RGB each, by their numbers."""
    numbers = sorted(views)
    pictures = np.stack([views[number] for number in numbers])
    write_arrays(path, {"people": np.array(numbers, np.int32), "views": pictures})


def write_arrays(path: Path, values: dict[str, NDArray[Any]]) -> None:
    """Write an .npz file in one step."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, allow_pickle=False, **values)
    part.replace(path)


def _file(kind: str, picture: Bytes, settings: Sequence[int]) -> Bytes:
    return np.asarray(cv2.imencode(kind, picture, settings)[1], np.uint8).ravel()
