"""A time code in the picture is read back from what the sink's reader gets."""

import io
import json

import cv2
import numpy as np
import pytest

from swapcast.bench.glass import Glass, judge, main
from swapcast.bench.glass_reader import yuv4mpeg
from swapcast.bench.time_code import Coded, paint, read, since
from swapcast.realtime.errors import SettingError, SourceError
from swapcast.realtime.synthetic import Synthetic


@pytest.mark.parametrize("at", [0.0, 12.3456, 429496.7295, 429496.7296, 1e9])
def test_a_time_is_read_as_it_was_painted(at):
    luma = np.full((180, 352), 120, np.uint8)
    paint(luma, 320, at)
    code = read(luma, 320)
    assert since(code, at) == pytest.approx(0, abs=1e-4)
    assert since(code, at + 0.025) == pytest.approx(0.025, abs=2e-4)
    assert (luma[:, 320:] == 120).all()


def test_it_survives_encoding_noise_and_scaling():
    rng = np.random.default_rng(0)
    luma = np.full((360, 640), 120, np.uint8)
    paint(luma, 640, 77.7)
    noisy = np.clip(luma + rng.normal(0, 25, luma.shape), 0, 255).astype(np.uint8)
    assert read(noisy, 640) == pytest.approx(77.7, abs=1e-3)
    smaller = cv2.resize(noisy, (480, 270), interpolation=cv2.INTER_AREA)
    assert read(smaller, 480) == pytest.approx(77.7, abs=1e-3)
    coarse = cv2.imdecode(cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 15])[1], 0)
    assert read(coarse, 640) == pytest.approx(77.7, abs=1e-3)


def test_a_picture_without_a_code_gives_none():
    rng = np.random.default_rng(1)
    assert read(np.full((180, 320), 200, np.uint8), 320) is None
    assert read(np.zeros((8, 320), np.uint8), 320) is None
    found = [read(rng.integers(0, 256, (180, 320), dtype=np.uint8), 320) for _ in range(50)]
    assert found.count(None) >= 48


def test_every_picture_of_a_source_carries_its_time():
    source = Synthetic(width=320, height=180, fps=20, seconds=0.2)
    frames = list(Coded(source).frames())
    assert [since(read(f.y, f.width), f.captured_at) for f in frames] == pytest.approx([0] * 4)


def test_what_is_repeated_missing_or_out_of_order_is_counted():
    arrivals = [(1.0, 1.1), (1.0, 1.12), (1.2, 1.3), (1.1, 1.32), (None, 1.4), (1.3, 1.45)]
    times, pictures = judge(arrivals, painted=6)
    assert pictures == {
        "painted": 6, "read": 5, "unreadable": 1, "different": 3, "repeated": 1, "out_of_order": 1,
    }  # fmt: skip
    assert times == pytest.approx([100, 150], abs=1)  # of three, the first is left out


def test_yuv4mpeg_is_read_up_to_a_broken_end():
    form, data = b"YUV4MPEG2 W4 H2 F30:1 C420\n", bytes(range(12))
    pictures = list(yuv4mpeg(io.BytesIO(form + b"FRAME\n" + data + b"FRAME\n" + data[:5])))
    assert [(luma.tolist(), width) for luma, width in pictures] == [
        ([[0, 1, 2, 3], [4, 5, 6, 7]], 4)
    ]
    with pytest.raises(SourceError, match="no yuv4mpeg"):
        next(yuv4mpeg(io.BytesIO(b"RIFF")))


def test_settings_that_cannot_work_are_refused():
    for bad in ({"width": 200}, {"fps": 0}, {"through": "virtual"}):
        with pytest.raises(SettingError):
            Glass(**bad)


@pytest.mark.slow
@pytest.mark.parametrize("through", ["pipe", "file"])
def test_glass_to_glass(tmp_path, capsys, through):
    path = tmp_path / "glass.json"
    main(Glass(through=through, width=640, height=360, seconds=8.0, json=path))
    written = json.loads(path.read_text())
    pictures = written["pictures"]
    assert pictures["different"] >= 3  # the machine may be busy
    assert pictures["out_of_order"] == 0
    assert pictures["unreadable"] <= 2
    assert len(written["results"]) == (through == "pipe")
    for row in written["results"]:
        assert 0 < row["median_ms"] < 1000
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["pictures"] == pictures
