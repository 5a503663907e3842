"""Swappers from elsewhere become faces of this program, under a licence that the user declares.

Two conventions are taken in:

- *DFM*, one face baked in: ``in_face:0`` float32 [n, h, w, 3] BGR 0…1 and, for some,
  ``morph_value:0`` [1]; gives ``out_celeb`` [n, h, w, 3] and ``out_celeb_mask`` [n, h, w, 1].
  The file is wrapped with the transpositions that make it a swapper of ours.
- *ours*, as `swapcast.export.to_onnx.write_network` writes it. It has the consent record of its
  training inside, and keeps it: no licence takes its place.

Models that want somebody's embedding (such as inswapper_128) are not taken in: whose face they
make is decided by the embedding, so a record bound to the model would say nothing.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from swapcast.realtime.consent import ConsentRecord, Use, issue_record
from swapcast.realtime.errors import ConsentError, ModelError, SettingError
from swapcast.realtime.face_store import FaceStore, check_name
from swapcast.realtime.identity import Identity, seal_face
from swapcast.realtime.policy import Acceptance
from swapcast.realtime.thumbnail import draw_thumbnail
from swapcast.realtime.training_consent import carried_record

_LARGEST = 2 << 30  # bytes: what protobuf can hold
_EXTERNAL = TensorProto.DataLocation.Value("EXTERNAL")


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What the user says of a model from elsewhere."""

    licence: str
    subject: str
    statement: str
    scope: tuple[Use, ...]
    expires: str
    policy: Callable[[], Acceptance]
    """Asks the user to accept the use policy."""


def import_model(
    path: Path, name: str, declared: Declared, store: FaceStore, *, morph: float = 0.5
) -> Identity:
    """Make a face of a model from elsewhere and keep it.

    Parameters
    ----------
    path : the ONNX file
    name : what the face is to be called
    declared : what the user says of it
    store : keeps the face
    morph : 0…1, for a DFM with a morph value

    Raises
    ------
    ModelError
        If the file is no model of a convention that is taken in.
    ConsentError
        If nothing is declared, the use policy is not accepted, or a record inside does not hold.
    """
    check_name(name)
    if not 0 <= morph <= 1:
        raise SettingError(f"--morph is {morph}; it must be 0…1")
    proto, digest = read_onnx(path)
    about = _own_metadata(proto)
    if about is not None:
        record = carried_record(about.get("provenance", {}).get("identity"), store)
        network, convention = proto.SerializeToString(), "swapcast"
    else:
        wrap_dfm(proto, morph)
        network, convention = proto.SerializeToString(), "dfm"
        record = _declare(declared, digest, convention, store)
    made = {
        "tool": f"swapcast {metadata.version('swapcast')}",
        "architecture": f"{convention}, from elsewhere",
        "sources": path.name,
        "licence": declared.licence or "as the consent record says",
        "model sha256": digest,
    }
    bare = seal_face(name, record, network, b"", made, key=store.key)
    return store.keep(seal_face(name, record, network, draw_thumbnail(bare), made, key=store.key))


def _declare(declared: Declared, digest: str, convention: str, store: FaceStore) -> ConsentRecord:
    if not declared.licence.strip():
        raise ConsentError(
            "say under which licence you may use this model, and whose face it makes: "
            "--licence, --subject, --statement"
        )
    record = issue_record(
        subject=declared.subject,
        kind="external",
        statement=declared.statement,
        scope=declared.scope,
        key=store.key,
        policy=declared.policy(),
        expires=declared.expires,
        evidence={"licence": declared.licence, "model": digest, "convention": convention},
    )
    store.keep_record(record)
    return record


def read_onnx(path: Path) -> tuple[onnx.ModelProto, str]:
    """Read and check a model file; returns it and its SHA-256.

    Raises
    ------
    ModelError
        If it is no ONNX model, too large, or keeps weights in other files.
    """
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise ModelError(f"{path} has {size} bytes; a swapper has at most {_LARGEST}")
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    try:
        proto = onnx.load_model_from_string(data)
        onnx.checker.check_model(proto)
    except (DecodeError, onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or ["empty"])[0][:200]
        raise ModelError(f"{path} is no ONNX model: {reason}") from error
    if any(weight.data_location == _EXTERNAL for weight in proto.graph.initializer):
        raise ModelError(f"{path} keeps weights in other files; make one file of it")
    return proto, hashlib.sha256(data).hexdigest()


def _own_metadata(proto: onnx.ModelProto) -> dict[str, Any] | None:
    texts = [entry.value for entry in proto.metadata_props if entry.key == "swapcast"]
    if not texts:
        return None
    try:
        about = json.loads(texts[0])
    except ValueError as error:
        raise ModelError("the model's own description is damaged; export it anew") from error
    if not isinstance(about, dict) or not isinstance(about.get("provenance"), dict):
        raise ConsentError("the model says nothing of where it comes from; export it anew")
    return about


def wrap_dfm(proto: onnx.ModelProto, morph: float) -> None:
    """Turn a DFM into a swapper: ``crop`` → ``face``, ``mask``, RGB, planar.

    Raises
    ------
    ModelError
        If the model has other inputs and outputs.
    """
    graph = proto.graph
    weights = {weight.name for weight in graph.initializer}
    inputs = {value.name: value for value in graph.input if value.name not in weights}
    outputs = {value.name.partition(":")[0]: value.name for value in graph.output}
    face_in = inputs.pop("in_face:0", None) or inputs.pop("in_face", None)
    morph_in = inputs.pop("morph_value:0", None) or inputs.pop("morph_value", None)
    if face_in is None or inputs or not {"out_celeb", "out_celeb_mask"} <= outputs.keys():
        raise ModelError(
            "the model is of no convention that is taken in (DFM, or one of this program); "
            f"it takes {', '.join(v.name for v in graph.input) or 'nothing'} and gives "
            f"{', '.join(outputs) or 'nothing'}"
        )
    size = _square(face_in)
    bgr = numpy_helper.from_array(np.array([2, 1, 0], np.int64), "swapcast.bgr")
    graph.initializer.append(bgr)
    if morph_in is not None:
        graph.initializer.append(
            numpy_helper.from_array(np.array([morph], np.float32), morph_in.name)
        )
    before = [
        helper.make_node("Gather", ["crop", bgr.name], ["swapcast.planar"], axis=1),
        helper.make_node("Transpose", ["swapcast.planar"], [face_in.name], perm=[0, 2, 3, 1]),
    ]
    to_planar = [0, 3, 1, 2]
    after = [
        helper.make_node("Transpose", [outputs["out_celeb"]], ["swapcast.face"], perm=to_planar),
        helper.make_node("Gather", ["swapcast.face", bgr.name], ["face"], axis=1),
        helper.make_node("Transpose", [outputs["out_celeb_mask"]], ["mask"], perm=to_planar),
    ]
    nodes = [*before, *graph.node, *after]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    shape = [1, 3, size, size]
    graph.input.append(helper.make_tensor_value_info("crop", TensorProto.FLOAT, shape))
    graph.output.append(helper.make_tensor_value_info("face", TensorProto.FLOAT, shape))
    mask = [1, 1, size, size]
    graph.output.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, mask))
    about = {"kind": "swapper", "size": size, "template": "dfl_whole_face"}
    helper.set_model_props(proto, {"swapcast": json.dumps(about)})


def _square(value: onnx.ValueInfoProto) -> int:
    sides = [d.dim_value for d in value.type.tensor_type.shape.dim]
    if len(sides) != 4 or sides[3] != 3 or sides[1] != sides[2] or not 32 <= sides[1] <= 1024:
        raise ModelError(f"the model reads pictures of {sides}; wanted are squares of 3 colours")
    return int(sides[1])
