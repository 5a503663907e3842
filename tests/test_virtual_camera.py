"""The virtual camera where there is none: what the user is told. The real thing: test_vm.py."""

import os
import sys

import pytest

from swapcast.realtime import loopback
from swapcast.realtime.errors import SinkError
from swapcast.realtime.virtual_camera import VirtualCamera

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="v4l2loopback is Linux")


def computer(root, numbers):
    """Make a folder that looks like a computer with v4l2loopback; its devices are not there."""
    (root / "sys/module/v4l2loopback").mkdir(parents=True)
    for number in numbers:
        entry = root / f"sys/class/video4linux/video{number}"
        entry.mkdir(parents=True)
        (entry / "max_openers").write_text("10\n")
        (entry / "format").write_text("")
    (root / "sys/class/video4linux/video0").mkdir(parents=True)  # a real camera
    return root


def refusal(device, root):
    with pytest.raises(SinkError) as caught, VirtualCamera(device, root=root):
        pass
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_the_devices_of_the_driver_are_told_from_real_cameras(tmp_path):
    root = computer(tmp_path, [111, 22])
    assert [str(d) for d in loopback.devices(root)] == ["/dev/video22", "/dev/video111"]
    assert loopback.devices(tmp_path / "elsewhere") == ()


def test_without_the_driver_the_line_that_loads_it_is_told(tmp_path):
    for device in (None, "/dev/video10"):
        told = refusal(device, tmp_path)
        assert "sudo modprobe v4l2loopback" in told
        assert "exclusive_caps=1 max_buffers=4" in told
        assert "sudo apt install v4l2loopback-dkms" in told


def test_a_device_that_is_not_there(tmp_path):
    root = computer(tmp_path, [230])
    told = refusal("/dev/video229", root)
    assert told == "there is no /dev/video229; here: virtual:/dev/video230"


def test_a_file_that_is_no_virtual_camera(tmp_path):
    root = computer(tmp_path, [])
    assert refusal("/dev/null", root) == "/dev/null is not a virtual camera"
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"")
    assert refusal(str(clip), root) == f"{clip} is not a virtual camera"


def test_when_none_is_free_each_is_named_with_its_state(tmp_path):
    told = refusal(None, computer(tmp_path, [230, 231]))
    assert "/dev/video230 (missing), /dev/video231 (missing)" in told
    assert "modprobe -r v4l2loopback" in told


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs two users")
def test_a_device_of_another_group_wants_the_group(tmp_path):
    root = computer(tmp_path, [230])
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    node = tmp_path / "video230"
    node.write_bytes(b"")
    node.chmod(0o600)
    os.seteuid(65534)
    try:
        told = refusal(str(node), root)
    finally:
        os.seteuid(0)
    assert "usermod -aG video" in told


def test_the_size_a_device_is_fixed_to(tmp_path):
    root = computer(tmp_path, [230])
    (device,) = loopback.devices(root)
    assert loopback.size_of(device, root) is None
    (root / "sys/class/video4linux/video230/format").write_text("YU12:640x360@30\n")
    assert loopback.size_of(device, root) == (640, 360)


def test_only_a_dead_virtual_camera_can_be_revived(tmp_path):
    assert not loopback.revive(tmp_path / "missing")
    file = tmp_path / "video0"
    file.write_bytes(b"kept")
    assert not loopback.revive(file)
    assert file.read_bytes() == b"kept"


def test_its_name_is_as_it_was_asked_for():
    assert VirtualCamera().name == "virtual"
    assert VirtualCamera("/dev/video10").name == "virtual:/dev/video10"
