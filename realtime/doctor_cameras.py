"""What `swapcast doctor` finds out about the cameras of this computer, real and virtual."""

import os
import plistlib
from collections.abc import Iterator
from pathlib import Path

from swapcast.realtime import loopback
from swapcast.realtime.finding import Finding
from swapcast.realtime.virtual_camera import OBS_LINE

_GROUP_LINE = 'sudo usermod -aG video "$USER", then log in again'
_ANEW_LINE = f"sudo modprobe -r v4l2loopback && {loopback.LOAD_LINE}"
_SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_VIRTUAL = "virtual camera"
_OBS_WINDOWS = "Program Files/obs-studio/data/obs-plugins/win-dshow/obs-virtualcam-module64.dll"
_OBS_MACOS = "Applications/OBS.app/Contents/Info.plist"


def cameras(root: Path) -> Iterator[Finding]:
    """Look at the real cameras of a Linux computer, and whether they may be opened."""
    virtual = {device.name for device in loopback.devices(root)}
    found = sorted(entry.parent for entry in root.glob("sys/class/video4linux/video*/index"))
    # A webcam has further nodes, index 1 and up, that give no picture.
    real = [e for e in found if e.name not in virtual and _line(e / "index") == "0"]
    if not real:
        yield Finding("cameras", "warn", "none is here; clips and streams work as sources")
    for entry in real:
        node, name = root / "dev" / entry.name, _line(entry / "name") or "a camera"
        what = f"{name} at /dev/{entry.name}"
        if not node.exists():
            yield Finding(
                "cameras",
                "bad",
                f"{what} has no device file, as in a container that was not given it",
                f"start the container with --device /dev/{entry.name}",
            )
        elif not os.access(node, os.R_OK | os.W_OK, effective_ids=True):
            yield Finding("cameras", "bad", f"you may not open {what}", _GROUP_LINE)
        else:
            yield Finding("cameras", "ok", what)


def virtual_linux(root: Path, *, repair: bool) -> Iterator[Finding]:
    """Look at v4l2loopback, how it is set, and whether its devices take pictures."""
    if not loopback.is_loaded(root):
        yield _not_loaded(root)
        return
    here = loopback.devices(root)
    version = _version(root)
    yield Finding(_VIRTUAL, "ok", f"v4l2loopback {version or 'of unknown version'} is loaded")
    if not here:
        yield Finding(_VIRTUAL, "bad", "v4l2loopback has no device", _ANEW_LINE)
    yield from _parameters(root, len(here))
    for device in here:
        yield _device(root, device, repair=repair)


def virtual_obs(root: Path, system: str) -> Finding:
    """Look for OBS, whose virtual camera is used on Windows and macOS."""
    if system == "win32":
        if (root / _OBS_WINDOWS).is_file():
            return Finding(_VIRTUAL, "ok", "OBS's virtual camera is installed")
        return Finding(_VIRTUAL, "bad", "OBS's virtual camera is not installed", OBS_LINE)
    bundle = root / _OBS_MACOS
    if not bundle.is_file():
        return Finding(
            _VIRTUAL, "bad", "OBS is not installed; its virtual camera is used", OBS_LINE
        )
    with bundle.open("rb") as file:
        version = str(plistlib.load(file).get("CFBundleShortVersionString", "?"))
    major = version.partition(".")[0]
    if major.isdigit() and int(major) < 30:
        text = f"OBS {version} is too old for macOS 13 and newer; 30 is not"
        return Finding(_VIRTUAL, "bad", text, OBS_LINE)
    return Finding(_VIRTUAL, "ok", f"OBS {version} is installed")


def _not_loaded(root: Path) -> Finding:
    kernel = _line(root / "proc/sys/kernel/osrelease") or "*"
    built = any(root.glob(f"lib/modules/{kernel}/**/v4l2loopback.ko*"))
    if not built and any(root.glob("usr/src/v4l2loopback-*")):
        return Finding(
            _VIRTUAL,
            "bad",
            f"v4l2loopback is installed but not built for this kernel ({kernel})",
            'sudo apt install "linux-headers-$(uname -r)" && sudo dkms autoinstall',
        )
    if not built:
        return Finding(
            _VIRTUAL,
            "bad",
            "v4l2loopback is not installed, so there is no virtual camera",
            f"{loopback.INSTALL_LINE} && {loopback.LOAD_LINE}",
        )
    text = "v4l2loopback is installed but not loaded"
    if _secure_boot(root):
        text += (
            "; Secure Boot is on: if loading says 'Key was rejected', enrol the key it was signed "
            "with (sudo mokutil --import /var/lib/dkms/mok.pub) and restart"
        )
    return Finding(_VIRTUAL, "bad", text, loopback.LOAD_LINE)


def _parameters(root: Path, devices: int) -> Iterator[Finding]:
    parameters = root / "sys/module/v4l2loopback/parameters"
    exclusive = (_line(parameters / "exclusive_caps") or "").split(",")[:devices]
    if "N" in exclusive:
        yield Finding(
            _VIRTUAL,
            "warn",
            "exclusive_caps is off: Chrome, Zoom and Teams will not list it as a camera, and two "
            "programs can write into it at once",
            _ANEW_LINE,
        )
    buffers = _line(parameters / "max_buffers") or ""
    if buffers.isdigit() and int(buffers) < 4:
        yield Finding(
            _VIRTUAL,
            "warn",
            f"max_buffers is {buffers}: programs slower than the camera will see torn pictures",
            _ANEW_LINE,
        )


def _device(root: Path, device: Path, *, repair: bool) -> Finding:
    name = _line(root / "sys/class/video4linux" / device.name / "name")
    what, node = f"{name or 'a device'} at {device}", root / device.relative_to("/")
    state = loopback.state(node)
    if state == "dead" and repair and loopback.revive(node):
        return Finding(_VIRTUAL, "ok", f"{what} was dead and is repaired")
    match state:
        case "free":
            return Finding(_VIRTUAL, "ok", f"{what} is free")
        case "busy":
            return Finding(_VIRTUAL, "ok", f"{what} is in use (fuser -v {device} says by whom)")
        case "dead":
            text = f"{what} is dead, as v4l2loopback 0.12 leaves it after its first use"
            cure = "`swapcast live` repairs it when it starts; `swapcast doctor --repair` does now"
            return Finding(_VIRTUAL, "warn", text, cure)
        case "denied":
            return Finding(_VIRTUAL, "bad", f"you may not open {what}", _GROUP_LINE)
        case _:
            text = f"{what} has no device file, as in a container that was not given it"
            cure = f"start the container with --device {device}"
            return Finding(_VIRTUAL, "bad", text, cure)


def _version(root: Path) -> str | None:
    told = _line(root / "sys/module/v4l2loopback/version")
    if told is not None:
        return told
    sources = [path.name.partition("-")[2] for path in root.glob("usr/src/v4l2loopback-*")]
    return sources[0] if len(sources) == 1 else None


def _secure_boot(root: Path) -> bool:
    try:
        return (root / _SECURE_BOOT).read_bytes()[-1:] == b"\1"
    except OSError:
        return False


def _line(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
