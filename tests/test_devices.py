"""The list of cameras, as a user reads it."""

import sys
from pathlib import Path

import pytest

from swapcast.realtime.devices import CameraInfo, Mode, camera_modes, list_cameras


def test_a_camera_in_words():
    modes = (
        Mode("yuyv422", 640, 480, 30),
        Mode("mjpeg", 640, 480, 60),
        Mode("mjpeg", 1280, 720, 0),
    )
    assert str(CameraInfo("/dev/video0", "Webcam", modes)) == (
        "/dev/video0  Webcam\n  640×480: yuyv422 30 fps, mjpeg 60 fps\n  1280×720: mjpeg"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux driver")
def test_what_is_no_camera_is_not_listed(tmp_path):
    (tmp_path / "video0").write_bytes(b"")
    assert camera_modes(tmp_path / "video0") == ()
    assert camera_modes(Path("/dev/null")) == ()
    assert camera_modes(tmp_path / "video1") == ()


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux driver")
def test_every_camera_that_is_listed_can_be_named_as_a_source():
    for camera in list_cameras():
        assert Path(camera.source).exists()
        assert camera.name
