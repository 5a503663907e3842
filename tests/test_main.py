"""What a user sees when something is wrong: one clear line and an exit code, never a traceback."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

# Imports the program once and runs each command in a process of its own, forked from there: what
# takes a second and more at a start is the import of libraries.
STARTER = """
import json, os, sys
import swapcast.realtime.assembly, swapcast.realtime.face_command
from swapcast.realtime.__main__ import main
for line in sys.stdin:
    words, folder, *files = json.loads(line)
    child = os.fork()
    if not child:
        os.chdir(folder)
        for number, file in zip((1, 2), files):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.argv = ["swapcast", *words]
        main()
        sys.exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def swapcast(tmp_path_factory):
    """Run a command of the program in a folder; give its exit code and what it wrote."""
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    files = [tmp_path_factory.mktemp("written") / name for name in ("stdout", "stderr")]
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:

        def run(*words, cwd):
            starter.stdin.write(json.dumps([words, str(cwd), *map(str, files)]) + "\n")
            starter.stdin.flush()
            code = int(starter.stdout.readline())
            stdout, stderr = (file.read_text() for file in files)
            return SimpleNamespace(returncode=code, stdout=stdout, stderr=stderr)

        yield run
        starter.stdin.close()


def test_the_program_starts_by_itself(tmp_path):
    words = [sys.executable, "-m", "swapcast.realtime", "swop"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "no command 'swop'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["swop"], 2, "no command 'swop'"),
        (["live", "--sink", "null", "--sink", "null"], 2, "given twice"),
        (["live", "--threads", "0"], 2, "at least 1"),
        (["live", "--source", "nothing.mp4", "--sink", "null"], 1, "nothing.mp4"),
        (["live", "--source", "synthetic", "--sink", "picture.xyz"], 1, "no sink 'picture.xyz'"),
        (["live", "--source", "synthetic", "--sink", "null", "--face", "bob"], 1, "no face 'bob'"),
        (["live", "--slider", "smile"], 2, "NAME=VALUE"),
        (["convert", "x.mp4", "y.mp4", "--slider", "smile=high"], 2, "NAME=VALUE"),
        (["live", "--config", "missing.toml"], 2, "cannot be read"),
        (["convert", "nothing.mp4", "out.mp4"], 1, "nothing.mp4"),
        (["face", "show", "bob"], 1, "no face 'bob'"),
        (["face", "add", "missing.face"], 1, "cannot be read"),
        (["cameras", "all"], 2, "no options"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(swapcast, tmp_path, words, code, says):
    done = swapcast(*words, cwd=tmp_path)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_settings_come_from_a_file_and_the_line_goes_before_it(swapcast, tmp_path):
    (tmp_path / "live.toml").write_text('source = "nothing.mp4"\nsink = ["null"]\nthreads = 2\n')
    assert "nothing.mp4" in swapcast("live", "--config", "live.toml", cwd=tmp_path).stderr
    done = swapcast("live", "--config", "live.toml", "--source", "other.mp4", cwd=tmp_path)
    assert "other.mp4" in done.stderr


def test_a_setting_that_is_not_there_is_named(swapcast, tmp_path):
    (tmp_path / "live.toml").write_text("sauce = 1\n")
    done = swapcast("live", "--config", "live.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "sauce" in done.stderr


@pytest.mark.parametrize(
    "text", [b"a = " + b"[" * 5000, b"a = " + b"9" * 5000, b"\xff", b"a = 1\na"]
)
def test_a_settings_file_that_is_none_is_said_in_one_line(swapcast, tmp_path, text):
    (tmp_path / "live.toml").write_bytes(text)
    done = swapcast("live", "--config", "live.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "is no TOML file" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
