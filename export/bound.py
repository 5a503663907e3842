"""A network's inputs and outputs kept where it computes: ONNX Runtime's IO binding.

On a GPU only a face's crop goes there and only the swapped face comes back, through buffers that
are made once. Tested on the processor's own memory; **no run of ours has executed it on a GPU**.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_KINDS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class Bound:
    """A session of ONNX Runtime with kept buffers.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        All its inputs and outputs `is_fixed`.
    device : ``cuda`` or ``cpu``
        Where the buffers lie.
    """

    def __init__(self, session: Any, device: str) -> None:
        from onnxruntime import OrtValue  # noqa: PLC0415 - 0.3 s that `--help` need not pay

        self._session, self._binding = session, session.io_binding()
        self._inputs, self._outputs = {}, []
        for value in session.get_inputs():
            kept = OrtValue.ortvalue_from_shape_and_type(value.shape, _KINDS[value.type], device, 0)
            self._binding.bind_ortvalue_input(value.name, kept)
            self._inputs[value.name] = kept
        for value in session.get_outputs():
            kept = OrtValue.ortvalue_from_shape_and_type(value.shape, _KINDS[value.type], device, 0)
            self._binding.bind_ortvalue_output(value.name, kept)
            self._outputs.append(kept)

    def __call__(self, inputs: Mapping[str, Array]) -> list[Array]:
        """Return the outputs in the network's order; they may be overwritten by the next call.

        Parameters
        ----------
        inputs : one array an input, C-contiguous, in the network's dtype and shape
        """
        for name, kept in self._inputs.items():
            kept.update_inplace(inputs[name])
        self._session.run_with_iobinding(self._binding)
        return [np.asarray(kept.numpy()) for kept in self._outputs]


def is_fixed(session: Any) -> bool:
    """Tell whether all shapes of a network are known beforehand, and its types can be kept."""
    values = [*session.get_inputs(), *session.get_outputs()]
    return all(
        value.type in _KINDS and all(isinstance(size, int) for size in value.shape)
        for value in values
    )
