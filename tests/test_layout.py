"""The rules of the house that a machine can hold."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("realtime", "export", "kernels", "models", "bench", "assets")
MODULES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
MAY_IMPORT = {
    "kernels": {"kernels"},
    "models": {"models", "kernels"},
    "export": {"export", "models", "kernels"},
    "realtime": {"realtime", "kernels", "export.runners", "assets"},
    "bench": {"bench", "realtime", "kernels", "export", "models"},
    "assets": set(),
}


def imported(path):
    """Return the modules of ours that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        yield from (name for name in names if name.startswith("swapcast."))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_dependencies_point_one_way(path):
    allowed = MAY_IMPORT[path.relative_to(ROOT).parts[0]]
    if path.name == "export_command.py":  # the one road from the command line to torch
        allowed = allowed | {"export", "models"}
    for name in imported(path):
        inner = name.removeprefix("swapcast.")
        assert any(inner == one or inner.startswith(one + ".") for one in allowed), name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_one_noun(path):
    lines = path.read_text().count("\n")
    assert lines <= 400, f"{lines} lines"
    assert path.stem not in {"utils", "helpers", "common", "misc", "manager", "base", "core"}


def test_threads_are_started_in_one_place():
    starters = [path.name for path in MODULES if "threading.Thread(" in path.read_text()]
    assert starters == ["worker.py"]


def test_kernels_are_compiled_in_one_place():
    compilers = [
        path.name
        for path in MODULES
        if "numba" in path.read_text() and "import numba" in path.read_text()
    ]
    assert compilers == ["_jit.py"]


def test_every_folder_with_modules_is_packaged():
    text = (ROOT / "pyproject.toml").read_text()
    for folder in {path.parent for path in MODULES}:
        name = "swapcast." + ".".join(folder.relative_to(ROOT).parts)
        assert f'"{name}"' in text


def test_the_live_path_needs_no_torch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import swapcast.realtime.assembly, swapcast.realtime.commands\n"
        "import swapcast.realtime.extract"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_help_is_quick_and_names_every_command():
    from swapcast.realtime.__main__ import COMMANDS

    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "swapcast.realtime", "--help"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert "numba" not in done.stderr
