"""Let a network compute in 16 bits, all but the layers that would suffer from it.

A float16 number is at most 65,504 and has eleven significant bits. Sums of many squares (means,
deviations, products of long vectors) leave that range; so which layers stay in float32 is found by
looking at what recorded inputs cause in them. Casts stand around those, in the network itself, so
that every library computes it alike and the outcome can be judged on any processor.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

Inputs = Mapping[str, NDArray[np.float32]]

LARGEST = 65504 / 8
"""Layers that ever gave or took a number beyond this stay in float32: an eighth of float16's."""
SENSITIVE = frozenset(
    {"InstanceNormalization", "LayerNormalization", "GroupNormalization", "BatchNormalization"}
    | {"ReduceMean", "ReduceSum", "ReduceL2", "ReduceSumSquare", "Pow", "Exp", "Log", "Sqrt"}
    | {"Reciprocal", "Div", "Softmax", "LpNormalization"}
)
"""Kinds of layers that stay in float32 in any case: they add up squares, or divide."""


def fragile_layers(network: onnx.ModelProto, recorded: Sequence[Inputs]) -> frozenset[str]:
    """Return the names of the layers that must compute in float32.

    Parameters
    ----------
    network : all in float32, its nodes named
    recorded : what the network is shown; every layer's answer is looked at
    """
    kinds = {node.name for node in network.graph.node if node.op_type in SENSITIVE}
    made = {out for node in network.graph.node for out in node.output if out}
    given = {value.name for value in network.graph.output}
    shown = onnx.ModelProto()
    shown.CopyFrom(network)
    shown.graph.output.extend(
        helper.make_empty_tensor_value_info(name) for name in sorted(made - given)
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        shown.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_outputs()]
    large: set[str] = set()
    for one in recorded:
        for name, value in zip(names, session.run(None, dict(one)), strict=True):
            # Written so that a NaN counts as too large.
            if value.dtype == np.float32 and value.size and not abs(value).max() <= LARGEST:
                large.add(name)
    touching = {n.name for n in network.graph.node if large.intersection((*n.input, *n.output))}
    return frozenset(kinds | touching)


def halve(network: onnx.ModelProto, fragile: frozenset[str]) -> onnx.ModelProto:
    """Return a network that computes in float16 but for the ``fragile`` layers.

    Inputs and outputs stay float32; the network given is left as it is.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(network)
    made: onnx.ModelProto = convert_float_to_float16(
        copy, keep_io_types=True, node_block_list=sorted(fragile)
    )
    _join(made.graph)
    OnnxModel(made).topological_sort()
    return made


def _join(graph: onnx.GraphProto) -> None:
    """Take out the casts to float16 and back that stand between two layers in float32."""
    casts = [node for node in graph.node if node.op_type == "Cast"]
    down = {n.output[0]: n.input[0] for n in casts if _goal(n) == TensorProto.FLOAT16}
    # What is float32 before it is cast down and float32 after it: the number before will do.
    back = {n.output[0]: down[n.input[0]] for n in casts
            if _goal(n) == TensorProto.FLOAT and n.input[0] in down}  # fmt: skip
    results = {value.name for value in graph.output}
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name in back:
                node.input[index] = back[name]
    read = {name for node in graph.node for name in node.input} | results
    kept = [n for n in graph.node if n.op_type != "Cast" or read.intersection(n.output)]
    read = {name for node in kept for name in node.input} | results
    kept = [n for n in kept if n.op_type != "Cast" or read.intersection(n.output)]
    del graph.node[:]
    graph.node.extend(kept)


def _goal(cast: onnx.NodeProto) -> int:
    """Return the number format that a cast gives."""
    return int(next(one.i for one in cast.attribute if one.name == "to"))


def name_layers(network: onnx.ModelProto) -> None:
    """Give every node a name of its own, in place."""
    taken = {node.name for node in network.graph.node}
    for index, node in enumerate(network.graph.node):
        if not node.name:
            name = f"{node.op_type}_{index}"
            node.name = name if name not in taken else f"{name}_layer"
            taken.add(node.name)
