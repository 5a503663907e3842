"""`swapcast doctor` on computers made of folders."""

import os
import plistlib
import sys

import pytest

from swapcast.realtime.doctor import Finding, diagnose

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Linux folders, colons in names")


def write(root, path, text=""):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def camera(root, number, name, *, index=0):
    write(root, f"sys/class/video4linux/video{number}/name", f"{name}\n")
    write(root, f"sys/class/video4linux/video{number}/index", f"{index}\n")
    return write(root, f"dev/video{number}")


def loopback(root, numbers, *, exclusive_caps="Y,Y,N,N", max_buffers="4", version="0.12.7"):
    for number in numbers:
        camera(root, number, "swapcast")
        write(root, f"sys/class/video4linux/video{number}/max_openers", "10\n")
    write(root, "sys/module/v4l2loopback/version", f"{version}\n")
    write(root, "sys/module/v4l2loopback/parameters/exclusive_caps", f"{exclusive_caps}\n")
    write(root, "sys/module/v4l2loopback/parameters/max_buffers", f"{max_buffers}\n")


def about(subject, root, **options):
    options = {"system": "linux", "environment": {}} | options
    return [finding for finding in diagnose(root, **options) if finding.subject == subject]


def test_every_problem_comes_with_its_state_and_most_with_a_cure(tmp_path):
    found = diagnose(tmp_path, system="linux", environment={})
    assert {f.subject for f in found} >= {"Python", "processor", "ONNX Runtime", "disk", "window"}
    assert all(f.cure for f in found if f.state == "bad")
    assert str(Finding("disk", "warn", "full", "rm")) == "warn  disk: full\n      → rm"


def test_it_lists_the_cameras_that_give_pictures(tmp_path):
    camera(tmp_path, 0, "HD Webcam")
    camera(tmp_path, 1, "HD Webcam", index=1)  # the same webcam's metadata
    loopback(tmp_path, [10])
    (found,) = about("cameras", tmp_path)
    assert (found.state, found.text) == ("ok", "HD Webcam at /dev/video0")


def test_no_camera_is_no_disaster(tmp_path):
    (found,) = about("cameras", tmp_path)
    assert found.state == "warn"
    assert "clips" in found.text


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs two users")
def test_a_camera_of_another_group_wants_the_group(tmp_path):
    node = camera(tmp_path, 0, "HD Webcam")
    node.chmod(0o600)
    tmp_path.chmod(0o755)
    tmp_path.parent.chmod(0o755)
    tmp_path.parent.parent.chmod(0o755)
    os.seteuid(65534)
    try:
        (found,) = about("cameras", tmp_path)
    finally:
        os.seteuid(0)
    assert found.state == "bad"
    assert "usermod -aG video" in found.cure


def test_a_camera_without_device_file_is_a_container(tmp_path):
    camera(tmp_path, 2, "HD Webcam").unlink()
    (found,) = about("cameras", tmp_path)
    assert (found.state, found.cure) == ("bad", "start the container with --device /dev/video2")


def test_the_driver_is_not_installed(tmp_path):
    (found,) = about("virtual camera", tmp_path)
    assert found.state == "bad"
    assert found.cure.startswith("sudo apt install v4l2loopback-dkms && sudo modprobe v4l2loopback")
    assert "exclusive_caps=1 max_buffers=4" in found.cure


def test_the_driver_is_built_for_another_kernel(tmp_path):
    write(tmp_path, "proc/sys/kernel/osrelease", "6.1.0-56-amd64\n")
    write(tmp_path, "usr/src/v4l2loopback-0.12.7/dkms.conf")
    write(tmp_path, "lib/modules/6.1.0-40-amd64/updates/dkms/v4l2loopback.ko.xz")
    (found,) = about("virtual camera", tmp_path)
    assert "not built for this kernel (6.1.0-56-amd64)" in found.text
    assert "dkms autoinstall" in found.cure


@pytest.mark.parametrize("secure", [False, True])
def test_the_driver_is_not_loaded(tmp_path, secure):
    write(tmp_path, "proc/sys/kernel/osrelease", "6.1.0-56-amd64\n")
    write(tmp_path, "lib/modules/6.1.0-56-amd64/updates/dkms/v4l2loopback.ko.xz")
    variable = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    write(tmp_path, f"sys/firmware/efi/efivars/{variable}", f"\6\0\0\0{chr(secure)}")
    (found,) = about("virtual camera", tmp_path)
    assert found.cure.startswith("sudo modprobe v4l2loopback")
    assert ("mokutil" in found.text) == secure


def test_settings_of_the_driver_that_hurt(tmp_path):
    loopback(tmp_path, [10, 11], exclusive_caps="Y,N,N,N", max_buffers="2")
    loaded, hidden, torn, *_ = about("virtual camera", tmp_path)
    assert (loaded.state, loaded.text) == ("ok", "v4l2loopback 0.12.7 is loaded")
    assert (hidden.state, hidden.text.split(" is ")[0]) == ("warn", "exclusive_caps")
    assert (torn.state, torn.text.split(":")[0]) == ("warn", "max_buffers is 2")
    assert "modprobe -r" in hidden.cure


def test_good_settings_are_not_mentioned(tmp_path):
    loopback(tmp_path, [10, 11])
    texts = [finding.text for finding in about("virtual camera", tmp_path)]
    assert not [t for t in texts if "exclusive_caps" in t or "max_buffers" in t]


def test_a_driver_without_devices(tmp_path):
    loopback(tmp_path, [])
    assert [f.state for f in about("virtual camera", tmp_path)] == ["ok", "bad"]


@pytest.mark.parametrize(("system", "state"), [("win32", "ok"), ("darwin", "bad")])
def test_obs_on_windows(tmp_path, system, state):
    module = "obs-virtualcam-module64.dll"
    write(tmp_path, f"Program Files/obs-studio/data/obs-plugins/win-dshow/{module}")
    (found,) = about("virtual camera", tmp_path, system=system)
    assert found.state == state


@pytest.mark.parametrize(("version", "state"), [("31.0.2", "ok"), ("28.1", "bad")])
def test_obs_on_macos(tmp_path, version, state):
    plist = tmp_path / "Applications/OBS.app/Contents/Info.plist"
    plist.parent.mkdir(parents=True)
    plist.write_bytes(plistlib.dumps({"CFBundleShortVersionString": version}))
    (found,) = about("virtual camera", tmp_path, system="darwin")
    assert found.state == state
    assert version in found.text


def test_a_graphics_card_that_is_not_used(tmp_path):
    write(tmp_path, "proc/driver/nvidia/version", "NVRM version: …\n")
    cures = [finding.cure for finding in about("ONNX Runtime", tmp_path)]
    import onnxruntime

    wanted = "CUDAExecutionProvider" not in onnxruntime.get_available_providers()
    assert ("pip install 'swapcast[gpu]'" in cures) == wanted


def test_a_window_needs_a_screen(tmp_path):
    (without,) = about("window", tmp_path)
    (with_one,) = about("window", tmp_path, environment={"DISPLAY": ":0"})
    assert (without.state, with_one.state) == ("warn", "ok")
    assert not about("window", tmp_path, system="win32")
