"""Say what this computer lacks for a live swap, and the line that mends it."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata, resources
from pathlib import Path

from swapcast.realtime import doctor_cameras
from swapcast.realtime.finding import Finding

__all__ = ["Finding", "diagnose"]

_BUNDLED = ("demo.mp4", "demo.face")
_ROOM_GB = 2


def diagnose(
    root: Path = Path("/"),
    *,
    repair: bool = False,
    system: str = sys.platform,
    environment: Mapping[str, str] = os.environ,
) -> tuple[Finding, ...]:
    """Look at everything a live swap needs.

    Parameters
    ----------
    root : folder
        Where the computer's ``sys``, ``proc``, ``dev`` and so on lie.
    repair : bool
        Mend what can be mended without root: virtual cameras that v4l2loopback left dead.
    system : str
        Which computer lies under ``root``, in the words of `sys.platform`.
    environment : mapping
        Tells where windows can be shown (``DISPLAY``, ``WAYLAND_DISPLAY``).
    """
    return (
        _python(),
        _cores(),
        *_engines(root),
        *_cameras(root, system, repair=repair),
        *_window(system, environment),
        _room(),
        _assets(),
    )


def _python() -> Finding:
    return Finding(
        "Python", "ok", f"{platform.python_version()} on {platform.platform(terse=True)}"
    )


def _cores() -> Finding:
    count = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if count < 2:
        return Finding("processor", "warn", "one core: the steps of the loop wait for each other")
    return Finding("processor", "ok", f"{count} cores")


def _engines(root: Path) -> Iterator[Finding]:
    """Look at what can compute the networks."""
    import onnxruntime  # noqa: PLC0415 - 0.3 s that the other commands need not pay

    have = onnxruntime.get_available_providers()
    names = ", ".join(name.removesuffix("ExecutionProvider") for name in have)
    yield Finding("ONNX Runtime", "ok", f"{onnxruntime.__version__} with {names}")
    if (root / "proc/driver/nvidia/version").exists() and "CUDAExecutionProvider" not in have:
        text = "an NVIDIA card is here, but this ONNX Runtime cannot use it"
        yield Finding("ONNX Runtime", "warn", text, "pip install 'swapcast[gpu]'")
    try:
        yield Finding("OpenVINO", "ok", f"{metadata.version('openvino')}: --provider openvino")
    except metadata.PackageNotFoundError:
        text = "not installed; on many processors it is faster than ONNX Runtime"
        yield Finding("OpenVINO", "warn", text, "pip install 'swapcast[openvino]'")


def _cameras(root: Path, system: str, *, repair: bool) -> Iterator[Finding]:
    if system == "linux":
        yield from doctor_cameras.cameras(root)
        yield from doctor_cameras.virtual_linux(root, repair=repair)
    else:
        yield doctor_cameras.virtual_obs(root, system)


def _window(system: str, environment: Mapping[str, str]) -> Iterator[Finding]:
    if system != "linux":
        return
    screens = [n for n in ("DISPLAY", "WAYLAND_DISPLAY") if environment.get(n)]
    if screens:
        yield Finding("window", "ok", f"{screens[0]} is {environment[screens[0]]}")
    else:
        yield Finding("window", "warn", "no screen here: --sink window cannot work, others do")


def _room() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    if free < _ROOM_GB:
        text = f"{free:.1f} GB free in this folder: a recording may fill it"
        return Finding("disk", "warn", text, "record somewhere else: --sink /path/with/room.mp4")
    return Finding("disk", "ok", f"{free:.0f} GB free in this folder")


def _assets() -> Finding:
    folder = resources.files("swapcast.assets")
    lacking = [name for name in _BUNDLED if not (folder / name).is_file()]
    lacking += [] if any(f.name.endswith(".onnx") for f in folder.iterdir()) else ["networks"]
    if lacking:
        text = f"this installation lacks {', '.join(lacking)}"
        return Finding("bundled files", "bad", text, "pip install --force-reinstall swapcast")
    return Finding("bundled files", "ok", "demo clip, demo face and networks are here")
