"""OpenVINO and TensorRT: the same pictures, the right keys, a clear line where one is missing."""

import dataclasses
import json
from importlib.util import find_spec

import numpy as np
import onnx
import pytest

pytest.importorskip("onnx")
pytest.importorskip("torch")

from swapcast.export.half import LARGEST, fragile_layers, halve, name_layers
from swapcast.export.parity import ParityError
from swapcast.export.quantise import QuantiseError
from swapcast.export.runners import open_runner
from swapcast.export.to_onnx import prepare
from swapcast.export.to_openvino import TargetError, run_ir, write_openvino
from swapcast.export.to_tensorrt import Gpu, build_engine, gpu_here, prepare_graph, write_tensorrt
from swapcast.models.shared_autoencoder import AutoencoderSettings
from swapcast.realtime.__main__ import main as program
from swapcast.realtime.consent import issue_record
from swapcast.realtime.face_store import face_store
from tests.made_consent import ACCEPTED
from tests.test_export import SOURCE, write_run
from tests.test_faces import write_set
from tests.test_quantise import faces, network

needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="needs openvino")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    write_run(folder, AutoencoderSettings(width=1 / 16))
    return prepare(folder, "b")


@needs_openvino
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_ir_makes_the_pictures_of_the_training_and_says_what_it_is(
    prepared, tmp_path, precision
):
    import openvino

    out = tmp_path / "b.xml"
    report = write_openvino(prepared, out, precision=precision)
    assert report.passed
    assert {path.name for path in tmp_path.iterdir()} == {"b.xml", "b.bin", "b.parity.json"}
    assert json.loads((tmp_path / "b.parity.json").read_text())["precision"] == precision
    kept = openvino.Core().read_model(out).get_rt_info("swapcast")
    about = json.loads(str(getattr(kept, "value", kept)))
    assert (about["identity"], about["template"]) == ("b", "dfl_whole_face")
    assert about["provenance"]["identity"][0]["consent"]["statement"]
    crop = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    ((face, mask),) = run_ir(out, [{"crop": crop}])
    assert face.shape == (1, 3, 64, 64)
    assert mask.shape == (1, 1, 64, 64)


@needs_openvino
def test_half_the_bytes_and_nothing_left_behind_of_a_network_that_differs(prepared, tmp_path):
    sizes = []
    for precision in ("fp32", "fp16"):
        write_openvino(prepared, tmp_path / f"{precision}.xml", precision=precision)
        sizes.append((tmp_path / f"{precision}.bin").stat().st_size)
    assert 0.45 < sizes[1] / sizes[0] < 0.6
    other = dataclasses.replace(prepared, model=lambda crop: tuple(crop[:, :k] for k in (3, 1)))
    (tmp_path / "not").mkdir()
    with pytest.raises(ParityError, match="openvino face"):
        write_openvino(other, tmp_path / "not" / "b.xml", precision="fp32")
    assert not list((tmp_path / "not").iterdir())
    with pytest.raises(TargetError, match="xml"):
        write_openvino(prepared, tmp_path / "b.onnx", precision="fp32")
    (tmp_path / "broken.xml").write_text("<net>")
    with pytest.raises(TargetError, match=r"broken.xml is no network that OpenVINO reads"):
        run_ir(tmp_path / "broken.xml", [])


def test_layers_that_leave_the_range_of_16_bits_stay_in_32():
    plain = network(layers=4)
    for weight in plain.graph.initializer:
        if weight.name == "w1":
            large = onnx.numpy_helper.to_array(weight) * 1e5
            weight.CopyFrom(onnx.numpy_helper.from_array(large.astype(np.float32), "w1"))
        if weight.name == "w2":
            small = onnx.numpy_helper.to_array(weight) * 1e-5
            weight.CopyFrom(onnx.numpy_helper.from_array(small.astype(np.float32), "w2"))
    name_layers(plain)
    shown = faces(4)
    fragile = fragile_layers(plain, shown)
    assert {"conv1", "conv2"} <= fragile  # what gives such a number, and what takes it
    assert "conv0" not in fragile
    half = halve(plain, fragile)
    kept = {w.name for w in half.graph.initializer if w.data_type == onnx.TensorProto.FLOAT}
    assert kept == {"w1", "w2"} | ({"w3"} if "conv3" in fragile else set())
    made = []
    for one in (half, plain):
        with open_runner(one.SerializeToString()) as runner:
            made.append(runner(shown[0])[0].copy())
    assert abs(made[0] - made[1]).max() < 0.05
    assert LARGEST < 65504


def test_the_graph_for_an_engine_is_typed_and_judged_before_it_is_built(prepared, tmp_path):
    half = prepare_graph(prepared, precision="fp16")
    assert half.parity.passed
    kinds = {w.data_type for w in onnx.load_from_string(half.network).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in kinds
    plain = prepare_graph(prepared, precision="fp32")
    assert len(half.network) < 0.6 * len(plain.network)
    with pytest.raises(QuantiseError, match="--calibrate"):
        prepare_graph(prepared, precision="int8")
    whole = prepare_graph(
        prepared, precision="int8", calibrate=[write_set(tmp_path / "faces", count=32)]
    )
    graph = onnx.load_from_string(whole.network).graph
    zeros = {node.input[2] for node in graph.node if node.op_type == "QuantizeLinear"}
    values = [onnx.numpy_helper.to_array(w) for w in graph.initializer if w.name in zeros]
    assert values
    assert all(value.dtype == np.int8 and not value.any() for value in values)  # as TensorRT asks


def test_an_engines_key_changes_with_all_that_it_is_bound_to():
    gpu = gpu_here("10.3", lambda: "NVIDIA H200, 9.0, 570.86\nNVIDIA H200, 9.0, 570.86\n")
    assert gpu == Gpu("NVIDIA H200", "9.0", "570.86", "10.3")
    others = [
        dataclasses.replace(gpu, **{name: "x"})
        for name in ("name", "capability", "driver", "tensorrt")
    ]
    keys = {one.key(b"network", "fp16") for one in (gpu, *others)}
    keys |= {gpu.key(b"another", "fp16"), gpu.key(b"network", "int8"), gpu.key()}
    assert len(keys) == 8
    assert gpu.key(b"network", "fp16") == dataclasses.replace(gpu).key(b"network", "fp16")


@pytest.mark.parametrize("answer", ["", "No devices were found", "\n"])
def test_no_gpu_is_one_line(answer):
    with pytest.raises(TargetError, match="no NVIDIA GPU answers here") as refused:
        gpu_here("10.3", lambda: answer)
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(find_spec("tensorrt") is not None, reason="TensorRT is here")
def test_a_missing_tensorrt_is_one_line(prepared, tmp_path):
    values = {"precision": "fp16", "calibrate": (), "cache": tmp_path / "cache"}
    with pytest.raises(TargetError, match="TensorRT is not installed: pip install"):
        write_tensorrt(prepared, tmp_path / "b.engine", **values)
    with pytest.raises(TargetError, match="engine files"):
        write_tensorrt(prepared, tmp_path / "b.onnx", **values)
    assert not list(tmp_path.iterdir())


class Recorded:
    """Stands for the module ``tensorrt``, as far as a build asks it, and takes every network."""

    class Logger:
        ERROR = 1

        def __init__(self, severity):
            self.severity = severity

    class NetworkDefinitionCreationFlag:
        STRONGLY_TYPED = 3

    class MemoryPoolType:
        WORKSPACE = 0

    def __init__(self, refuses=False):
        self.refuses, self.asked = refuses, {}

    def Builder(self, logger):
        return self

    def create_network(self, flags):
        self.asked["flags"] = flags
        return "definition"

    def OnnxParser(self, definition, logger):
        return self

    def parse(self, network):
        self.asked["network"] = network
        return not self.refuses

    num_errors = 1

    def get_error(self, k):
        return self

    def desc(self):
        return "an operator that it does not know"

    def create_builder_config(self):
        return self

    def set_memory_pool_limit(self, pool, size):
        self.asked["workspace"] = size

    def create_timing_cache(self, before):
        self.asked["before"] = before
        return self

    def set_timing_cache(self, cache, ignore_mismatch):
        assert not ignore_mismatch

    def get_timing_cache(self):
        return self

    def serialize(self):
        return b"timings"

    def build_serialized_network(self, definition, config):
        return b"engine"


def test_timings_are_kept_from_one_build_to_the_next(tmp_path):
    trt, timings = Recorded(), tmp_path / "gpu.timings"
    assert build_engine(trt, b"network", timings) == b"engine"
    assert (trt.asked["flags"], trt.asked["before"]) == (8, b"")
    assert timings.read_bytes() == b"timings"
    build_engine(trt, b"network", timings)
    assert trt.asked["before"] == b"timings"
    with pytest.raises(TargetError, match="cannot read the network: an operator"):
        build_engine(Recorded(refuses=True), b"network", timings)


def test_the_program_writes_what_is_asked_for_or_says_what_is_missing(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    record = issue_record(
        subject="x",
        kind="fictional",
        statement="drawn",
        scope=("live",),
        key=face_store().key,
        policy=ACCEPTED,
    )
    write_run(
        tmp_path / "run",
        AutoencoderSettings(width=1 / 16),
        {**SOURCE, "subject": "x", "consent": record.plain()},
    )
    program(["export", "run", "--identity", "b", "--to", "onnx"])
    assert "the live loop wears .face packs only" in capsys.readouterr().err
    assert {"b.onnx", "b.parity.json"} < {path.name for path in tmp_path.iterdir()}
    if find_spec("tensorrt") is None:
        with pytest.raises(SystemExit) as ended:
            program(["export", "run", "--identity", "b", "--to", "tensorrt"])
        assert ended.value.code == 1
        said = capsys.readouterr().err.strip()
        assert said.endswith("choose --to onnx or --to openvino")
        assert said.count("\n") == 0
