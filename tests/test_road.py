"""The whole road in miniature, as the README tells it: clips, face sets, training, pack, live."""

import json
import subprocess
import sys
from importlib import resources

import av
import numpy as np
import pytest

pytestmark = pytest.mark.slow


def swapcast(*words, cwd):
    done = subprocess.run(
        [sys.executable, "-m", "swapcast.realtime", *map(str, words)],
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout + done.stderr


def pictures(path):
    with av.open(str(path)) as clip:
        return [frame.to_ndarray(format="gray") for frame in clip.decode(video=0)]


def test_from_two_clips_to_a_live_swap(tmp_path):
    with resources.as_file(resources.files("swapcast.assets") / "demo.mp4") as clip:
        who = ["--subject", "nobody", "--consent", "fictional", "--statement", "It was rendered."]
        who.append("--accept-policy")
        for name in ("ada", "bo"):
            swapcast("extract", clip, f"faces/{name}", *who, "--every", 10, cwd=tmp_path)
            assert len(list((tmp_path / "faces" / name).glob("**/*.*g"))) > 5
        # A mask of four steps covers nothing surely, and the guard would cover the rest.
        small = ["--model.width", 0.25, "--model.no-mask", "--steps", 4, "--batch", 2]
        data = ["--data", "ada=faces/ada", "bo=faces/bo"]
        swapcast("train", "live-128", *data, "--out", "runs/pair", *small, cwd=tmp_path)
        swapcast("export", "runs/pair", "--identity", "bo", "--out", "bo.face", cwd=tmp_path)
        assert "fictional" in swapcast("face", "show", "./bo.face", cwd=tmp_path)
        live = ["--source", clip, "--face", "bo.face", "--seconds", 3]
        swapcast("live", *live, "--sink", "out.mp4", "--report", "r.json", cwd=tmp_path)
        before = pictures(clip)[0].astype(int)
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["faces"]["swapped"] > 5
    assert report["frames"]["repeated"] == 0
    after = pictures(tmp_path / "out.mp4")[0].astype(int)
    changed = np.abs(after - before) > 25
    # The head is a sixth of the picture's width; what is far from it stays.
    assert changed.any()
    assert changed[:, :300].mean() < 0.002
