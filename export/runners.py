"""Networks ready to run: one form for ONNX Runtime and OpenVINO."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol

import numpy as np
import platformdirs
from numpy.typing import NDArray

from swapcast.export.bound import Bound, is_fixed

Provider = Literal["cpu", "cuda", "tensorrt", "openvino", "directml", "coreml"]
"""What computes: ``openvino`` is OpenVINO itself, the others are ONNX Runtime's providers."""

ProviderChoice = Literal["auto", Provider]
"""A provider, or ``auto``: the fastest that was measured on this machine."""

Arithmetic = Literal["auto", "fp32", "fp16", "bf16"]
"""The number format to compute in; ``auto`` is what the library does by itself."""

Array = NDArray[Any]

_ORT_NAMES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}


_CURES: Mapping[Provider, str] = {
    "cpu": "install onnxruntime again",
    "cuda": "pip install 'swapcast[gpu]'",
    "tensorrt": "pip install 'swapcast[gpu,tensorrt]'",
    "directml": "on Windows: pip install onnxruntime-directml",
    "coreml": "it comes with ONNX Runtime for macOS",
}

# The key of an ONNX tensor whose content lies in another file. OpenVINO would read that from the
# folder the program happens to run in.
_ELSEWHERE = b"location"
# OpenVINO computes in bf16 by itself where the processor has it.
_PRECISIONS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16"}


class RunnerError(Exception):
    """A network that cannot be loaded, or a provider that is not here. The text says which."""


class Runner(Protocol):
    """A network ready to run."""

    @property
    def provider(self) -> str:
        """What computes, as asked for."""

    @property
    def precision(self) -> str:
        """The number format it computes in, as far as the library says: ``fp32``, ``bf16``, …."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Of each input, in the network's order; a free axis reads 1."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the network says of itself: ``metadata_props`` of the ONNX file."""

    def __call__(self, inputs: Mapping[str, Array]) -> list[Array]:
        """Return the outputs in the network's order.

        Parameters
        ----------
        inputs : one array an input, C-contiguous, in the network's dtype and shape

        Returns
        -------
        list of arrays
            They may be overwritten by the next call.
        """

    def __enter__(self) -> "Runner": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def open_runner(
    model: Path | bytes,
    provider: Provider = "cpu",
    *,
    threads: int = 1,
    precision: Arithmetic = "auto",
) -> Runner:
    """Load a network and make it ready to run.

    Parameters
    ----------
    model : path of an ONNX file, or its bytes
    provider : what is to compute
        There is no silent fallback: a provider that is not here is an error.
    threads : int ≥ 1
        Processor threads that one call may use.
    precision : the number format to compute in
        One that the provider cannot compute in here is an error.

    Raises
    ------
    RunnerError
        If the file is no usable network, or the provider or precision is not here.
    """
    if isinstance(model, Path):
        if not model.is_file():
            raise RunnerError(f"no network at {model}")
        name, model = str(model), model.read_bytes()
    else:
        name = f"network of {len(model)} bytes"
    if _kept_elsewhere(model):
        raise RunnerError(f"{name} keeps weights in other files, which nobody signed or summed")
    try:
        if provider == "openvino":
            return _OpenVino(model, threads, precision)
        return _OnnxRuntime(model, provider, threads, precision)
    except RunnerError:
        raise
    except Exception as error:  # the libraries raise types of their own, some of them private
        reason = str(error).strip().splitlines()[0][:200]
        raise RunnerError(f"{name} cannot be loaded by {provider}: {reason}") from error


def _kept_elsewhere(model: bytes) -> bool:
    """Tell whether a network's file names another one that holds its weights."""
    at = model.find(_ELSEWHERE)
    while at >= 0:
        before = model[max(at - 1, 0) : at]
        if not (before.isalpha() or before == b"_"):  # no part of a longer word
            return True
        at = model.find(_ELSEWHERE, at + 1)
    return False


class _Closing:
    """What both runners share: leaving the ``with`` block lets go of the network."""

    _network: Any
    _bound: Bound | None = None

    def __enter__(self) -> "Any":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._network = self._bound = None


class _OnnxRuntime(_Closing):
    def __init__(
        self, model: bytes, provider: Provider, threads: int, precision: Arithmetic
    ) -> None:
        import onnxruntime  # noqa: PLC0415 - 0.3 s that `--help` need not pay

        wanted, here = _ORT_NAMES[provider], onnxruntime.get_available_providers()
        if wanted not in here:
            raise RunnerError(
                f"provider {provider} is not in this ONNX Runtime (it has {', '.join(here)}); "
                f"{_CURES[provider]}, or choose --provider cpu"
            )
        settings = _settings(provider, precision)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Spinning workers would burn the core that the next stage needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._network = onnxruntime.InferenceSession(model, options, providers=[(wanted, settings)])
        if wanted not in self._network.get_providers():
            raise RunnerError(
                f"provider {provider} did not start (its libraries are missing or too old); "
                "mend them, or choose --provider cpu"
            )
        self.provider: str = provider
        fixed = "fp32" if provider == "cpu" else "as the provider chooses"
        self.precision = fixed if precision == "auto" else precision
        self.shapes = {
            value.name: tuple(d if isinstance(d, int) else 1 for d in value.shape)
            for value in self._network.get_inputs()
        }
        self.metadata: dict[str, str] = dict(self._network.get_modelmeta().custom_metadata_map)
        on_gpu = provider in {"cuda", "tensorrt"}
        self._bound = Bound(self._network, "cuda") if on_gpu and is_fixed(self._network) else None

    def __call__(self, inputs: Mapping[str, Array]) -> list[Array]:
        if self._bound is not None:
            return self._bound(inputs)
        return list(self._network.run(None, inputs))


def _settings(provider: Provider, precision: Arithmetic) -> dict[str, str]:
    """Return ONNX Runtime's options of a provider for one number format.

    Those of TensorRT are experimental: no run of ours has executed them yet.

    Raises
    ------
    RunnerError
        If the provider does not compute in it.
    """
    if provider == "tensorrt":
        # Building an engine takes minutes; it is kept for later starts.
        cache = platformdirs.user_cache_path("swapcast", appauthor=False, ensure_exists=True)
        kept = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(cache)}
        if precision in {"auto", "fp32", "fp16"}:
            return kept | ({"trt_fp16_enable": "1"} if precision == "fp16" else {})
    if precision not in {"auto", "fp32"}:
        raise RunnerError(
            f"provider {provider} does not compute in {precision} here; "
            "fp16 needs tensorrt, bf16 needs openvino"
        )
    return {}


class _OpenVino(_Closing):
    def __init__(self, model: bytes, threads: int, precision: Arithmetic) -> None:
        try:
            import openvino  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise RunnerError(
                "provider openvino is not installed: pip install 'swapcast[openvino]'"
            ) from error
        core = openvino.Core()
        asked = _asked_of_openvino(core, openvino, precision)
        network = core.read_model(model)
        # A free number of pictures is fixed: a compiled static network is faster, and its buffers
        # can be kept. Free heights and widths stay: the detector takes pictures of several sizes.
        shapes = {value.any_name: list(value.partial_shape) for value in network.inputs}
        network.reshape(
            {
                name: [d if d.is_static or axis else 1 for axis, d in enumerate(shape)]
                for name, shape in shapes.items()
            }
        )
        compiled = core.compile_model(
            network,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": threads,
                "PERFORMANCE_HINT": "LATENCY",
                "NUM_STREAMS": 1,
                **asked,
            },
        )
        self._network = compiled.create_infer_request()
        self.provider = "openvino"
        self.precision = _PRECISIONS.get(
            compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name(), "mixed"
        )
        self.shapes = {
            name: tuple(d.get_length() if d.is_static else 1 for d in shape)
            for name, shape in shapes.items()
        }
        kept = network.get_rt_info()
        self.metadata: dict[str, str] = {}
        if "framework" in kept:
            # Some versions wrap the map in an OVAny, some do not.
            framework = getattr(kept["framework"], "value", kept["framework"])
            self.metadata = {key: str(value.value) for key, value in framework.items()}

    def __call__(self, inputs: Mapping[str, Array]) -> list[Array]:
        self._network.infer(dict(inputs), share_inputs=True, share_outputs=True)
        return [
            np.asarray(self._network.get_output_tensor(k).data)
            for k in range(len(self._network.model_outputs))
        ]


def _asked_of_openvino(core: Any, openvino: Any, precision: Arithmetic) -> dict[str, Any]:
    """Return the property that asks for a number format.

    Raises
    ------
    RunnerError
        If the processor cannot compute in it; OpenVINO would take fp32 without a word.
    """
    if precision == "auto":
        return {}
    able = {"fp32": "FP32", "fp16": "FP16", "bf16": "BF16"}[precision]
    if able not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise RunnerError(f"this processor does not compute in {precision}; choose fp32 or auto")
    kind = {"fp32": openvino.Type.f32, "fp16": openvino.Type.f16, "bf16": openvino.Type.bf16}
    return {"INFERENCE_PRECISION_HINT": kind[precision]}
