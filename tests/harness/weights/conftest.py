"""A server with one file and many bad habits, and a table of weights that lists it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants, file_download
from huggingface_hub.utils import close_session

from harness.registry import Entry
from harness.weights import WeightsFile
from harness.weights import files as files_module

END = b"the end"
DATA = random.Random(0).randbytes(20_000) + END


class Server(ThreadingHTTPServer):
    """Serves ``data`` at every address but /absent; ``asked`` are the ranges of its transfers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.data = DATA
        self.kind = "application/octet-stream"
        self.etag: str | None = '"one"'
        self.ranges = True  # whether it can begin in the middle
        self.says_size = True
        self.break_after: int | None = None  # bytes after which each transfer stops
        self.hold_after: int | None = None  # bytes after which each transfer waits for ``go``
        self.go = threading.Event()
        self.probes = 0
        self.asked: list[str | None] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        probe = wanted == "bytes=0-0"
        if probe:
            server.probes += 1
        else:
            server.asked.append(wanted)
        if self.path == "/absent":
            self.send_error(404)
            return
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/here")
            self.end_headers()
            return
        begin, end = 0, len(server.data)
        if wanted and server.ranges:
            begin = int(wanted.removeprefix("bytes=").partition("-")[0])
            end = 1 if probe else end
            if begin >= len(server.data):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(server.data)}")
        else:
            self.send_response(200)
        if server.says_size:
            self.send_header("Content-Length", str(end - begin))
        self.send_header("Content-Type", server.kind)
        if server.etag:
            self.send_header("ETag", server.etag)
        self.end_headers()
        body = server.data[begin:end][: server.break_after]
        held = len(body) if server.hold_after is None else server.hold_after
        try:
            self.wfile.write(body[:held])
            if held < len(body):
                server.go.wait(60)
                self.wfile.write(body[held:])
        except ConnectionError:  # who asked is gone
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1_000)
    monkeypatch.setattr(file_download.time, "sleep", lambda _: None)
    close_session()  # the next one reads the variables above
    yield server
    close_session()
    server.go.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("IQA_EVAL_CACHE", str(folder))
    return folder


def ends_well(path: Path) -> None:
    """A check that knows a truncated file."""
    if not path.read_bytes().endswith(END):
        raise ValueError(f"{path}: it has no end")


@pytest.fixture
def listed(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., WeightsFile]:
    """``listed(name, **facts)`` puts a file into the table, which holds no other."""
    files: dict[str, WeightsFile] = {}
    entry = Entry("ours", "here:FILES", "test 1", SimpleNamespace(load=files.values))
    monkeypatch.setattr(files_module, "entries", lambda group: {"ours": entry})

    def add(name: str = "net-a", **facts: object) -> WeightsFile:
        defaults = {
            "model": "net",
            "file": f"{name}.pth",
            "summary": "encoder",
            "license": "for research only",
            "address": f"{server.address}/here",
            "page": "https://example.org/page",
            "check": ends_well,
        }
        files[name] = WeightsFile(name, **{**defaults, **facts})  # type: ignore[arg-type]
        return files[name]

    return add
