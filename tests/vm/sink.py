"""In a machine with v4l2loopback: drive `VirtualCamera` through a working life, note what is seen.

usage: sink.py OUT.json
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from browser import look
from feeding import in_use, wait_until

from swapcast.realtime import loopback
from swapcast.realtime.errors import SinkError
from swapcast.realtime.frame import Colour, Picture
from swapcast.realtime.virtual_camera import VirtualCamera

DEVICE = Path("/dev/video10")
BARS = [
    [255, 255, 255],
    [0, 0, 0],
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [255, 255, 0],
    [0, 255, 255],
    [128, 128, 128],
]


def picture(width, height, level):
    data = np.full(width * height * 3 // 2, 128, np.uint8)
    data[: width * height] = level
    return Picture(data, width, height, Colour("bt601"), 0, 0.0, 1 / 15)


def bars(width, height, colour):
    """Eight bars, by the formulas of the standards rather than by the product's conversion."""
    red, blue = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}[colour.matrix]
    r, g, b = np.array(BARS).T / 255
    y = red * r + (1 - red - blue) * g + blue * b
    planes = (219 * y + 16, 112 * (b - y) / (1 - blue) + 128, 112 * (r - y) / (1 - red) + 128)
    rows = [np.rint(plane).astype(np.uint8) for plane in planes]
    luma = np.repeat(rows[0], width // 8)[None].repeat(height, 0)
    chroma = [np.repeat(row, width // 16)[None].repeat(height // 2, 0) for row in rows[1:]]
    data = np.concatenate([plane.ravel() for plane in (luma, *chroma)])
    return Picture(data, width, height, colour, 0, 0.0, 1 / 15)


def middles(image):
    """Return the colours in the middle of the eight bars, as lists."""
    height, width = image.shape[:2]
    return image[height // 2, [width // 16 + n * width // 8 for n in range(8)]].tolist()


def refused(device, **options):
    try:
        with VirtualCamera(device, **options) as camera:
            camera.write(picture(320, 240, 40))
    except SinkError as error:
        return str(error)
    return None


def lives(seen):
    """Open the same device again and again, after ourselves and after ffmpeg."""
    seen["states"] = [loopback.state(DEVICE)]
    for level in (60, 120):
        with VirtualCamera(str(DEVICE)) as camera:
            camera.write(picture(640, 360, level))
            seen["states"].append(loopback.state(DEVICE))
        seen["states"].append(loopback.state(DEVICE))
    seen["revived"] = loopback.revive(DEVICE)
    feed = "-f lavfi -i testsrc=s=320x240:r=10 -t 1 -pix_fmt yuv420p -c:v rawvideo -f v4l2"
    subprocess.run(["ffmpeg", "-loglevel", "error", *feed.split(), str(DEVICE)], check=True)
    with VirtualCamera(str(DEVICE)) as camera:
        camera.write(picture(640, 360, 60))
        seen["states"].append(loopback.state(DEVICE))


def writer(level):
    """Start another process that writes grey pictures until it is ended."""
    process = subprocess.Popen([sys.executable, __file__, "--write", str(level)])
    wait_until(lambda: in_use(DEVICE))
    return process


def write_for_ever(level):
    with VirtualCamera(str(DEVICE)) as camera:
        while True:
            camera.write(picture(640, 360, level))
            time.sleep(0.05)


def watched(seen):
    """Kill a writer while OpenCV watches, start the next one: the watcher goes on."""
    first = writer(60)
    watching = cv2.VideoCapture(str(DEVICE), cv2.CAP_V4L2)
    watching.read()
    seen["before"] = float(watching.read()[1].mean())
    seen["taken"] = refused(str(DEVICE))
    first.kill()
    first.wait()
    second = subprocess.Popen([sys.executable, __file__, "--write", "200"])
    started = time.monotonic()
    while time.monotonic() - started < 600:
        good, image = watching.read()
        seen["after"] = float(image.mean()) if good else None
        if good and image.mean() > seen["before"] + 50:
            break
    second.terminate()
    second.wait()
    seen["other size"] = refused(str(DEVICE))
    watching.release()


def colours(seen):
    """Show bars to OpenCV and to Chromium."""
    shown = bars(1280, 720, VirtualCamera.colour)
    process = subprocess.Popen([sys.executable, __file__, "--bars"])
    wait_until(lambda: in_use(DEVICE))
    watching = cv2.VideoCapture(str(DEVICE), cv2.CAP_V4L2)
    watching.read()
    seen["opencv"] = middles(watching.read()[1][..., ::-1])
    watching.release()
    said, frames = look("Virtual Camera", 1, shown.width, shown.height)
    seen["chromium"] = middles(frames[-1])
    seen["size"] = [said["width"], said["height"]]
    process.terminate()
    process.wait()


def show_bars():
    with VirtualCamera(str(DEVICE)) as camera:
        while True:
            camera.write(bars(1280, 720, camera.colour))
            time.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1] == "--write":
        write_for_ever(int(sys.argv[2]))
    elif sys.argv[1] == "--bars":
        show_bars()
    else:
        evidence = {"bars": BARS}
        for scene in (lives, watched, colours):
            scene(evidence)
        Path(sys.argv[1]).write_text(json.dumps(evidence))
