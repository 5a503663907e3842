"""Networks of all architectures are timed on every runner, and torch is one of them."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs swapcast[train]")
pytest.importorskip("onnx", reason="needs swapcast[train]")

from swapcast.bench.architectures import Architectures, main  # noqa: E402
from swapcast.bench.untrained import untrained  # noqa: E402
from swapcast.export.runners import RunnerError, open_runner  # noqa: E402
from swapcast.export.torch_runner import TorchRunner  # noqa: E402
from swapcast.realtime.errors import SettingError  # noqa: E402


@pytest.fixture(scope="module")
def made():
    return untrained("live-128", 2)


def crops(seed=0):
    return {"crop": np.random.default_rng(seed).random((2, 3, 128, 128), np.float32)}


def test_torch_gives_what_onnx_runtime_gives(made):
    with open_runner(made.network) as other, TorchRunner(made.fresh(), made.shapes) as own:
        assert (own.provider, own.precision) == ("torch", "fp32")
        for seed in range(3):  # kept buffers are filled anew
            ours, theirs = own(crops(seed)), other(crops(seed))
            assert len(ours) == len(theirs) == 2
            for one, two in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(one, two, atol=1e-4)


def test_lower_precision_is_near_and_comes_back_as_float32(made):
    with TorchRunner(made.fresh(), made.shapes) as exact:
        wanted = [np.array(part) for part in exact(crops())]
    with TorchRunner(made.fresh(), made.shapes, precision="bf16") as runner:
        for part, want in zip(runner(crops()), wanted, strict=True):
            assert part.dtype == np.float32
            assert 0 < np.abs(part - want).mean() < 0.02


def test_a_gpu_that_is_not_here_is_said_in_one_line(made):
    if torch.cuda.is_available():
        pytest.skip("there is one here")
    with pytest.raises(RunnerError, match="no NVIDIA GPU") as caught:
        TorchRunner(made.fresh(), made.shapes, "cuda")
    assert "\n" not in str(caught.value)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no NVIDIA GPU here")
def test_the_recorded_graph_gives_what_the_processor_gives(made):
    with TorchRunner(made.fresh(), made.shapes) as exact:
        wanted = [[np.array(part) for part in exact(crops(seed))] for seed in range(3)]
    with TorchRunner(made.fresh(), made.shapes, "cuda") as runner:
        for seed in range(3):
            for part, want in zip(runner(crops(seed)), wanted[seed], strict=True):
                np.testing.assert_allclose(part, want, atol=5e-3)


def test_what_ran_has_figures_and_what_did_not_says_why(tmp_path, capsys):
    path = tmp_path / "architectures.json"
    main(Architectures(names=("conditional-64",), batches=(1,), seconds=0.2, busy=True, json=path))
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    rows = {row["runner"]: row for row in printed["rows"]}
    assert rows["torch cpu fp32"]["state"] == "run"
    assert rows["torch cpu fp32"]["mean_difference"] < 1e-4
    assert rows["torch cpu fp32"]["ratio"] > 0
    assert printed["metadata"]["measured"] == "processor time"
    absent = [row for row in rows.values() if row["state"] == "not run"]
    assert all(row["why"] and "median_ms" not in row for row in absent)
    written = json.loads(path.read_text())
    assert len(written["results"]) == len(rows) - len(absent)


@pytest.mark.parametrize(
    ("name", "batch", "words"),
    [("nothing", 1, "no network"), ("student", 1, "base for faces"), ("fader-64", 2, "one face")],
)
def test_networks_that_cannot_be_timed_are_said(name, batch, words):
    with pytest.raises(SettingError, match=words):
        untrained(name, batch)
