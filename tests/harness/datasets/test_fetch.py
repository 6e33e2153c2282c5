"""Fetching a dataset: terms first, then a download that resumes, unpacks whole and is verified."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from harness import data_command
from harness.datasets.fetch import NOTE, ask, download, fetch
from harness.datasets.layout import Folder
from harness.datasets.spec import Entry, HubFile, Listing, Spec

ROOT = Path(__file__).parents[3]
COMMIT = "c0ffee" + 34 * "0"
HUB = HubFile("owner/mirror", COMMIT, "set.tgz", "SET")


class Hub(ThreadingHTTPServer):
    """A hub with one file: it speaks the protocol of the real one, ranges included."""

    def __init__(self, data: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.data, self.sha256 = data, hashlib.sha256(data).hexdigest()
        self.asked: list[tuple[str, str, str | None]] = []  # method, path, range
        self.break_after: int | None = None  # bytes after which each transfer stops
        self.transfers = 1_000  # that it answers, before it fails

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def downloads(self) -> list[tuple[str, str | None]]:
        """Path and range of each request for the file itself."""
        return [
            (path, wanted)
            for method, path, wanted in self.asked
            if (method, path[-4:]) == ("GET", ".tgz")
        ]


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        hub, wanted = self.server, self.headers.get("Range")
        hub.asked.append((self.command, self.path, wanted))
        known = self.path.endswith("/set.tgz")
        hub.transfers -= known and body
        if not known or hub.transfers < 0:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        data = hub.data[start:]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(data)))
        if wanted:
            end = len(hub.data)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("X-Linked-Etag", f'"{hub.sha256}"')
        self.send_header("X-Linked-Size", str(len(hub.data)))
        self.end_headers()
        if body:
            self.wfile.write(data[: hub.break_after])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[Hub]:
    from huggingface_hub import constants

    source = tmp_path / "source" / "SET"
    (source / "images").mkdir(parents=True)
    (source / "scores.csv").write_text("image,score\na.bmp,1\nb.bmp,2\n")
    for name in ("a.bmp", "b.bmp"):
        (source / "images" / name).write_bytes(bitmap(name))
    packed = shutil.make_archive(str(tmp_path / "set"), "gztar", source.parent)
    server = Hub(Path(packed).read_bytes())
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield server
    server.shutdown()
    server.server_close()


def bitmap(name: str) -> bytes:
    """A small picture of noise, as a BMP file."""
    import io

    from PIL import Image

    pixels, file = random.Random(name).randbytes(96 * 96 * 3), io.BytesIO()
    Image.frombytes("RGB", (96, 96), pixels).save(file, "BMP")
    return file.getvalue()


def read(folder: Folder) -> Listing:
    rows = folder.find("scores.csv").read_text().splitlines()[1:]
    pairs = [row.split(",") for row in rows]
    return Listing(tuple(Entry(n, f"images/{n}", n, raw=float(raw)) for n, raw in pairs))


def spec(**changes: object) -> Spec:
    facts = {
        "name": "set",
        "title": "The set",
        "license": "for research only",
        "citation": "A. Author, The set, 2020",
        "homepage": "https://example.org/set",
        "layout": "images/*.bmp, scores.csv",
        "label_kind": "mos",
        "range": (0.0, 5.0),
        "n_images": 2,
        "n_references": 0,
        "read": read,
        "hub": HUB,
    }
    return Spec(**{**facts, **changes})  # type: ignore[arg-type]


@pytest.fixture
def data(monkeypatch):
    """``data(*arguments)`` calls the command, in which "set" is the only dataset."""
    known = {"set": spec()}
    monkeypatch.setattr(data_command, "_specs", lambda: iter(known.values()))
    monkeypatch.setattr(data_command, "_spec", known.__getitem__)

    def call(*arguments: object, answer: str = ""):
        return CliRunner().invoke(data_command.app, [*map(str, arguments)], input=answer)

    call.known = known  # type: ignore[attr-defined]
    return call


# The command -----------------------------------------------------------------------------


def test_terms_are_shown_first_and_a_no_downloads_nothing(hub, data, tmp_path):
    result = data("fetch", "set", "--to", tmp_path / "to", answer="n\n")
    assert result.exit_code == 1
    for text in ("The set: 2 images", "for research only", "A. Author, The set, 2020"):
        assert text in result.output
    assert hub.asked == []  # nobody is, before the license has been accepted
    result = data("fetch", "set", "--to", tmp_path / "to", answer="y\nn\n")
    assert result.exit_code == 1
    assert f"{hub.address}/datasets/owner/mirror/resolve/{COMMIT}/set.tgz" in result.output
    assert f"{len(hub.data) / 1e6:.2f} MB" in result.output
    assert "not pinned" not in result.output
    assert hub.downloads() == []
    assert not (tmp_path / "to").exists()


def test_without_an_answer_nothing_is_downloaded(hub, data, tmp_path):
    result = data("fetch", "set", "--to", tmp_path / "to")
    assert result.exit_code == 1
    assert "license   for research only" in result.output
    assert hub.asked == []
    assert not (tmp_path / "to").exists()


def test_fetch(hub, data, tmp_path):
    to = tmp_path / "to"
    result = data("fetch", "set", "--to", to, answer="y\ny\n")
    assert result.exit_code == 0, result.output
    assert f"SHA-256   {hub.sha256}" in result.output
    assert "present      2" in result.output
    note = json.loads((to / "SET" / NOTE).read_text())
    assert note.pop("date").count("-") == 2
    assert note == {
        "repository": "owner/mirror",
        "revision": COMMIT,
        "file": "set.tgz",
        "sha256": hub.sha256,
    }
    assert [path.name for path in to.iterdir() if path.name != ".SET.lock"] == ["SET"]
    # Again: no network, no question.
    before = list(hub.asked)
    result = data("fetch", "set", "--to", to)
    assert result.exit_code == 0
    assert "is there already: nothing is fetched" in result.output
    assert hub.asked == before


def test_yes_asks_nothing(hub, data, tmp_path):
    result = data("fetch", "set", "--to", tmp_path / "to", "--yes")
    assert result.exit_code == 0
    assert "Do you" not in result.output
    assert "Download it?" not in result.output
    assert "for research only" in result.output


def test_a_branch_is_shown_as_not_pinned(hub, data, tmp_path):
    data.known["set"] = spec(hub=HubFile("owner/mirror", "main", "set.tgz", "SET"))
    result = data("fetch", "set", "--to", tmp_path / "to", "--yes")
    assert f"{COMMIT} (not pinned: today's main)" in result.output
    assert result.exit_code == 0
    # What was shown is what is downloaded, wherever the branch is by then.
    assert hub.downloads() == [(f"/datasets/owner/mirror/resolve/{COMMIT}/set.tgz", None)]


def test_a_dataset_without_a_mirror_is_one_line(hub, data, tmp_path):
    data.known["set"] = spec(hub=None)
    result = data("fetch", "set", "--to", tmp_path / "to", "--yes")
    assert isinstance(result.exception, ValueError)
    line = str(result.exception)
    assert "\n" not in line
    assert "get it from https://example.org/set" in line
    assert f"iqa-eval data verify set --root {tmp_path / 'to' / 'set'}" in line
    assert hub.asked == []


@pytest.mark.parametrize("why", ["offline", "refused", "absent"])
def test_a_hub_that_is_not_reachable_is_one_line(hub, data, tmp_path, monkeypatch, why):
    from huggingface_hub import constants

    if why == "offline":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    elif why == "refused":
        nowhere = "http://127.0.0.1:9/{repo_id}/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", nowhere)
    else:
        data.known["set"] = spec(hub=HubFile("owner/mirror", COMMIT, "other.tgz", "SET"))
    result = data("fetch", "set", "--to", tmp_path / "to", "--yes")
    assert isinstance(result.exception, ConnectionError)
    line = str(result.exception)
    assert "\n" not in line
    assert "get it from https://example.org/set, put it into" in line
    assert "(images/*.bmp, scores.csv)" in line
    assert not (tmp_path / "to").exists()


def test_verify_and_its_exit_codes(hub, data, tmp_path):
    data("fetch", "set", "--to", tmp_path, "--yes")
    folder = tmp_path / "SET"
    assert data("verify", "set", "--root", folder).exit_code == 0
    (folder / "images" / "b.bmp").unlink()
    result = data("verify", "set", "--root", folder)
    assert result.exit_code == 1
    assert "b.bmp" in result.output
    (folder / "images" / "b.bmp").write_bytes(b"no picture")
    assert data("verify", "set", "--root", folder).exit_code == 1
    # A dataset that was there, and is not whole, is said to be so, not fetched over.
    assert data("fetch", "set", "--to", tmp_path, "--yes").exit_code == 1


def test_list(hub, data, tmp_path):
    data.known["by-hand"] = spec(name="by-hand", hub=None, n_references=3)
    lines = data("list").output.splitlines()
    assert lines[0].split() == ["name", "images", "references", "to", "get", "it", "license"]
    assert lines[1].split() == ["set", "2", "-", "fetch", "for", "research", "only"]
    assert lines[2].split() == ["by-hand", "2", "3", "by", "hand", "for", "research", "only"]
    assert [line.split()[4] for line in data("list", "--root", tmp_path).output.splitlines()] == [
        *("get", "no", "hand")
    ]
    data("fetch", "set", "--to", tmp_path, "--yes")
    (tmp_path / "SET" / "images" / "a.bmp").unlink()
    assert "fetch      1 images" in data("list", "--root", tmp_path).output


def test_our_own_datasets_can_be_listed():
    result = CliRunner().invoke(data_command.app, ["list"])
    assert result.exit_code == 0
    assert "warning" not in result.output
    result = CliRunner().invoke(data_command.app, ["verify", "demo", "--root", "."])
    assert "nothing to verify or to fetch" in str(result.exception)
    result = CliRunner().invoke(data_command.app, ["verify", "demmo", "--root", "."])
    assert "did you mean demo" in str(result.exception)


def test_the_command_itself_loads_nothing_heavy():
    heavy = ("torch", "pandas", "numpy", "PIL", "huggingface_hub", "datasets", "tqdm", "filelock")
    code = f"import sys, harness.data_command\nprint([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert found.stdout == "[]\n", found.stderr


# The download ----------------------------------------------------------------------------


def test_a_download_goes_on_where_it_stopped(hub, tmp_path):
    offer, path = ask(HUB), tmp_path / "x.download"
    path.write_bytes(hub.data[:1000])  # what a killed run left
    assert download(offer, path) == hub.sha256
    assert path.read_bytes() == hub.data
    assert [wanted for _, wanted in hub.downloads()] == ["bytes=1000-"]
    hub.asked.clear()
    assert download(offer, path) == hub.sha256  # whole: only hashed
    assert hub.asked == []


def test_a_transfer_that_breaks_off_keeps_what_has_come(hub, tmp_path, monkeypatch):
    from huggingface_hub import file_download

    monkeypatch.setattr(file_download.time, "sleep", lambda _: None)
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1_000)
    offer, path = ask(HUB), tmp_path / "x.download"
    hub.break_after, hub.transfers = 5_000, 3
    with pytest.raises(ConnectionError, match=r"the transfer broke off: .* run again to go on"):
        download(offer, path)
    assert path.read_bytes() == hub.data[:15_000]
    hub.break_after, hub.transfers = None, 1
    assert download(offer, path) == hub.sha256


def test_damaged_bytes_are_found_and_removed(hub, tmp_path):
    offer, path = ask(HUB), tmp_path / "x.download"
    path.write_bytes(bytes(1000))  # not the start of the file
    with pytest.raises(OSError, match="damaged on its way"):
        download(offer, path)
    assert not path.exists()
    assert download(offer, path) == hub.sha256


def test_a_longer_file_is_no_part_of_it(hub, tmp_path):
    path = tmp_path / "x.download"
    path.write_bytes(hub.data + b"more")
    assert download(ask(HUB), path) == hub.sha256


def test_too_little_room_is_said_before_the_download(hub, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    full = usage._replace(free=int(1.5 * len(hub.data)))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(OSError, match=r"free; fetching takes .* make room, or name another"):
        fetch(spec(), ask(HUB), tmp_path / "to" / "SET")
    assert not (tmp_path / "to" / "SET").exists()
    assert hub.downloads() == []


def test_what_cannot_be_unpacked_leaves_no_dataset(hub, tmp_path):
    hub.data = b"<html>" + bytes(10_000)
    hub.sha256 = hashlib.sha256(hub.data).hexdigest()
    with pytest.raises(ValueError, match=r"not a whole tar, tar\.gz or zip file"):
        fetch(spec(), ask(HUB), tmp_path / "to" / "SET")
    assert not (tmp_path / "to" / "SET").exists()


def test_one_process_at_a_time(hub, tmp_path):
    with (
        FileLock(tmp_path / ".SET.lock"),
        pytest.raises(OSError, match="another process is fetching set"),
    ):
        fetch(spec(), ask(HUB), tmp_path / "SET")
