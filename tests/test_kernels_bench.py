"""The benchmark of the kernels says what it measured, in a form that others can read."""

import json

import pytest

from swapcast.bench.kernels import Kernels, main
from swapcast.bench.timing import compare


@pytest.mark.slow
def test_the_kernels_benchmark_writes_what_it_prints(tmp_path, capsys):
    path = tmp_path / "kernels.json"
    main(Kernels(json=path, repeats=2))
    written = json.loads(path.read_text())
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == written
    assert {"commit", "machine", "cpu", "cores", "device", "versions", "date"} <= set(
        written["metadata"]
    )
    keys = {"name", "n", "median_ms", "p95_ms", "iqr_ms", "ratio", "against"}
    assert all(set(result) == keys for result in written["results"])
    names = {result["name"] for result in written["results"]}
    assert all(result["against"] in names | {None} for result in written["results"])
    assert "whole frame, 1080p, face of 560 px" in names


def test_what_takes_longer_is_said_to_be_slower():
    ticks = iter(range(10**6))
    clock = [0.0]

    def slow():
        clock[0] += 0.004 + 0.0001 * (next(ticks) % 3)

    def fast():
        clock[0] += 0.001

    results = {
        result.name: result
        for result in compare(
            {"fast": fast, "slow": slow},
            against="slow",
            repeats=30,
            warmup=3,
            clock=lambda: clock[0],
        )
    }
    assert results["fast"].median_ms == pytest.approx(1.0)
    assert results["fast"].ratio == pytest.approx(4.1, abs=0.01)
    assert results["slow"].ratio is None
    assert results["slow"].iqr_ms == pytest.approx(0.2, abs=0.01)
