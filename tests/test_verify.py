"""`swapcast verify` tells what a file carries, and its exit code says the same."""

import datetime
import json

import cv2
import numpy as np
import pytest

from swapcast.realtime.__main__ import main
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.frame import Colour, Frame
from swapcast.realtime.installation import (
    SECRET_FILE,
    installation_secret,
    made_on,
    payload_of,
    todays_payload,
)
from swapcast.realtime.manifest import Origin, sign_recording
from swapcast.realtime.mark_code import Payload
from swapcast.realtime.sinks import SinkSettings, open_sink

DAY = datetime.date(2026, 11, 21)


def film(path, payload=None, *, marked=True, pictures=30):
    """Write a second of a moving scene."""
    rng = np.random.default_rng(3)
    shapes = rng.integers(40, 200, (6, 12)).astype(np.float32)
    wide = cv2.resize(shapes, (800, 360), interpolation=cv2.INTER_CUBIC).clip(16, 235)
    chroma = np.full((180, 320), 128, np.uint8)
    compositor = Compositor(payload)
    with open_sink(str(path), SinkSettings(offline=True)) as sink:
        for number in range(pictures):
            luma = np.ascontiguousarray(wide[:, 4 * number : 4 * number + 640]).astype(np.uint8)
            frame = Frame(luma, chroma, chroma, 640, 360, Colour(), number, number / 30)
            picture = compositor.finish(frame, (), ())
            if not marked:
                picture.planes[0][:] = luma
            sink.write(picture)
    return path


def verified(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(["verify", *map(str, words)])
    return ended.value.code, capsys.readouterr().out


def test_a_marked_film_is_told_by_line_and_code(tmp_path, capsys):
    path = film(tmp_path / "a.mkv", Payload(0xABCDEF1))
    code, out = verified(capsys, path)
    assert code == 0
    assert "invisible mark: present" in out
    assert "version 1, installation abcdef1" in out
    assert "manifest: none" in out


def test_an_unmarked_film_has_a_code_of_its_own(tmp_path, capsys):
    code, out = verified(capsys, film(tmp_path / "a.mkv", marked=False))
    assert code == 3
    assert "not found" in out
    assert "it says" not in out


def test_a_manifest_that_does_not_hold_has_a_code_of_its_own(tmp_path, capsys):
    path = film(tmp_path / "a.mp4")
    sign_recording(path, Origin("cd" * 32), tmp_path)
    code, out = verified(capsys, path)
    assert code == 0
    assert "manifest: holds" in out
    assert "cd" * 32 in out
    changed = bytearray(path.read_bytes())
    changed[-900] ^= 1
    path.write_bytes(changed)
    code, out = verified(capsys, path)
    assert code == 4
    assert "DOES NOT HOLD" in out


def test_what_this_installation_made_is_recognised_and_json_says_all(tmp_path, capsys):
    path = film(tmp_path / "a.mkv", todays_payload())
    code, out = verified(capsys, path, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["present"]
    assert told["log10_p"] < -10
    assert told["own_day"] == datetime.datetime.now(datetime.timezone.utc).date().isoformat()


@pytest.mark.parametrize("content", [b"", b"no film at all", None])
def test_what_cannot_be_read_is_one_line(tmp_path, capsys, content):
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        main(["verify", str(path)])
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("swapcast: ")
    assert said.count("\n") == 1


def test_the_number_changes_every_day_and_only_the_secret_links_them(tmp_path):
    secret, other = installation_secret(tmp_path), b"\1" * 32
    numbers = {payload_of(secret, DAY + datetime.timedelta(days=k)).installation for k in range(99)}
    assert len(numbers) == 99
    assert made_on(payload_of(secret, DAY), secret, DAY + datetime.timedelta(days=40)) == DAY
    assert made_on(payload_of(secret, DAY), other, DAY) is None
    assert installation_secret(tmp_path) == secret


def test_the_secret_is_the_users_alone(tmp_path):
    installation_secret(tmp_path)
    path = tmp_path / SECRET_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(SwapcastError, match="chmod 600"):
        installation_secret(tmp_path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(SwapcastError, match="damaged"):
        installation_secret(tmp_path)
