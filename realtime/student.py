"""The compact student's shared base network, and the faces that are baked from it.

A base network makes nobody: a face adds a vector that says who it is, and a map of what it looks
like. At load the vector's scale and shift of every channel are folded into the convolutions, and
the map into constants that are added, in numpy; what runs is plain convolutions that know one
face. See `swapcast.models.student` for the network.

In the file, the weights of the convolution ``X`` are ``X.conv.weight`` [out, in, 3, 3] (with
``.half`` behind it if kept as float16) and ``X.conv.bias`` [out]; what turns a vector into its
channels' scale and shift are ``X.style.weight`` [2 out, length] and ``X.style.bias`` [2 out], which
the graph does not use. Nor does it use ``X.paint.weight`` [out, channels · k²], which turns the
map, k×k places at once, into the constant ``X.baked`` [1, out, h, h]. The metadata ``swapcast``
name ``size``, ``template``, ``length`` (of the vector), ``map`` (its shape [channels, k h, k h]).
"""

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.errors import ModelError
from swapcast.realtime.identity import Identity
from swapcast.realtime.keys import data_folder
from swapcast.realtime.weights import Weight, find_metadata, find_weights

KIND = "student"
BUNDLED = "student.onnx"
READER = "portraits.onnx"
"""Reads vectors from portraits; a network that `swapcast.realtime.embedding` runs."""

_STYLE, _PAINT = ".style.weight", ".paint.weight"

Vector = NDArray[np.float32]
"""float32 [length + map]: a direction, of length 1, and behind it the map."""


@dataclass(frozen=True)
class Base:
    """A base network: an ONNX file that lacks only a vector."""

    network: bytes

    @cached_property
    def sha256(self) -> str:
        """Names it in packs."""
        return hashlib.sha256(self.network).hexdigest()

    @cached_property
    def about(self) -> dict[str, Any]:
        """What it says of itself.

        Raises
        ------
        ModelError
            If it is no base network.
        """
        try:
            about = json.loads(find_metadata(self.network)["swapcast"])
            if about["kind"] != KIND or not int(about["length"]) > 0:
                raise ModelError("the base network is of another kind")
        except (KeyError, ValueError, TypeError) as error:
            raise ModelError("no base network: it does not say what it is") from error
        return dict(about)

    @property
    def length(self) -> int:
        """Of the direction, at the beginning of a vector."""
        return int(self.about["length"])

    @property
    def map_shape(self) -> tuple[int, ...]:
        """Of the map behind it: channels, rows, columns."""
        return tuple(map(int, self.about.get("map", (0, 1, 1))))

    def bake(self, vector: Vector) -> bytes:
        """Return the network of one face: plain convolutions, and constants that are added.

        Every convolution's weights are multiplied by 1 + scale, channel by channel of what it
        gives; its biases too, and the shift is added.

        Raises
        ------
        ModelError
            If the vector is not of the base's length, or the base lacks a part.
        """
        wanted = self.length + math.prod(self.map_shape)
        if vector.shape != (wanted,) or not np.isfinite(vector).all():
            raise ModelError(
                f"the face has {vector.size} numbers, its base network wants {wanted} finite ones; "
                "make the face anew"
            )
        weights, baked = find_weights(self.network), bytearray(self.network)
        direction, look = np.split(vector.astype(np.float32), [self.length])
        for name in weights:
            if name.endswith(_STYLE):
                self._fold(weights, baked, name.removesuffix(_STYLE), direction)
            elif name.endswith(_PAINT):
                self._paint(weights, baked, name.removesuffix(_PAINT), look)
        return bytes(baked)

    def _fold(
        self, weights: dict[str, Weight], baked: bytearray, name: str, direction: Vector
    ) -> None:
        """Scale and shift one convolution."""
        by, more = (self._part(weights, name + end) for end in (_STYLE, ".style.bias"))
        scale, shift = np.split(by.read(baked) @ direction + more.read(baked), 2)
        conv = self._part(weights, f"{name}.conv.weight")
        bias = self._part(weights, f"{name}.conv.bias")
        conv.write(baked, conv.read(baked) * (1 + scale)[:, None, None, None])
        bias.write(baked, bias.read(baked) * (1 + scale) + shift)

    def _paint(self, weights: dict[str, Weight], baked: bytearray, name: str, look: Vector) -> None:
        """Turn the map into one constant; k×k places side by side are one place's channels."""
        constant = self._part(weights, f"{name}.baked")
        channels, rows, _ = self.map_shape
        side = constant.shape[-1]
        k = rows // side
        cells = look.reshape(channels, side, k, side, k).transpose(0, 2, 4, 1, 3)
        paint = self._part(weights, name + _PAINT).read(baked)
        added = paint @ cells.reshape(channels * k * k, side * side)
        constant.write(baked, added.reshape(constant.shape))

    @staticmethod
    def _part(weights: dict[str, Weight], name: str) -> Weight:
        found = weights.get(name) or weights.get(f"{name}.half")
        if found is None:
            raise ModelError(f"no base network: it lacks {name!r}")
        return found


def bases_folder() -> Path:
    """Return where the base networks of own students are kept, each under its SHA-256."""
    return data_folder() / "bases"


def find_base(sha256: str) -> Base:
    """Find the base network that a pack names.

    Raises
    ------
    ModelError
        If it is neither bundled nor kept here.
    """
    bundled = resources.files("swapcast.assets") / BUNDLED
    kept = bases_folder() / f"{sha256}.onnx"
    for place in (bundled, kept):
        if place.is_file():
            base = Base(place.read_bytes())
            if base.sha256 == sha256:
                return base
    raise ModelError(
        f"it needs the base network {sha256[:16]}, which this version does not have; "
        "make the face anew: swapcast face add NAME PICTURES…"
    )


def keep_base(base: Base) -> None:
    """Keep a base network that is not bundled, so that its faces can be worn."""
    folder = bases_folder()
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{base.sha256}.part"
    part.write_bytes(base.network)
    part.replace(folder / f"{base.sha256}.onnx")


def network_of(face: Identity) -> bytes:
    """Return the network of a face; that of a vector is baked from its base.

    Raises
    ------
    ModelError
        If the base is not here, or the vector does not fit it.
    """
    if not face.base:
        return face.network
    return find_base(face.base).bake(read_vector(face.network))


def standalone(face: Identity) -> bytes:
    """Return a swapper that needs no base: for a face that shares its base with no other.

    Raises
    ------
    ModelError
        If the base is not here, or the vector does not fit it.
    """
    network = network_of(face)
    if not face.base:
        return network
    # Both words have seven letters, so everything stays in its place.
    said = json.dumps({"kind": KIND})[1:-1].encode(), json.dumps({"kind": "swapper"})[1:-1].encode()
    if network.count(said[0]) != 1:
        raise ModelError("the base network does not say plainly what it is; export it anew")
    return network.replace(*said)


def timed_network(face: Identity) -> bytes:
    """Return what stands for a face's network where only its speed counts: the shared base.

    Raises
    ------
    ModelError
        If the base is not here.
    """
    return find_base(face.base).network if face.base else face.network


def vector_bytes(vector: Vector) -> bytes:
    """Return a vector as a pack keeps it: float32, little-endian."""
    return vector.astype("<f4").tobytes()


def read_vector(data: bytes) -> Vector:
    """Return a vector from a pack.

    Raises
    ------
    ModelError
        If it is none.
    """
    if not data or len(data) % 4:
        raise ModelError(f"the face's vector has {len(data)} bytes; make the face anew")
    return np.frombuffer(data, "<f4").astype(np.float32)
