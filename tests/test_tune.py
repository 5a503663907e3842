"""What computes a network fastest is measured, held against fp32, and kept for this machine."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from swapcast.export.runners import RunnerError, open_runner
from swapcast.realtime.tune import Candidate, Trial, candidates, measure, winner
from swapcast.realtime.tune_command import run, table
from swapcast.realtime.tuned import choose, remember
from tests.made_onnx import swapper_network

HERE = [Candidate("cpu", "auto", 1), Candidate("cpu", "auto", 2)]


def trial(provider, threads, ms, why=""):
    return Trial(Candidate(provider, "auto", threads), "fp32", (ms,) * 10, 0.1, 0.0, 0.0, why)


def test_what_is_here_is_timed_and_what_is_not_says_why():
    ways = [*HERE, Candidate("tensorrt"), Candidate("cuda"), Candidate("cpu", "bf16")]
    one, two, trt, cuda, bf16 = measure(swapper_network(), ways, seconds=0.05)
    assert one.ran
    assert two.ran
    assert one.precision == "fp32"
    assert one.median_ms > 0
    assert len(one.times_ms) == len(two.times_ms) >= 10
    for absent, word in ((trt, "[gpu,tensorrt]"), (cuda, "[gpu]"), (bf16, "bf16")):
        assert not absent.ran
        assert word in absent.why_not
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(table([one, trt]))
    shown = console.export_text()
    assert "not run" in shown
    assert "swapcast[gpu,tensorrt]" in shown


def test_every_provider_is_a_candidate_once_for_each_number_of_threads():
    ways = candidates(cores=4)
    assert {way.provider for way in ways} == {
        "cpu", "cuda", "tensorrt", "openvino", "directml", "coreml",
    }  # fmt: skip
    assert [way.threads for way in ways if way.provider == "cpu"] == [1, 2, 4]
    assert {way.precision for way in ways if way.provider == "openvino"} == {"fp32", "bf16"}
    assert {way.precision for way in ways if way.provider == "tensorrt"} == {"fp32", "fp16"}


def test_the_fastest_wins_if_it_is_right_and_leaves_a_core():
    plain, wide = trial("cpu", 1, 10.0), trial("cpu", 2, 4.0)
    wrong, good = trial("openvino", 1, 3.0, "its answers differ"), trial("openvino", 1, 6.0)
    assert winner([plain, wide, wrong, good], cores=2) is good
    assert winner([plain, wide, wrong, good], cores=3) is wide
    hardly = trial("openvino", 1, 9.8)
    assert winner([plain, hardly], cores=2) is plain
    with pytest.raises(RunnerError, match="as it should"):
        winner([wrong], cores=2)


def test_what_was_found_is_taken_at_the_next_start(tmp_path):
    model, told = swapper_network(), []
    first = choose(model, "auto", 3, on_event=told.append, folder=tmp_path)
    assert first.candidate == Candidate("cpu", "auto", 3)
    assert "swapcast tune" in told[0]
    remember(model, Candidate("openvino", "bf16", 1), 4.2, tmp_path)
    found = choose(model, "auto", 3, on_event=told.append, folder=tmp_path)
    assert found.candidate == Candidate("openvino", "bf16", 1)
    assert "provider openvino, 1 thread: the fastest here, 4.2 ms" in told[1]
    other = choose(model + b"\0", "auto", 1, folder=tmp_path)
    assert other.candidate.provider == "cpu"
    asked = choose(model, "cuda", 2, on_event=told.append, folder=tmp_path)
    assert asked.candidate == Candidate("cuda", "auto", 2)
    assert len(told) == 2


@pytest.mark.parametrize(
    "text",
    [
        "not json", "[1]", '{"a": 3}', '{"a": {"provider": "abacus"}}',
        '{"a": {"provider": "cpu", "precision": "auto", "threads": 0, "median_ms": 1}}',
        '{"a": {"provider": "cpu", "precision": "auto", "threads": "1", "median_ms": 1}}',
    ],
)  # fmt: skip
def test_a_damaged_file_of_findings_is_said_and_not_followed(tmp_path, text):
    (tmp_path / "tuned.json").write_text(text)
    told = []
    chosen = choose(swapper_network(), "auto", 1, on_event=told.append, folder=tmp_path)
    assert chosen.candidate == Candidate()
    assert "cannot be read" in told[0]
    remember(swapper_network(), Candidate(), 1.0, tmp_path)
    assert choose(swapper_network(), "auto", 1, folder=tmp_path).reason.startswith("the fastest")


def test_a_winner_that_has_gone_is_replaced_aloud_and_an_order_is_not(tmp_path):
    model, told = swapper_network(), []
    remember(model, Candidate("tensorrt", "auto", 1), 0.1, tmp_path)
    found = choose(model, "auto", 1, on_event=told.append, folder=tmp_path)
    with found.open_network(model, "tensorrt", threads=1) as runner:
        assert runner.provider == "cpu"
    assert "tensorrt" in told[1]
    assert "cpu computes" in told[1]
    with pytest.raises(RunnerError, match="tensorrt"):
        choose(model, "tensorrt", 1).open_network(model, "tensorrt", threads=1)


def test_openvino_computes_in_the_precision_it_is_asked_for():
    pytest.importorskip("openvino")
    model = swapper_network()
    with open_runner(model, "openvino", precision="fp32") as runner:
        assert runner.precision == "fp32"
    with pytest.raises(RunnerError, match="fp16"):
        open_runner(model, "openvino", precision="fp16")


@pytest.mark.slow
def test_the_command_measures_shows_and_keeps(tmp_path, capsys):
    said = []
    best = run(["--seconds", "0.2"], said.append)
    shown = capsys.readouterr().err
    assert "not run" in shown
    assert "chosen" in shown
    assert best.candidate.provider in said[-1]
    assert choose_of_demo().candidate == best.candidate


def choose_of_demo():
    from swapcast.realtime.face_store import face_store

    return choose(face_store().find("demo").network, "auto", 1)


@pytest.mark.slow
def test_the_benchmark_of_runners_lists_what_was_not_run(tmp_path, capsys):
    from swapcast.bench.runners import Runners, main

    path = tmp_path / "runners.json"
    main(Runners(json=path, seconds=0.2))
    written = json.loads(path.read_text())
    rows = written["rows"]
    assert {row["network"] for row in rows} == {"swapper of demo", "landmarks", "detector"}
    states = {row["provider"]: row["state"] for row in rows}
    assert states["cpu"] == "run"
    assert states["tensorrt"] == "not run"
    assert all(row["why"] for row in rows if row["state"] == "not run")
    assert not any(row["experimental"] for row in rows if row["provider"] in ("cpu", "openvino"))
    names = {result["name"] for result in written["results"]}
    assert all(result["against"] in names | {None} for result in written["results"])
    ratios = [result["ratio"] for result in written["results"] if result["ratio"]]
    assert np.isfinite(ratios).all()
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rows"] == rows
