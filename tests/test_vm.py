"""Real virtual cameras: in a virtual machine with v4l2loopback, watched by OpenCV and Chromium."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.shared]

SCRIPTS = Path(__file__).parent / "vm"


@pytest.fixture(scope="module")
def machine(shared):
    """Return a function that runs a script of tests/vm there, with a folder to write to."""
    needed = ("qemu-system-x86_64", "gcc-12", "ffmpeg", "v4l2-ctl", "chromium")
    lacking = [program for program in needed if shutil.which(program) is None]
    if lacking:
        pytest.skip(f"not installed: {', '.join(lacking)}")
    start = shared / "tools" / "vcam-vm"
    built = subprocess.run([start, "build"], capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip(f"no virtual machine: {built.stderr.strip().splitlines()[-1]}")

    def run(out, script, *arguments, seconds=1080, modules=""):
        # Without XSAVE there is no AVX, which the emulator computes ten times slower than SSE.
        command = [
            start,
            "run",
            "--append",
            "noxsave",
            *(["--modules", modules] if modules else []),
            "--timeout",
            str(seconds),
            "--out",
            out,
            "--",
        ]
        done = subprocess.run(
            [*command, sys.executable, SCRIPTS / script, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | GENERIC_PROCESSOR | PATIENT_READER,
        )
        assert done.returncode == 0, f"{script}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
        return done.stdout

    return run


# The machine's processor is not this one: compiled kernels are shared only for the common one.
GENERIC_PROCESSOR = {"NUMBA_CPU_NAME": "generic"}
# OpenCV gives a camera up after 10 s without a picture, unless told to be patient.
PATIENT_READER = {"OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "300"}


def test_a_virtual_camera_through_its_life(machine, tmp_path):
    machine(tmp_path, "sink.py", tmp_path / "seen.json")
    seen = json.loads((tmp_path / "seen.json").read_text())

    # Free, then used, dead (the driver's fault) and used again; and once more after ffmpeg.
    assert seen["states"] == ["free", "busy", "dead", "busy", "dead", "busy"]
    assert seen["revived"]

    # Who watches sees the next writer without opening the camera anew.
    assert seen["after"] > seen["before"] + 50
    # A device with a writer is refused, one that cannot change its size too.
    assert "is taken" in seen["taken"]
    assert "stays at 640×360 and cannot show 320×240" in seen["other size"]

    for reader in ("opencv", "chromium"):
        error = np.abs(np.array(seen[reader]) - np.array(seen["bars"])).max(axis=1)
        assert error[:2].max() == 0, f"black and white in {reader}"
        assert error.max() <= 2, f"colours in {reader}"
    assert seen["size"] == [1280, 720]


# The talker's head stays inside: left, top, right, bottom.
CLIP, HEAD = "data/clips/grid/swiz3n.mpg", (84, 24, 256, 270)
WIDTH, HEIGHT, CELL = 360, 288, 16


def numbered(clip, folder):
    """Return 64 frames of a clip as planes, uint8 [64, rows · 3 / 2, columns], with numbers.

    Six cells at the top left, black or white, are the number's bits. The clip `webcam.nut` is made
    of them, at 5 frames a second: the machine is slow.
    """
    decode = ["ffmpeg", "-loglevel", "error", "-i", clip, "-pix_fmt", "yuv420p"]
    raw = subprocess.run([*decode, "-f", "rawvideo", "-"], capture_output=True, check=True).stdout
    frames = np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT * 3 // 2, WIDTH)[:64].copy()
    luma, chroma = frames[:, :HEIGHT], frames[:, HEIGHT:].reshape(len(frames), 2, -1, WIDTH // 2)
    chroma[:, :, : CELL // 2, : 6 * CELL // 2] = 128
    for number, rows in enumerate(luma):
        for bit in range(6):
            rows[:CELL, bit * CELL : (bit + 1) * CELL] = 235 if number >> bit & 1 else 16
    encode = f"ffmpeg -loglevel error -f rawvideo -pix_fmt yuv420p -s {WIDTH}x{HEIGHT} -r 5 -i -"
    store = [*encode.split(), "-c:v", "rawvideo", folder / "webcam.nut"]
    subprocess.run(store, input=frames.tobytes(), check=True)
    return frames


def number_of(luma):
    cells = luma[:CELL, : 6 * CELL].reshape(CELL, 6, CELL).mean(axis=(0, 2))
    return sum(int(cell > 128) << bit for bit, cell in enumerate(cells))


def split(planes):
    """Return luma, U and V as int16."""
    chroma = planes[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2).astype(np.int16)
    return planes[:HEIGHT].astype(np.int16), chroma[0], chroma[1]


def warm(*options):
    """Compile the kernels for the machine's processor on this one, which is faster."""
    live = [sys.executable, "-m", "swapcast.realtime", "live", "--sink", "null", "--seconds", "2"]
    subprocess.run([*live, *options], check=True, env=os.environ | GENERIC_PROCESSOR)


def test_live_from_a_webcam_to_a_virtual_camera(machine, shared, tmp_path):
    frames = numbered(shared / CLIP, tmp_path)
    warm("--source", tmp_path / "webcam.nut", "--face", "demo")
    # The machine takes seconds for a frame; a standing picture is not covered with `freeze`.
    slow = ("--patience", "200", "--guard", "freeze", "--badge", "off")
    face = ("--face", "demo")
    machine(tmp_path, "live.py", tmp_path, tmp_path / "webcam.nut", "5", *face, *slow)

    told = json.loads((tmp_path / "told.json").read_text())
    assert told["states"] == ["free", "busy"]
    assert told["exit code"] == 0, (tmp_path / "swapcast.log").read_text()
    assert json.loads((tmp_path / "report.json").read_text())["faces"]["swapped"] > 0
    seen_by_opencv(np.load(tmp_path / "planes.npy"), frames)
    seen_by_chromium(np.load(tmp_path / "chromium.npy"), frames)


def regions():
    """Return the picture without the talker's head, as a mask, and the middle of his face."""
    left, top, right, bottom = HEAD
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[top:bottom, left:right] = False
    return outside, np.s_[top + 60 : bottom - 40, left + 50 : right - 50]


def shown(pictures):
    """Leave out the plain slate that stands there until the first face wears its swap."""
    return [picture for picture in pictures if picture[:HEIGHT].std() > 10]


def seen_by_opencv(planes, frames):
    outside, face = regions()
    numbers, changed, planes = [], 0, shown(planes)
    for picture in planes:
        luma, u, v = split(picture)
        numbers.append(number_of(luma))
        was, was_u, was_v = split(frames[numbers[-1]])
        assert np.abs(luma - was)[outside].max() <= 3
        for chroma, before in ((u, was_u), (v, was_v)):
            assert np.array_equal(chroma[outside[::2, ::2]], before[outside[::2, ::2]])
        changed += np.abs(luma - was)[face].mean() > 3
    assert len(set(numbers)) >= 3, f"it moves: {numbers}"
    assert changed >= len(planes) - 1, "the face is another one"


def seen_by_chromium(seen, frames):
    outside, face = regions()
    assert seen.shape[1:] == (HEIGHT, WIDTH, 3)
    lumas = np.array(shown(seen)) @ np.array([0.299, 0.587, 0.114]) * 219 / 255 + 16
    numbers = [number_of(luma) for luma in lumas]
    assert len(set(numbers)) >= 2, f"it moves: {numbers}"
    for luma, number in zip(lumas, numbers, strict=True):
        was = frames[number][:HEIGHT].astype(float)
        # Colours beyond what a screen shows are cut off, hence the mean and not the largest.
        assert np.abs(luma - was)[outside].mean() <= 3
        assert np.abs(luma - was)[face].mean() > 3


WHITE, BLACK, RED, GREEN = (255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0)
BLUE, YELLOW, CYAN, GREY = (0, 0, 255), (255, 255, 0), (0, 255, 255), (128, 128, 128)
BARS = np.array([WHITE, BLACK, RED, GREEN, BLUE, YELLOW, CYAN, GREY], np.uint8)


def test_full_range_bars_of_a_webcam_come_out_right(machine, tmp_path):
    width, height = 640, 360
    image = np.repeat(BARS, width // 8, axis=0)[None].repeat(height, axis=0)
    encode = f"ffmpeg -loglevel error -f rawvideo -pix_fmt rgb24 -s {width}x{height} -r 5 -i -"
    clip = tmp_path / "webcam.nut"
    jpeg = ["-c:v", "mjpeg", "-q:v", "1", "-pix_fmt", "yuvj422p", clip]
    subprocess.run([*encode.split(), *jpeg], input=image.tobytes() * 20, check=True)
    warm("--source", clip, "--guard", "pass")
    machine(tmp_path, "live.py", tmp_path, clip, "1", "--guard", "pass", "--patience", "200")
    bars_come_out_right(np.load(tmp_path / "chromium.npy"), "Chromium")
    bars_come_out_right(np.load(tmp_path / "opencv.npy")[None, ..., ::-1], "OpenCV")


def bars_come_out_right(pictures, reader):
    height, width = pictures.shape[1:3]
    middles = [width // 16 + n * width // 8 for n in range(8)]
    colours = np.median(pictures, axis=0)[height // 2, middles]
    error = np.abs(colours - BARS.astype(float)).max(axis=1)
    assert error[:2].max() <= 2, f"black and white in {reader}: {colours[:2]}"
    assert error.max() <= 8, f"colours in {reader}: {colours}"


def test_cameras_and_viewers_that_fail(machine, tmp_path):
    warm("--source", "synthetic")
    machine(tmp_path, "faults.py", tmp_path, modules="vivid")
    told = json.loads((tmp_path / "told.json").read_text())

    # A webcam is lost and comes back with another size: viewers see pictures all the time.
    assert told["lost is said"]
    assert told["back is said"]
    assert told["pictures while it is away"] > 3
    assert told["size stays"]
    # One viewer that stalls, or dies, takes nothing from another.
    assert told["pictures beside a viewer that is blocked"] > 3
    assert told["pictures beside a viewer that is killed"] > 3
    # Killed while it writes, it starts again on the device that is left dead, with another webcam,
    # which is unplugged and plugged in again.
    assert told["pictures after kill -9"] > 3
    assert told["disconnect is said"]
    assert told["vivid is back"]
    assert told["pictures when vivid is back"] > 3
    assert told["exit code"] == 0, (tmp_path / "swapcast.log").read_text()
