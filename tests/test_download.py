"""Model files come whole and as wanted, from servers that lie, cut off, stall and lead astray."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from swapcast.realtime.download import Limits, download
from swapcast.realtime.errors import ModelError, SettingError

FILE = bytes(range(256)) * 400  # 100 kB
WANTED = hashlib.sha256(FILE).hexdigest()
HASTY = Limits(patience=0.3)


@contextmanager
def serving(answer) -> Iterator[str]:
    """Serve on the loopback; ``answer`` is given the handler of each request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.close_connection = True
            answer(self)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=partial(server.serve_forever, 0.02), name="test server")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/model.onnx"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def send(handler, data=FILE, *, status=200, length=None, **headers):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(data) if length is None else length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(data)


def resuming(handler, *, most=10**9):
    """Answer as a good server that may send only so much in one go."""
    start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
    if start >= len(FILE):
        return send(handler, b"", status=416)
    rest = FILE[start:]
    span = f"bytes {start}-{len(FILE) - 1}/{len(FILE)}"
    status = 206 if start else 200
    return send(handler, rest[:most], status=status, length=len(rest), Content_Range=span)


def test_a_file_is_fetched_whole_and_then_not_again(tmp_path):
    asked, told = [], []
    out = tmp_path / "new" / "model.onnx"

    def answer(handler):
        asked.append(handler.path)
        send(handler)

    with serving(answer) as url:
        download(url, WANTED.upper(), out, progress=lambda *p: told.append(p))
        download(url, WANTED, out)
    assert out.read_bytes() == FILE
    assert len(asked) == 1
    assert told[-1] == (len(FILE), len(FILE))
    assert [path.name for path in out.parent.iterdir()] == ["model.onnx"]


def test_a_file_that_is_not_the_one_wanted_is_not_used(tmp_path):
    out = tmp_path / "model.onnx"
    out.write_bytes(b"the one before")
    with (
        serving(lambda handler: send(handler, FILE[:-1] + b"!")) as url,
        pytest.raises(ModelError, match="is not the file wanted"),
    ):
        download(url, WANTED, out)
    assert out.read_bytes() == b"the one before"
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_a_broken_download_goes_on_where_it_broke(tmp_path):
    out, starts = tmp_path / "model.onnx", []

    def answer(handler):
        starts.append(handler.headers.get("Range"))
        resuming(handler, most=40_000)

    with serving(answer) as url:
        for end in (40_000, 80_000):
            with pytest.raises(ModelError, match=f"ended at {end} of {len(FILE)} bytes"):
                download(url, WANTED, out)
            assert not out.exists()
        download(url, WANTED, out)
    assert out.read_bytes() == FILE
    assert starts == [None, "bytes=40000-", "bytes=80000-"]


def test_a_server_that_cannot_go_on_begins_anew(tmp_path):
    out = tmp_path / "model.onnx"
    with (
        serving(lambda handler: send(handler, FILE[:5000], length=len(FILE))) as url,
        pytest.raises(ModelError, match="ended at 5000"),
    ):
        download(url, WANTED, out)
    with serving(send) as url:
        download(url, WANTED, out)
    assert out.read_bytes() == FILE


def test_a_server_that_sends_another_part_is_not_believed(tmp_path):
    out = tmp_path / "model.onnx"
    first = []

    def answer(handler):
        first.append(1)
        if len(first) == 1:
            return send(handler, FILE[:5000], length=len(FILE))
        return send(handler, FILE[9000:], status=206, Content_Range="bytes 9000-99/100")

    with serving(answer) as url:
        for why in ("ended at 5000", "another part"):
            with pytest.raises(ModelError, match=why):
                download(url, WANTED, out)
    assert not out.exists()


@pytest.mark.parametrize("drip", [False, True], ids=["silent", "dripping"])
def test_a_server_that_stalls_is_given_up(tmp_path, drip):
    release = threading.Event()

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(FILE)))
        handler.end_headers()
        handler.wfile.write(FILE[:100])
        while not release.wait(0.05):
            if drip:
                handler.wfile.write(b".")

    with serving(answer) as url:
        try:
            with pytest.raises(ModelError, match="stalled"):
                download(url, WANTED, tmp_path / "model.onnx", limits=HASTY)
        finally:
            release.set()


@pytest.mark.parametrize("declared", [True, False])
def test_a_file_that_is_too_large_is_given_up(tmp_path, declared):
    sent = []

    def answer(handler):
        handler.send_response(200)
        if declared:
            handler.send_header("Content-Length", str(10**12))
        handler.end_headers()
        try:
            for _ in range(10_000):
                handler.wfile.write(FILE)
                sent.append(len(FILE))
        except OSError:
            pass  # the client has gone, as it should

    with serving(answer) as url, pytest.raises(ModelError, match="bytes"):
        download(url, WANTED, tmp_path / "model.onnx", limits=Limits(size=200_000))
    assert sum(sent) < 10**9
    assert all(path.stat().st_size <= 200_000 for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "target",
    [
        "https://127.0.0.1:9/model.onnx",
        "ftp://127.0.0.1/model.onnx",
        "file:///etc/passwd",
        "http://example.org/model.onnx",
    ],
)
def test_a_redirection_to_another_kind_of_connection_is_not_followed(tmp_path, target):
    with (
        serving(lambda handler: send(handler, b"", status=302, Location=target)) as url,
        pytest.raises(ModelError, match=r"not followed|refused"),
    ):
        download(url, WANTED, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_a_redirection_within_the_same_kind_is_followed_but_not_for_ever(tmp_path):
    def once(handler):
        if handler.path == "/model.onnx":
            return send(handler, b"", status=302, Location="/other.onnx")
        return send(handler)

    with serving(once) as url:
        download(url, WANTED, tmp_path / "model.onnx")

    def for_ever(handler):
        send(handler, b"", status=302, Location=handler.path + "x")

    with serving(for_ever) as url, pytest.raises(ModelError, match="refused"):
        download(url, WANTED, tmp_path / "other.onnx")


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusal_is_said(tmp_path, status):
    with (
        serving(lambda handler: send(handler, b"", status=status)) as url,
        pytest.raises(ModelError, match=f"refused: {status}"),
    ):
        download(url, WANTED, tmp_path / "model.onnx")


def test_nonsense_in_place_of_an_answer_is_an_error(tmp_path):
    def answer(handler):
        handler.wfile.write(b"HTTP/9.9 what\r\n\r\n" + b"\xff" * 100)

    with serving(answer) as url, pytest.raises(ModelError, match="cannot be fetched"):
        download(url, WANTED, tmp_path / "model.onnx")


def test_nobody_there_is_an_error(tmp_path):
    with serving(send) as url:
        pass
    with pytest.raises(ModelError, match="cannot be fetched"):
        download(url, WANTED, tmp_path / "model.onnx")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a",
        "http://10.0.0.1/a",
        "ftp://example.org/a",
        "file:///etc/passwd",
        "https://",
        "https://[::1/a",
        "https://host:99999/a",
        "https://host/a b",
        "https://host/a\r\nHost: other",
        "model.onnx",
        "",
    ],
)
def test_only_encrypted_addresses_are_asked(tmp_path, url):
    with pytest.raises(SettingError, match="address"):
        download(url, WANTED, tmp_path / "model.onnx")


def test_a_sum_that_is_none_is_refused(tmp_path):
    for wrong in ("", "abc", "g" * 64, WANTED + "0"):
        with pytest.raises(SettingError, match="64 hexadecimal digits"):
            download("https://example.org/a", wrong, tmp_path / "a")


def test_the_command_keeps_a_model_under_its_own_name(tmp_path, monkeypatch):
    from swapcast.realtime.models_command import run

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    said = []
    with serving(send) as url:
        run(["pull", url, "--sha256", WANTED], said.append)
        assert (tmp_path / "swapcast" / "models" / "model.onnx").read_bytes() == FILE
        for path in ("", "/..", "/%2e%2e", "/.hidden"):
            with pytest.raises(SettingError, match="no file's name"):
                run(["pull", url.rpartition("/")[0] + path, "--sha256", WANTED], said.append)
    assert "is the file wanted" in said[0]
