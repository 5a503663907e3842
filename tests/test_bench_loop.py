"""The benchmarks of the loop measure what they say, and their results can be compared."""

import json
import time
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from swapcast.bench.__main__ import bench_command
from swapcast.bench.charts import draw
from swapcast.bench.loop import Loop, main
from swapcast.bench.reel import Reel, Taking, kept_pictures
from swapcast.bench.timing import Result
from swapcast.bench.verdict import judge
from swapcast.bench.watch import Allocations
from swapcast.realtime.analyser import open_analyser
from swapcast.realtime.errors import SettingError, SwapcastError
from swapcast.realtime.meter import Meter

KEYS = {"name", "n", "median_ms", "p95_ms", "iqr_ms", "ratio", "against"}
ABOUT = {"commit", "machine", "cpu", "cores", "device", "versions", "date"}
RESULTS = sorted((Path(__file__).resolve().parents[1] / "bench" / "results").glob("*.json"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_committed_results_say_where_they_come_from(path):
    whole = json.loads(path.read_text())
    assert set(whole["metadata"]) >= ABOUT
    timed = [row for row in whole.get("results", []) if "median_ms" in row]
    assert all(set(row) == KEYS for row in timed)
    names = {row["name"] for row in timed}
    assert len(names) == len(timed)
    assert all(row["against"] in names | {None} for row in timed)
    assert all((row["ratio"] is None) == (row["against"] is None) for row in timed)


@pytest.mark.slow
def test_the_loop_is_measured_without_a_rate(tmp_path, capsys):
    path = tmp_path / "loop.json"
    report = main(Loop(rate="unbound", size="320x180", seconds=1.5, json=path))
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert printed == json.loads(json.dumps(report))
    assert printed["frames"]["dropped"] <= 3  # on their way at the end
    assert printed["faces"]["swapped"] > 5
    assert printed["cost_per_frame"]["core_ms"] > 0
    assert printed["cost_per_frame"]["switches_waiting"] > 0
    assert {"analyse", "swap", "capture"} <= set(printed["core_ms_by_thread"])
    assert printed["allocations"]["rise_kb_per_frame"] > 0
    assert printed["allocations"]["left_kb_per_frame"] < 20
    assert "governor" not in printed
    assert "still" not in printed
    written = json.loads(path.read_text())
    assert set(written["metadata"]) >= ABOUT
    assert all(set(row) == KEYS for row in written["results"])
    names = [row["name"] for row in written["results"]]
    assert "capture → sink, demo 320x180, unbound" in names
    assert "processor time per frame, demo 320x180, unbound" in names


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"rate": "fast"}, "neither source, unbound"),
        ({"rate": "0"}, "give source, unbound, or 1 to 1000"),
        ({"rate": "30", "size": "big"}, "WIDTHxHEIGHT"),
        ({"size": "640x360"}, "--rate"),
        ({"faces": 2}, "--rate"),
        ({"plot": Path("plot.pdf")}, "charts are written as"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, text):
    with pytest.raises(SettingError, match=text):
        Loop(**settings)


def test_the_middle_of_pictures_is_repeated_side_by_side():
    one = kept_pictures("synthetic", width=640, height=360, seconds=0.2)
    four = kept_pictures("synthetic", width=640, height=360, faces=4, seconds=0.2)
    assert (four[0].width, four[0].height) == (640, 360)
    assert four[0].u.shape == (180, 320)
    parts = [four[0].y[top : top + 180, left : left + 320] for top in (0, 180) for left in (0, 320)]
    assert all((part == parts[0]).all() for part in parts)
    assert (parts[0] == one[0].y[90:270, 160:480]).all()


@pytest.mark.parametrize("faces", [2, 10])
def test_all_faces_of_a_reel_are_found(faces):
    pictures = kept_pictures("demo", width=1280, height=720, faces=faces, seconds=0.2)
    with open_analyser("own", detached=False) as analyse:
        found = [
            len(analyse(replace(one, number=k, captured_at=k / 30, period=1 / 30)))
            for k, one in enumerate(pictures)
        ]
    assert found[-1] == faces


def test_a_reel_goes_forth_and_back_at_its_rate_and_never_rests():
    pictures = kept_pictures("synthetic", width=128, height=128, seconds=0.14)
    began = time.monotonic()
    frames = list(islice(Reel(pictures=pictures, fps=50).frames(), 10))
    assert time.monotonic() - began > 0.15
    assert len(pictures) == 4
    levels = [frame.y.astype(int).sum() for frame in frames]
    assert levels[0] == levels[6]
    assert levels[2] == levels[4]
    assert all(np.diff([frame.number for frame in frames]) > 0)
    assert all(np.diff(levels) != 0)


def test_without_a_rate_a_frame_comes_when_an_earlier_one_has_come_out():
    pictures = kept_pictures("synthetic", width=128, height=128, seconds=0.14)
    reel = Reel(pictures=pictures, fps=None)
    frames, sink = reel.frames(), Taking(reel)
    first, second = next(frames), next(frames)
    assert second.number == first.number + 1
    began = time.monotonic()
    sink.write(None)
    next(frames)
    assert time.monotonic() - began < 0.5


def test_what_a_frame_allocates_and_leaves_behind_is_told_apart():
    kept, meter = [], Meter()
    with Allocations() as watch:
        for number in range(40):
            np.empty(50_000, np.uint8).fill(1)
            kept.append(bytearray(2_000))
            watch(meter, number)
    figures = watch.figures()
    assert figures["rise_kb_per_frame"] == pytest.approx(52, abs=3)
    assert figures["left_kb_per_frame"] == pytest.approx(2, abs=0.3)


def written(path, *rows, cpu="one"):
    metadata = dict.fromkeys(ABOUT, "") | {"cpu": cpu, "cores": 2}
    path.write_text(json.dumps({"metadata": metadata, "results": [asdict(row) for row in rows]}))
    return path


def test_differences_beyond_the_noise_are_told_from_those_within(tmp_path):
    before = [Result("a", 100, 10.0, 12.0, 1.0), Result("b", 9, 10.0, 12.0, 6.0)]
    after = [Result("a", 100, 8.0, 12.0, 1.0), Result("b", 9, 8.0, 12.0, 6.0)]
    a, b = written(tmp_path / "a.json", *before), written(tmp_path / "b.json", *after)
    words = {
        one.name: one.word for one in judge(*(json.loads(p.read_text()) for p in (a, b)), 0.05)
    }
    assert words == {"a": "faster", "b": "same"}
    back = judge(*(json.loads(p.read_text()) for p in (b, a)), 0.05)
    assert [one.word for one in back] == ["slower", "same"]
    bench_command(["--compare", str(a), str(b), "--fail"])
    with pytest.raises(SwapcastError, match="slower than"):
        bench_command(["--compare", str(b), str(a), "--fail"])


def test_another_machine_is_compared_by_ratios_only(tmp_path):
    rows = [Result("ours", 99, 1.0, 1.0, 0.01, 4.0, "twin"), Result("twin", 99, 4.0, 4.0, 0.01)]
    later = [Result("ours", 99, 3.0, 3.0, 0.01, 2.0, "twin"), Result("twin", 99, 6.0, 6.0, 0.01)]
    a = written(tmp_path / "a.json", *rows)
    b = written(tmp_path / "b.json", *later, cpu="another")
    ours, twin = judge(*(json.loads(p.read_text()) for p in (a, b)), 0.05)
    assert (ours.word, ours.by, ours.change) == ("slower", "ratio", 2.0)
    assert twin.word == "not comparable"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"results": [{}], "metadata": {}}'])
def test_what_is_no_result_is_refused(tmp_path, text):
    bad, good = tmp_path / "bad.json", written(tmp_path / "a.json", Result("a", 1, 1.0, 1.0, 0.0))
    bad.write_text(text)
    with pytest.raises(SettingError, match=r"bad\.json"):
        bench_command(["--compare", str(bad), str(good)])
    with pytest.raises(SettingError, match=r"none\.json"):
        bench_command(["--compare", str(good), str(tmp_path / "none.json")])
    other = written(tmp_path / "c.json", Result("c", 1, 1.0, 1.0, 0.0))
    with pytest.raises(SettingError, match="no row in common"):
        bench_command(["--compare", str(good), str(other)])


@pytest.mark.parametrize("suffix", ["png", "svg", "html"])
def test_results_are_drawn(tmp_path, suffix):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"chart.{suffix}"
    runs = [("before", [Result("a", 9, 1.0, 2.0, 0.1)]), ("after", [Result("a", 9, 2.0, 3.0, 0.1)])]
    draw(runs, path)
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "html": b"<!doctype html>"}
    assert path.read_bytes().startswith(begins[suffix])
