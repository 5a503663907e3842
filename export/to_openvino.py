"""Write a network as OpenVINO IR: an .xml and a .bin beside it, by OpenVINO's own converter.

The live loop reads ONNX by OpenVINO as well; the IR is for programs that want OpenVINO without an
ONNX reader. What the network says of itself is kept under ``rt_info/swapcast``.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
from swapcast.export.to_onnx import Prepared, named, recorded_faces, write_proof

ABOUT = ("swapcast",)
"""Where in ``rt_info`` the network says what it is."""


class TargetError(Exception):
    """A target that is not here, or that refuses a network. The text says which and what to do."""


def write_openvino(
    prepared: Prepared, out: Path, *, precision: Precision, calibrate: Sequence[Path] = ()
) -> ParityReport:
    """Write ``out`` (.xml), its weights (.bin) and the proof (.parity.json).

    Parameters
    ----------
    prepared : the network
    out : path of the .xml file
    precision : how weights are kept; int8 also computes in 8 bits
    calibrate : face sets, for int8

    Raises
    ------
    TargetError
        If OpenVINO is not installed, or ``out`` is no .xml file.
    QuantiseError, FaceSetError
        If the network cannot be quantised.
    ParityError
        If the file does not make the pictures that the trained network makes; then it is not kept.
    """
    if out.suffix != ".xml":
        raise TargetError(f"--out {out}: OpenVINO's networks are .xml files with a .bin beside")
    openvino = _openvino()
    proto, judged = prepared.proto, list[NDArray[np.float32]]()
    if precision == "int8":
        recorded, judged = recorded_faces(calibrate, prepared.size)
        proto = quantise(proto, prepared.inputs(recorded))
    network = openvino.Core().read_model(named(proto, prepared.about))
    network.set_rt_info(json.dumps(prepared.about), list(ABOUT))
    part = out.with_name(f"{out.stem}.part.xml")
    openvino.save_model(network, part, compress_to_fp16=precision == "fp16")
    try:
        inputs = parity_inputs(prepared.size, prepared.sliders, judged)
        made = run_ir(part, inputs)
        wanted = wanted_outputs(prepared.model, inputs)
        tolerance = TOLERANCES[precision, "openvino"]
        differences = compare(wanted, made, prepared.outputs, "openvino", tolerance)
        report = ParityReport(precision, len(inputs), tuple(differences))
        demand_parity(report)
        part.with_suffix(".bin").replace(out.with_suffix(".bin"))
        part.replace(out)
    finally:
        for left in (part, part.with_suffix(".bin")):
            left.unlink(missing_ok=True)
    write_proof(report, out)
    return report


def run_ir(
    network: Path, inputs: Sequence[Mapping[str, NDArray[np.float32]]]
) -> list[list[NDArray[np.float32]]]:
    """Return what an .xml file's network makes of each input, on the processor.

    Raises
    ------
    TargetError
        If OpenVINO is not installed, or cannot read the file.
    """
    openvino = _openvino()
    try:
        compiled = openvino.Core().compile_model(network, "CPU")
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1][:200]
        raise TargetError(f"{network} is no network that OpenVINO reads: {reason}") from error
    request = compiled.create_infer_request()
    return [
        [np.array(part, np.float32) for part in request.infer(dict(one)).to_tuple()]
        for one in inputs
    ]


def _openvino() -> Any:
    try:
        import openvino  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise TargetError(
            "OpenVINO is not installed: pip install 'swapcast[openvino]', or choose another --to"
        ) from error
    return openvino
