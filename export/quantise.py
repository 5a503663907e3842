"""Keep and compute a network's convolutions in 8 bits."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

Inputs = Mapping[str, NDArray[np.float32]]
"""The network's inputs by name."""

LEAST = 16
"""Recorded inputs below which ranges are guesses."""


class QuantiseError(Exception):
    """A network that cannot be quantised. The text says why."""


class _Recorded:
    """Gives one input after the other, as ONNX Runtime's calibration asks for them."""

    def __init__(self, recorded: Sequence[Inputs]) -> None:
        self._left: Iterator[Inputs] = iter(recorded)

    def get_next(self) -> Inputs | None:
        """Return the next input; None at the end."""
        return next(self._left, None)


def quantise(
    network: onnx.ModelProto, recorded: Sequence[Inputs], *, symmetric: bool = False
) -> onnx.ModelProto:
    """Return a network whose weights and activations are 8-bit numbers (QDQ form, opset as before).

    Weights are signed, with a scale for each channel; activations are unsigned, with ranges from
    what ``recorded`` inputs caused (least to largest). Every runtime that knows QuantizeLinear
    and DequantizeLinear can compute it. The last convolutions before the outputs stay in float32:
    one range for colours and a mask's steep edge would cost ten levels of brightness.

    Parameters
    ----------
    network : weights in float32; it is left as it is
    recorded : of real faces, at least `LEAST`
    symmetric : activations become signed, with their zero in the middle, as TensorRT wants them

    Raises
    ------
    QuantiseError
        If there are too few inputs, or nothing that could be quantised.
    """
    if len(recorded) < LEAST:
        raise QuantiseError(
            f"{len(recorded)} faces are too few to find the ranges of 8 bits; give {LEAST} or more"
        )
    last = last_convolutions(network)
    if sum(node.op_type == "Conv" for node in network.graph.node) == len(last):
        raise QuantiseError("nothing of this network can be computed in 8 bits")
    with tempfile.TemporaryDirectory() as folder:
        plain, ready, small = (Path(folder) / name for name in ("a.onnx", "b.onnx", "c.onnx"))
        onnx.save(network, plain)
        quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready),
            str(small),
            _Recorded(recorded),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=last,
            per_channel=True,
            activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"ActivationSymmetric": symmetric},
        )
        made = onnx.load(small)
    del made.metadata_props[:]
    made.metadata_props.extend(network.metadata_props)
    return made


def last_convolutions(network: onnx.ModelProto) -> list[str]:
    """Return the names of the convolutions with no other one between them and an output."""
    makers = {out: node for node in network.graph.node for out in node.output}
    names: list[str] = []
    left = [value.name for value in network.graph.output]
    seen: set[str] = set()
    while left:
        name = left.pop()
        node = makers.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        if node.op_type == "Conv":
            names.append(node.name)
        else:
            left += node.input
    return names
