"""In a machine with v4l2loopback: a clip as a webcam, `swapcast live`, and two programs that look.

usage: live.py OUT CLIP PICTURES [option of swapcast live …]

CLIP is fed as it is into /dev/video11, and the camera is looked at until PICTURES different ones
were seen. Into the folder OUT go what OpenCV saw as the camera gave it (planes.npy, uint8
[n, rows · 3 / 2, columns]) and as it usually asks (opencv.npy, one BGR picture), what Chromium saw
(chromium.npy, uint8 [n, rows, columns, 3] RGB), swapcast's report and told.json.
"""

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from browser import look
from feeding import in_use, wait_until

from swapcast.realtime import loopback

WEBCAM, CAMERA = "/dev/video11", "/dev/video10"
PATIENCE = 600  # seconds


@contextmanager
def webcam(clip):
    """Play a clip again and again as a webcam."""
    how = f"-loglevel error -re -stream_loop -1 -i {clip} -c copy -f v4l2 {WEBCAM}"
    feed = subprocess.Popen(["ffmpeg", *how.split()])
    try:
        wait_until(lambda: in_use(WEBCAM))
        yield
    finally:
        feed.terminate()
        feed.wait()


@contextmanager
def swapcast(out, options, ends):
    """Run `swapcast live` from the webcam to the virtual camera until the block ends."""
    command = [sys.executable, "-m", "swapcast.realtime", "live", "--source", WEBCAM]
    command += ["--sink", f"virtual:{CAMERA}", "--report", out / "report.json", *options]
    with (out / "swapcast.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_until(lambda: in_use(CAMERA) or process.poll() is not None)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            ends["exit code"] = process.wait(300)


def planes_and_picture(pictures):
    """Read the camera twice with OpenCV: planes untouched, then a picture as it makes it."""
    camera = cv2.VideoCapture(CAMERA, cv2.CAP_V4L2)
    width, height = (int(camera.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, 4))
    camera.set(cv2.CAP_PROP_CONVERT_RGB, 0)
    seen, started = [], time.monotonic()
    while len(seen) < pictures and time.monotonic() - started < PATIENCE:
        good, raw = camera.read()
        if good and not (seen and np.array_equal(raw.ravel(), seen[-1])):
            seen.append(raw.ravel().copy())
    camera.release()
    camera = cv2.VideoCapture(CAMERA, cv2.CAP_V4L2)
    good, picture = camera.read()
    camera.release()
    if not good or not seen:
        raise SystemExit(f"OpenCV saw {len(seen)} pictures")
    return np.stack(seen).reshape(len(seen), height * 3 // 2, width), picture


def main(out, clip, pictures, *options):
    told = {"states": [loopback.state(Path(CAMERA))]}
    with webcam(clip), swapcast(out, options, told):
        told["states"].append(loopback.state(Path(CAMERA)))
        planes, picture = planes_and_picture(pictures)
        said, frames = look(
            "Virtual Camera", min(pictures, 3), planes.shape[2], planes.shape[1] * 2 // 3
        )
    np.save(out / "planes.npy", planes)
    np.save(out / "opencv.npy", picture)
    np.save(out / "chromium.npy", frames)
    (out / "told.json").write_text(json.dumps(told | said))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
    finally:
        sys.stderr.write((Path(sys.argv[1]) / "swapcast.log").read_text())
