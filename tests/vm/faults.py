"""In a machine with v4l2loopback and vivid: cameras and viewers fail while `swapcast live` runs.

usage: faults.py OUT

Into OUT go told.json (what happened) and swapcast.log.
"""

import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import cv2
from feeding import in_use, wait_until

from swapcast.realtime import loopback

WEBCAM, CAMERA, VIVID = "/dev/video11", "/dev/video10", "/dev/video0"
DRIVER = Path("/sys/bus/platform/drivers/vivid")


@contextmanager
def webcam(width, height, grey):
    """Feed a grey picture as a webcam, as raw YUYV."""
    loopback.revive(Path(WEBCAM))  # the driver leaves it dead after each ffmpeg
    picture = f"-f lavfi -i color=c=0x{grey:02x}{grey:02x}{grey:02x}:s={width}x{height}:r=2"
    how = f"-loglevel error -re {picture} -pix_fmt yuyv422 -c:v rawvideo -f v4l2 {WEBCAM}"
    feed = subprocess.Popen(["ffmpeg", *how.split()])
    try:
        wait_until(lambda: in_use(WEBCAM))
        yield
    finally:
        feed.terminate()
        feed.wait()


class Swapcast:
    """`swapcast live` from a camera to the virtual camera, and what it says."""

    def __init__(self, log, source):
        self.log, self.began = log, len(log.read_text()) if log.exists() else 0
        command = [sys.executable, "-m", "swapcast.realtime", "live", "--source", source]
        with log.open("a") as file:
            sink = ["--sink", f"virtual:{CAMERA}", "--patience", "200"]
            self.process = subprocess.Popen([*command, *sink], stdout=file, stderr=file)
        wait_until(lambda: in_use(CAMERA) or self.process.poll() is not None)

    def said(self):
        return self.log.read_text()[self.began :]

    def says(self, text):
        wait_until(lambda: text in self.said() or self.process.poll() is not None)
        return text in self.said()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(300)


class Viewer:
    """Reads the virtual camera on a thread, as a video call does."""

    def __init__(self):
        self.seen, self.size, self.going = [], None, True
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self):
        camera = cv2.VideoCapture(CAMERA, cv2.CAP_V4L2)
        while self.going:
            good, image = camera.read()
            if good:
                self.size = image.shape[1::-1]
                middle = image[image.shape[0] // 2, image.shape[1] // 2]
                self.seen.append((time.monotonic(), int(middle.mean())))
        camera.release()

    def goes_on(self):
        """Return how many pictures come in the next three seconds, or until there are four."""
        start = time.monotonic()
        time.sleep(3)
        wait_until(lambda: len(self._since(start)) > 3)
        return len(self._since(start))

    def _since(self, start):
        """Return the grey levels seen since ``start``."""
        return [level for at, level in list(self.seen) if at >= start]

    def leave(self):
        self.going = False
        self._thread.join()


def a_webcam_is_unplugged_and_another_comes(log, told):
    with webcam(320, 240, 60):
        live, viewer = Swapcast(log, WEBCAM), Viewer()
        wait_until(lambda: len(viewer.seen) > 3)
    told["lost is said"] = live.says("is lost")
    told["pictures while it is away"] = viewer.goes_on()
    with webcam(640, 360, 160):
        told["back is said"] = live.says("is back")
        wait_until(lambda: viewer.seen[-1][1] > 120)
        told["size stays"] = viewer.size == (320, 240)
        viewers_come_and_go(viewer, told)
        viewer.leave()
        live.process.kill()
        live.process.wait()


def viewers_come_and_go(viewer, told):
    """Another viewer stops reading, then dies; the first one goes on seeing pictures."""
    stream = f"v4l2-ctl -d {CAMERA} --stream-mmap --stream-count=1000000 --stream-to=/dev/null"
    other = subprocess.Popen(stream.split(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(5)
    for name, number in (("blocked", signal.SIGSTOP), ("killed", signal.SIGKILL)):
        other.send_signal(number)
        told[f"pictures beside a viewer that is {name}"] = viewer.goes_on()
    other.wait()


def a_usb_camera_is_pulled_out(log, told):
    """The kernel's test camera is taken from its driver and given back, as USB does."""
    live, viewer = Swapcast(log, VIVID), Viewer()
    wait_until(lambda: len(viewer.seen) > 3)
    told["pictures after kill -9"] = len(viewer.seen)
    DRIVER.joinpath("unbind").write_text("vivid.0")
    told["disconnect is said"] = live.says("is lost")
    DRIVER.joinpath("bind").write_text("vivid.0")
    told["vivid is back"] = live.says("is back")
    told["pictures when vivid is back"] = viewer.goes_on()
    viewer.leave()
    told["exit code"] = live.end()


def main(out):
    told = {}
    try:
        a_webcam_is_unplugged_and_another_comes(out / "swapcast.log", told)
        a_usb_camera_is_pulled_out(out / "swapcast.log", told)
    finally:
        (out / "told.json").write_text(json.dumps(told, indent=1))
        sys.stderr.write((out / "swapcast.log").read_text())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
