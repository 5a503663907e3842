"""A network of torch as a runner: for development, and where nothing else drives an NVIDIA GPU.

On a GPU one call is recorded as a CUDA graph and played back: hundreds of kernels start with one
command, from buffers that are made once and pinned in memory. Tested on the processor; **no run of
ours has executed it on a GPU**.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from swapcast.export.runners import RunnerError

Array = NDArray[Any]
Device = Literal["cpu", "cuda"]
Precision = Literal["fp32", "fp16", "bf16"]

_TYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_WARM = 3  # calls before the recording: libraries choose their kernels in them


class TorchRunner:
    """A `swapcast.export.runners.Runner` for a module of torch.

    Parameters
    ----------
    network : module
        Takes the inputs in their order, gives a tensor or several. It is moved to the device.
    shapes : of each input, in the module's order
    device : ``cpu`` or ``cuda``
    precision : what weights and inputs are turned into; outputs are float32 always
    threads : of the processor, for the whole process

    Raises
    ------
    RunnerError
        If there is no such device, or the module does not run on it.
    """

    def __init__(
        self,
        network: nn.Module,
        shapes: Mapping[str, tuple[int, ...]],
        device: Device = "cpu",
        *,
        precision: Precision = "fp32",
        threads: int = 1,
    ) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise RunnerError(
                "torch finds no NVIDIA GPU here; install its driver and a torch with CUDA, "
                "or take the processor"
            )
        if device == "cpu":
            torch.set_num_threads(threads)
        self.provider = "torch" if device == "cpu" else "torch-cuda"
        self.precision, self.shapes = precision, dict(shapes)
        self.metadata: Mapping[str, str] = {}
        kind = _TYPES[precision]
        self._network: nn.Module | None = network.eval().to(device, kind)
        self._inputs = [torch.zeros(shape, dtype=kind, device=device) for shape in shapes.values()]
        self._host = [
            torch.zeros(shape, dtype=torch.float32, pin_memory=device == "cuda")
            for shape in shapes.values()
        ]
        self._graph: Any = None
        self._outputs: list[Tensor] = []
        try:
            with torch.inference_mode():
                if device == "cuda":
                    self._record()
                else:
                    self._called()
        except RuntimeError as error:
            reason = (str(error).strip().splitlines() or ["no reason given"])[0][:200]
            raise RunnerError(
                f"torch cannot run it in {precision} on {device}: {reason}"
            ) from error

    def _called(self) -> list[Tensor]:
        if self._network is None:
            raise RunnerError("the network was let go of")
        made = self._network(*self._inputs)
        return [made] if isinstance(made, Tensor) else [one for one in made if one is not None]

    def _record(self) -> None:
        """Record one call; what it reads and writes keeps its place."""
        side: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM):
                self._called()
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = [one.float() for one in self._called()]

    def __call__(self, inputs: Mapping[str, Array]) -> list[Array]:
        """Return the outputs in the module's order, as float32.

        Parameters
        ----------
        inputs : one array an input, C-contiguous, float32, in its shape
        """
        with torch.inference_mode():
            for name, host, kept in zip(self.shapes, self._host, self._inputs, strict=True):
                np.copyto(host.numpy(), inputs[name])
                kept.copy_(host, non_blocking=True)
            if self._graph is None:
                return [np.asarray(one.float().numpy()) for one in self._called()]
            self._graph.replay()
            return [np.asarray(one.cpu().numpy()) for one in self._outputs]  # waits for the GPU

    def __enter__(self) -> "TorchRunner":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._network, self._graph = None, None
        self._outputs = []
