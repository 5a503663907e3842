"""Where an ONNX file keeps its weights: just enough of protobuf to find and change them in place.

The live product does without the ``onnx`` package. An ONNX file is a protobuf message; of
``ModelProto`` this reads ``graph`` (7) and ``metadata_props`` (14), of ``GraphProto`` its
``initializer`` (5), and of ``TensorProto`` ``dims`` (1), ``data_type`` (2), ``name`` (8) and
``raw_data`` (9): https://onnx.ai/onnx/repo-docs/IR.html.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.errors import ModelError

_TYPES = {1: "<f4", 7: "<i8", 10: "<f2"}  # by TensorProto.DataType
_VARINT, _LONG, _BYTES, _SHORT = 0, 1, 2, 5  # wire types


@dataclass(frozen=True)
class Weight:
    """Where one array lies in the file."""

    start: int
    """Of its first byte."""
    shape: tuple[int, ...]
    dtype: str
    """Of numpy, little-endian."""

    @property
    def size(self) -> int:
        """Bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize

    def read(self, data: bytes | bytearray) -> NDArray[np.float32]:
        """Return a copy as float32."""
        part = memoryview(data)[self.start : self.start + self.size]
        return np.frombuffer(part, self.dtype).reshape(self.shape).astype(np.float32)

    def write(self, data: bytearray, values: NDArray[np.float32]) -> None:
        """Put other values in its place.

        Raises
        ------
        ModelError
            If they do not fit the number format.
        """
        with np.errstate(over="ignore"):
            kept = values.astype(self.dtype)
        if kept.shape != self.shape or not np.isfinite(kept.astype(np.float32)).all():
            raise ModelError("the face's weights do not fit its base network; make the face anew")
        data[self.start : self.start + self.size] = kept.tobytes()


def find_weights(data: bytes) -> dict[str, Weight]:
    """Return the float and int64 arrays of an ONNX file by name.

    Raises
    ------
    ModelError
        If it is no ONNX file.
    """
    found: dict[str, Weight] = {}
    for graph in _fields(data, 0, len(data)):
        if graph.number == 7:
            for tensor in _fields(data, graph.start, graph.end):
                if tensor.number == 5:
                    name, weight = _tensor(data, tensor)
                    if weight is not None:
                        found[name] = weight
    return found


def find_metadata(data: bytes) -> Mapping[str, str]:
    """Return what an ONNX file says of itself: its ``metadata_props``.

    Raises
    ------
    ModelError
        If it is no ONNX file.
    """
    found = {}
    for entry in _fields(data, 0, len(data)):
        if entry.number == 14:
            inside = list(_fields(data, entry.start, entry.end))
            words = {part.number: data[part.start : part.end].decode() for part in inside}
            found[words.get(1, "")] = words.get(2, "")
    return found


class _Field(NamedTuple):
    number: int
    value: int
    """Of a varint."""
    start: int
    end: int
    """Of bytes."""


def _tensor(data: bytes, tensor: _Field) -> tuple[str, Weight | None]:
    shape: list[int] = []
    kind, name, raw = 0, "", tensor
    for field in _fields(data, tensor.start, tensor.end):
        if field.number == 1:
            shape += _numbers(data, field)
        elif field.number == 2:
            kind = field.value
        elif field.number == 8:
            name = data[field.start : field.end].decode()
        elif field.number == 9:
            raw = field
    if kind not in _TYPES or raw is tensor:
        return name, None
    weight = Weight(raw.start, tuple(shape), _TYPES[kind])
    if weight.size != raw.end - raw.start:
        raise ModelError(f"no ONNX file, or a damaged one: {name[:80]!r} has another size")
    return name, weight


def _numbers(data: bytes, field: _Field) -> list[int]:
    """Return one number, or several that are packed."""
    if field.end == field.start:
        return [field.value]
    numbers, at = [], field.start
    while at < field.end:
        value, at = _varint(data, at, field.end)
        numbers.append(value)
    return numbers


def _fields(data: bytes, start: int, end: int) -> Iterator[_Field]:
    at = start
    while at < end:
        key, at = _varint(data, at, end)
        number, wire = key >> 3, key & 7
        value, length = 0, {_LONG: 8, _SHORT: 4}.get(wire, 0)
        if wire == _VARINT:
            value, at = _varint(data, at, end)
        elif wire == _BYTES:
            length, at = _varint(data, at, end)
        elif not length:
            raise ModelError(f"no ONNX file, or a damaged one: wire type {wire}")
        if at + length > end:
            raise ModelError("no ONNX file, or a damaged one: it ends too early")
        yield _Field(number, value, at, at + length)
        at += length


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a number and the place after it."""
    value = 0
    for place in range(at, min(at + 10, end)):
        value |= (data[place] & 0x7F) << 7 * (place - at)
        if data[place] < 0x80:
            return value, place + 1
    raise ModelError("no ONNX file, or a damaged one: it ends in a number")
