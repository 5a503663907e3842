"""Small networks made by code, in the conventions that are taken in."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 64
SCALE = (0.25, 0.5, 1.0)
"""What the drawn networks multiply the first, second and third channel by."""


def _model(
    nodes: list[onnx.NodeProto], inputs: list[Any], outputs: list[Any], weights: list[Any]
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "drawn", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def write_dfm(path: Path, *, morph: bool = False, side: int = SIZE) -> Path:
    """Write a network with the inputs and outputs of a DFM; blue, green and red are scaled."""
    value, picture = helper.make_tensor_value_info, ["n", side, side, 3]
    mask = ["n", side, side, 1]
    weights = [
        numpy_helper.from_array(np.array(SCALE, np.float32), "scale"),
        numpy_helper.from_array(np.array([0, 0, 0, 0], np.int64), "start"),
        numpy_helper.from_array(np.array([9, side, side, 1], np.int64), "end"),
    ]
    inputs = [value("in_face:0", TensorProto.FLOAT, picture)]
    nodes = [
        helper.make_node("Mul", ["in_face:0", "scale"], ["scaled"]),
        helper.make_node("Slice", ["in_face:0", "start", "end"], ["out_celeb_mask:0"]),
        helper.make_node("Identity", ["out_celeb_mask:0"], ["out_face_mask:0"]),
    ]
    if morph:
        inputs.append(value("morph_value:0", TensorProto.FLOAT, [1]))
        nodes.append(helper.make_node("Mul", ["scaled", "morph_value:0"], ["out_celeb:0"]))
    else:
        nodes.append(helper.make_node("Identity", ["scaled"], ["out_celeb:0"]))
    outputs = [
        value("out_face_mask:0", TensorProto.FLOAT, mask),
        value("out_celeb:0", TensorProto.FLOAT, picture),
        value("out_celeb_mask:0", TensorProto.FLOAT, mask),
    ]
    onnx.save(_model(nodes, inputs, outputs, weights), path)
    return path


def swapper_network(about: dict[str, Any] | None = None, side: int = SIZE) -> bytes:
    """Return a swapper of ours that darkens the crop, with more in its description."""
    value, shape = helper.make_tensor_value_info, [1, 3, side, side]
    model = _model(
        [helper.make_node("Mul", ["crop", "half"], ["face"])],
        [value("crop", TensorProto.FLOAT, shape)],
        [value("face", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.array([0.5], np.float32), "half")],
    )
    text = {"kind": "swapper", "size": side, "template": "dfl_whole_face", **(about or {})}
    helper.set_model_props(model, {"swapcast": json.dumps(text)})
    return bytes(model.SerializeToString())


def student_base(length: int = 4, side: int = SIZE) -> bytes:
    """Return a student's base network: one convolution that keeps each colour as it is.

    The first three numbers of a vector brighten red, green and blue; the fourth shifts all.
    """
    value, shape = helper.make_tensor_value_info, [1, 3, side, side]
    keep = np.zeros((3, 3, 3, 3), np.float16)
    keep[range(3), range(3), 1, 1] = 0.5
    style = np.zeros((6, length), np.float16)
    style[range(3), range(3)] = 1
    style[3:, length - 1] = 1
    arrays = {
        "paint.conv.weight.half": keep,
        "paint.conv.bias": np.full(3, 0.1, np.float32),
        "paint.style.weight": style,
        "paint.style.bias": np.zeros(6, np.float32),
    }
    weight, name = "paint.conv.weight", "paint.conv.bias"
    model = _model(
        [
            helper.make_node("Cast", [f"{weight}.half"], [weight], to=TensorProto.FLOAT),
            helper.make_node("Conv", ["crop", weight, name], ["face"], pads=[1, 1, 1, 1]),
        ],
        [value("crop", TensorProto.FLOAT, shape)],
        [value("face", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(array, key) for key, array in arrays.items()],
    )
    about = {"kind": "student", "size": side, "template": "dfl_whole_face", "length": length}
    helper.set_model_props(model, {"swapcast": json.dumps(about)})
    return bytes(model.SerializeToString())


def portrait_reader(length: int = 4) -> bytes:
    """Return a reader of portraits that says their mean colours, and 0 behind them."""
    value = helper.make_tensor_value_info
    model = _model(
        [
            helper.make_node("ReduceMean", ["portrait", "axes"], ["mean"], keepdims=0),
            helper.make_node("Pad", ["mean", "pads"], ["padded"]),
            helper.make_node("LpNormalization", ["padded"], ["vector"], axis=1, p=2),
        ],
        [value("portrait", TensorProto.FLOAT, [1, 3, 112, 112])],
        [value("vector", TensorProto.FLOAT, [1, length])],
        [
            numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
            numpy_helper.from_array(np.array([0, 0, 0, length - 3], np.int64), "pads"),
        ],
    )
    about = {"kind": "embedder", "template": "arcface_112_v2"}
    helper.set_model_props(model, {"swapcast": json.dumps(about)})
    return bytes(model.SerializeToString())
