"""Build a TensorRT engine: for one kind of GPU, one driver and one network.

The number formats are written into the network before TensorRT sees it (`swapcast.export.half`,
`swapcast.export.quantise`), and TensorRT is told to keep to them (a strongly typed network). So the
network that is built from can be judged on any processor, and is, before the minutes of building.

Engines are kept in a folder under a key: a hash of the network, its precision, the GPU's name and
compute capability, the driver and TensorRT's version. The timings that TensorRT measured are kept
for all networks of the same GPU, driver and TensorRT, and make later builds fast.

The preparation, the keys and the error lines are tested here; the build itself has never been run
by us, for want of a GPU.
"""

import hashlib
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from swapcast.export.half import fragile_layers, halve, name_layers
from swapcast.export.parity import (
    TOLERANCES,
    ParityReport,
    Precision,
    compare,
    demand_parity,
    parity_inputs,
    wanted_outputs,
)
from swapcast.export.quantise import quantise
from swapcast.export.runners import open_runner
from swapcast.export.to_onnx import Prepared, named, recorded_faces, write_proof
from swapcast.export.to_openvino import TargetError

WORKSPACE = 1 << 30  # bytes that TensorRT may use while it tries layers
_ASK = ("nvidia-smi", "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader")


@dataclass(frozen=True)
class Gpu:
    """What an engine is bound to."""

    name: str
    capability: str
    """Compute capability, as ``9.0``."""
    driver: str
    tensorrt: str
    """Its version."""

    def key(self, *more: str | bytes) -> str:
        """Return 16 hexadecimal digits that change with the GPU and with what else is given."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode())
        for part in more:
            digest.update(
                hashlib.sha256(part if isinstance(part, bytes) else part.encode()).digest()
            )
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Typed:
    """A network with its number formats written in."""

    network: bytes
    """ONNX, float32 in and out."""
    precision: Precision
    in_float32: tuple[str, ...]
    """Layers that stay in float32 although the rest does not."""
    parity: ParityReport
    """Of this network on the processor, against the trained one."""


def prepare_graph(
    prepared: Prepared, *, precision: Precision, calibrate: Sequence[Path] = ()
) -> Typed:
    """Write the number formats into a network, and judge the outcome on the processor.

    Parameters
    ----------
    prepared : the network, in float32
    precision : of the computing; fp16 leaves fragile layers in float32, int8 takes convolutions
    calibrate : face sets, for int8

    Raises
    ------
    QuantiseError, FaceSetError
        If there are no faces, or too few, for int8.
    ParityError
        If the typed network does not make the pictures that the trained one makes.
    """
    proto, kept = onnx.ModelProto(), frozenset[str]()
    proto.CopyFrom(prepared.proto)
    name_layers(proto)
    judged: list[NDArray[np.float32]] = []
    if precision == "int8":
        recorded, judged = recorded_faces(calibrate, prepared.size)
        proto = quantise(proto, prepared.inputs(recorded), symmetric=True)
    inputs = parity_inputs(prepared.size, prepared.sliders, judged)
    if precision == "fp16":
        kept = fragile_layers(proto, inputs)
        proto = halve(proto, kept)
    network = named(proto, prepared.about)
    with open_runner(network, "cpu") as runner:
        made = [[np.array(part) for part in runner(one)] for one in inputs]
    # ONNX Runtime computes on the processor what TensorRT will on the GPU: the same formats.
    tolerance = TOLERANCES[precision, "tensorrt"]
    wanted = wanted_outputs(prepared.model, inputs)
    differences = compare(wanted, made, prepared.outputs, "cpu", tolerance)
    report = ParityReport(precision, len(inputs), tuple(differences))
    demand_parity(report)
    return Typed(network, precision, tuple(sorted(kept)), report)


def gpu_here(tensorrt: str, ask: Callable[[], str] | None = None) -> Gpu:
    """Return the first GPU of this machine.

    Parameters
    ----------
    tensorrt : its version
    ask : gives nvidia-smi's answer; nothing given: runs it

    Raises
    ------
    TargetError
        If there is none, or its driver does not answer.
    """
    try:
        answer = (ask or _nvidia_smi)()
        name, capability, driver = (part.strip() for part in answer.splitlines()[0].split(","))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise TargetError(
            "no NVIDIA GPU answers here (nvidia-smi); a TensorRT engine is built on the GPU that "
            "will run it: export there, or choose --to onnx or --to openvino"
        ) from error
    return Gpu(name, capability, driver, tensorrt)


def _nvidia_smi() -> str:
    done = subprocess.run(_ASK, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout


def write_tensorrt(
    prepared: Prepared, out: Path, *, precision: Precision, calibrate: Sequence[Path], cache: Path
) -> ParityReport:
    """Write ``out`` (.engine), what it is (.json) and the proof (.parity.json).

    Parameters
    ----------
    prepared : the network
    out : path of the engine
    precision : of the computing
    calibrate : face sets, for int8
    cache : folder where engines and timings are kept

    Raises
    ------
    TargetError
        If TensorRT or a GPU is missing, ``out`` is no .engine file, or the network is refused.
    QuantiseError, FaceSetError, ParityError
        As `prepare_graph`.
    """
    if out.suffix != ".engine":
        raise TargetError(f"--out {out}: TensorRT's engines are .engine files here")
    trt = tensorrt_here()
    gpu = gpu_here(str(trt.__version__))
    typed = prepare_graph(prepared, precision=precision, calibrate=calibrate)
    kept = cache / f"{gpu.key(typed.network, precision)}.engine"
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        _write(kept, build_engine(trt, typed.network, cache / f"{gpu.key()}.timings"))
    _write(out, kept.read_bytes())
    facts = {"gpu": asdict(gpu), "precision": precision, "in_float32": typed.in_float32}
    about = {"swapcast": prepared.about, "engine": facts}
    out.with_suffix(".json").write_text(json.dumps(about, indent=1) + "\n")
    write_proof(typed.parity, out)
    return typed.parity


def tensorrt_here() -> Any:
    """Return the module.

    Raises
    ------
    TargetError
        If it is not installed.
    """
    try:
        import tensorrt  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise TargetError(
            "TensorRT is not installed: pip install 'swapcast[tensorrt]' on the machine with the "
            "GPU, or choose --to onnx or --to openvino"
        ) from error
    return tensorrt


def build_engine(trt: Any, network: bytes, timings: Path) -> bytes:
    """Let TensorRT build an engine, which takes minutes, and keep the timings it measured.

    Parameters
    ----------
    trt : the module ``tensorrt``
    network : ONNX with its number formats written in
    timings : file of earlier timings of the same GPU, driver and TensorRT; may be missing

    Raises
    ------
    TargetError
        If TensorRT refuses the network.
    """
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    definition = builder.create_network(typed)
    parser = trt.OnnxParser(definition, logger)
    if not parser.parse(network):
        reasons = [str(parser.get_error(k).desc()) for k in range(parser.num_errors)]
        raise TargetError(f"TensorRT cannot read the network: {'; '.join(reasons) or 'no reason'}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE)
    known = config.create_timing_cache(timings.read_bytes() if timings.is_file() else b"")
    config.set_timing_cache(known, False)
    engine = builder.build_serialized_network(definition, config)
    if engine is None:
        raise TargetError("TensorRT could not build an engine of the network; its log says why")
    _write(timings, bytes(config.get_timing_cache().serialize()))
    return bytes(engine)


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)
