"""A network in 8 bits makes nearly the same picture, and its edges stay sharp."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from swapcast.export.quantise import QuantiseError, last_convolutions, quantise  # noqa: E402
from swapcast.export.runners import open_runner  # noqa: E402

SIDE = 32


def network(layers=3, final=True):
    """Return a chain of convolutions; the last makes colours, and a mask of a wide range."""
    random = np.random.default_rng(0)
    nodes, weights, before, wide = [], [], "crop", 3
    for k in range(layers):
        end = final and k == layers - 1
        out = 4 if end else 16
        weight = random.normal(0, 0.3 / np.sqrt(wide), (out, wide, 3, 3)).astype(np.float32)
        if end:
            weight[3] *= 40
        weights.append(onnx.numpy_helper.from_array(weight, f"w{k}"))
        name = "all" if end else f"c{k}"
        nodes.append(
            onnx.helper.make_node(
                "Conv", [before, f"w{k}"], [name], f"conv{k}", pads=[1] * 4, kernel_shape=[3, 3]
            )
        )
        before, wide = name, out
        if not end:
            nodes.append(onnx.helper.make_node("LeakyRelu", [before], [f"r{k}"], alpha=0.1))
            before = f"r{k}"
    nodes.append(onnx.helper.make_node("Sigmoid", [before], ["face"]))
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "chain",
        [value("crop", onnx.TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [value("face", onnx.TensorProto.FLOAT, [1, wide, SIDE, SIDE])],
        weights,
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9
    )
    onnx.helper.set_model_props(model, {"swapcast": "{}"})
    return model


def faces(count, seed=1):
    """Return recorded inputs."""
    random = np.random.default_rng(seed)
    return [{"crop": random.random((1, 3, SIDE, SIDE), np.float32)} for _ in range(count)]


def test_eight_bits_make_nearly_the_same_picture():
    plain = network(layers=4)
    small = quantise(plain, faces(20))
    assert [prop.key for prop in small.metadata_props] == ["swapcast"]
    kept = {weight.data_type for weight in small.graph.initializer if len(weight.dims) == 4}
    assert kept == {onnx.TensorProto.INT8, onnx.TensorProto.FLOAT}
    one = open_runner(plain.SerializeToString(), "cpu")
    other = open_runner(small.SerializeToString(), "cpu")
    for inputs in faces(3, seed=9):
        apart = np.abs(one(inputs)[0] - other(inputs)[0])
        assert apart[:, :3].mean() < 4e-3
        assert apart.mean() < 2e-2


def test_the_layers_before_the_outputs_are_left_alone():
    assert last_convolutions(network(layers=3)) == ["conv2"]


def test_what_cannot_be_quantised_is_said():
    with pytest.raises(QuantiseError, match="3 faces are too few"):
        quantise(network(), faces(3))
    with pytest.raises(QuantiseError, match="nothing of this network"):
        quantise(network(layers=1), faces(20))
