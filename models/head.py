"""The shape of a head: who it is, what it does with its face, and where its parts are.

The shapes are those of ICT-FaceKit (© 2020 USC Institute for Creative Technologies, MIT), packed as
one .npz file: a mean head, 100 ways heads differ between people and 57 movements of the face.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.place import move

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Reals = NDArray[np.floating[Any]]
"""float32 or float64."""

FACE, BACK, TEETH, TONGUE, EYE = "M_Face", "M_BackHead", "M_Teeth", "M_GumsTongue", "M_Sclera"
EYE_SIDES = ("Right", "Left")
PARTS = (FACE, BACK, TEETH, TONGUE, EYE + "Right", EYE + "Left")
"""Materials that are drawn; lashes and wet layers need transparency, irises are painted."""

_BALL = np.float32(0.955)
"""Size of the eyeballs: a lid moves in a straight line and would cut into whole ones."""


@dataclass(frozen=True, slots=True)
class Head:
    """A family of heads, in centimetres: x to the person's left, y up, z out of the face."""

    mean: Floats
    """float32 [n, 3]."""
    identity: Floats
    """float32 [100, n, 3]: offsets for one standard deviation of each way heads differ."""
    movements: Floats
    """float32 [57, n, 3]: offsets of each movement of the face at full strength."""
    names: tuple[str, ...]
    """Of the movements, such as ``jawOpen``."""
    triangles: Ints
    """int32 [m, 3]: corners as rows of the vertices."""
    uv_triangles: Ints
    """int32 [m, 3]: corners as rows of ``uv``."""
    uv: Floats
    """float32 [k, 2]: place in the texture, 0…1, v upwards."""
    part: NDArray[np.uint8]
    """uint8 [m]: index into ``PARTS`` of each triangle."""
    landmarks: Ints
    """int32 [68]: vertices of the 68-point (Multi-PIE) scheme, the picture's left jaw first."""
    members: tuple[Ints, ...]
    """int32 [·] of each of ``PARTS``: the vertices it is made of, sorted."""

    def shape(self, coefficients: Reals) -> Floats:
        """Return the head at rest, float32 [n, 3], of a person float32 [≤ 100], in deviations."""
        flat = self.identity[: len(coefficients)].reshape(len(coefficients), self.mean.size)
        moved: Floats = self.mean + (coefficients.astype(np.float32) @ flat).reshape(-1, 3)
        return moved

    def strengths(self, expression: Mapping[str, float]) -> Floats:
        """Return float32 [57] for movements given by name; others are 0.

        Raises
        ------
        ValueError
            For a movement this head does not have.
        """
        strengths = np.zeros(len(self.names), np.float32)
        for name, value in expression.items():
            if name not in self.names:
                raise ValueError(f"no movement {name!r}; there are {', '.join(self.names)}")
            strengths[self.names.index(name)] = value
        return strengths

    def move(self, shape: Floats, strengths: Reals) -> Floats:
        """Return ``shape`` float32 [n, 3] with the face moved by ``strengths`` float32 [57]."""
        moved = np.empty_like(shape)
        move(shape, self.movements, strengths.astype(np.float32), moved)
        return moved

    def vertices_of(self, *parts: str) -> Ints:
        """Return the vertices, int32 [·], that the named parts are made of."""
        if len(parts) == 1:
            return self.members[PARTS.index(parts[0])]
        found: Ints = np.unique(np.concatenate([self.members[PARTS.index(p)] for p in parts]))
        return found


def load_head(path: Path) -> Head:
    """Read the head from its packed file; eyeballs keep still, for gaze is painted on them.

    Raises
    ------
    ValueError
        If the file is missing or is not such a head.
    """
    if not path.is_file():
        raise ValueError(f"no head model at {path}; give the packed ICT-FaceKit .npz file")
    try:
        with np.load(path) as file:
            packed = {name: file[name] for name in file.files}
        materials = [str(name) for name in packed["mat_names"]]
        place = np.array([PARTS.index(m) if m in PARTS else 255 for m in materials], np.uint8)
        part = place[packed["tri_mat"]]
        drawn = part != 255
        used, flat = np.unique(packed["tri"][drawn], return_inverse=True)
        triangles = np.ascontiguousarray(flat.reshape(-1, 3), np.int32)
        row = np.zeros(len(packed["base"]), np.int32)
        row[used] = np.arange(len(used))
        part = part[drawn]
        members = [np.unique(triangles[part == k]).astype(np.int32) for k in range(len(PARTS))]
        movements = np.ascontiguousarray(packed["expr"][:, used], np.float32)
        mean = packed["base"][used].astype(np.float32)
        for side in EYE_SIDES:
            ball = members[PARTS.index(EYE + side)]
            movements[:, ball] = 0
            centre = (mean[ball].max(0) + mean[ball].min(0)) / 2
            mean[ball] = centre + (mean[ball] - centre) * _BALL
        return Head(
            mean=mean,
            identity=np.ascontiguousarray(packed["identity"][:, used], np.float32),
            movements=movements,
            names=tuple(str(name) for name in packed["expr_names"]),
            triangles=triangles,
            uv_triangles=np.ascontiguousarray(packed["tri_uv"][drawn].astype(np.int32)),
            uv=packed["uv"].astype(np.float32),
            part=part,
            landmarks=row[packed["landmark68"]],
            members=tuple(members),
        )
    except (KeyError, OSError) as error:
        raise ValueError(f"{path} is not a packed ICT-FaceKit head: {error}") from error
