"""A stranger installs the wheel and runs the demo from another folder."""

import subprocess
import sys
import zipfile
from pathlib import Path

import av
import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow


def ran(*command, cwd):
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, check=False, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    ran(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", out, ROOT, cwd=out)
    (path,) = out.glob("swapcast-*.whl")
    return path


def test_the_wheel_holds_every_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"swapcast", wheel.name.rsplit("-", 3)[0] + ".dist-info"}
    for part in ("realtime/loop.py", "kernels/warp.py", "models/training.py", "export/runners.py"):
        assert f"swapcast/{part}" in names
    for asset in (
        *("demo.face", "demo.mp4", "detector.onnx", "landmarks.onnx"),
        *("release_keys.txt", "use_policy.md"),
    ):
        assert f"swapcast/assets/{asset}" in names
    assert wheel.stat().st_size < 40e6


def test_the_demo_runs_from_the_wheel_in_another_folder(wheel, tmp_path):
    venv = tmp_path / "venv"
    ran(sys.executable, "-m", "venv", venv, cwd=tmp_path)
    bin_ = venv / ("Scripts" if sys.platform == "win32" else "bin")
    ran(bin_ / "python", "-m", "pip", "install", "-q", wheel, cwd=tmp_path)
    assert "torch" not in ran(bin_ / "python", "-m", "pip", "list", cwd=tmp_path).split()

    said = ran(bin_ / "swapcast", "demo", "--seconds", "2", cwd=tmp_path)
    assert str(tmp_path / "demo.mp4") in said
    assert "fps" in said
    with av.open(str(tmp_path / "demo.mp4")) as clip:
        assert sum(1 for _ in clip.decode(video=0)) > 10
