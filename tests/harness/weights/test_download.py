"""One resumable download, from servers with and without ranges that break off at will."""

from __future__ import annotations

import errno
import io

import pytest
from huggingface_hub import constants

from harness import download as downloading
from harness.download import ask, download, held, is_page, require_room
from tests.harness.weights.conftest import DATA


@pytest.mark.parametrize("ranges", [True, False])
def test_ask(server, ranges):
    server.ranges = ranges
    found = ask(f"{server.address}/here")
    assert (found.size, found.version, found.is_page) == (len(DATA), '"one"', False)
    assert ask(f"{server.address}/moved") == found


def test_what_a_server_does_not_say_is_unknown(server):
    server.says_size = server.ranges = False
    server.etag, server.kind = None, "text/html; charset=utf-8"
    found = ask(server.address)
    assert (found.size, found.version, found.is_page) == (None, None, True)


@pytest.mark.parametrize("why", ["absent", "refused", "offline"])
def test_a_server_that_cannot_be_asked_is_one_line(server, monkeypatch, why):
    address = f"{server.address}/absent"
    if why == "refused":
        address = "http://127.0.0.1:9/x"
    if why == "offline":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError, match="cannot be had: ") as caught:
        ask(address)
    assert "\n" not in str(caught.value)
    # Without the address, whose port can hold the same digits.
    assert ("404" in str(caught.value).replace(address, "")) == (why == "absent")


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("have", [0, 5_000, len(DATA)])
@pytest.mark.parametrize("size", [len(DATA), None])
def test_a_part_becomes_the_file(server, tmp_path, ranges, have, size):
    server.ranges = ranges
    path = tmp_path / "x.part"
    path.write_bytes(DATA[:have])
    download(server.address, path, size=size, shown="x")
    assert path.read_bytes() == DATA
    if size is None or have == 0:
        assert server.asked == [None]
    else:
        assert server.asked == ([] if have == size else [f"bytes={have}-"])


def test_a_transfer_that_breaks_off_goes_on_by_itself(server, tmp_path):
    server.break_after = 6_000
    download(server.address, tmp_path / "x", size=None, shown="x")
    assert (tmp_path / "x").read_bytes() == DATA
    assert server.asked == [None, "bytes=6000-", "bytes=12000-", "bytes=18000-"]


def test_a_server_that_never_comes_to_an_end_is_given_up(server, tmp_path):
    server.break_after, server.ranges = 6_000, False
    with pytest.raises(ConnectionError, match=r"the transfer broke off: .* begins anew each time"):
        download(server.address, tmp_path / "x", size=len(DATA), shown="x")
    assert len(server.asked) == downloading.RESTARTS + 2
    server.break_after = None
    download(server.address, tmp_path / "x", size=len(DATA), shown="x")
    assert (tmp_path / "x").read_bytes() == DATA


def test_nothing_is_sent_that_others_should_not_see(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    seen = []
    original = server.RequestHandlerClass.do_GET

    def look(handler):
        seen.append(dict(handler.headers))
        original(handler)

    monkeypatch.setattr(server.RequestHandlerClass, "do_GET", look)
    ask(server.address)
    download(server.address, tmp_path / "x", size=None, shown="x")
    assert len(seen) == 2
    assert not any("secret" in str(headers) for headers in seen)


def test_a_full_disk_is_said_to_be_one(server, tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(downloading.io, "FileIO", Full)
    with pytest.raises(OSError, match=r"cannot hold x: No space left on device; put that right"):
        download(server.address, tmp_path / "x", size=len(DATA), shown="x")


def test_a_folder_that_cannot_be_written_is_said_to_be_one(server, tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(OSError, match="cannot hold x: Is a directory"):
        download(server.address, tmp_path / "x", size=None, shown="x")


def test_room(tmp_path):
    require_room(tmp_path, 1, "--to")
    with pytest.raises(OSError, match=r"make room, or name another folder with --to"):
        require_room(tmp_path, 10**18, "--to")


def test_held(tmp_path):
    path = tmp_path / "x"
    assert held(path, 5) == 0
    path.write_bytes(b"12345")
    assert held(path, 5) == 5
    assert held(path, 4) == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("content", "page"),
    [
        (b"<!DOCTYPE html><html>", True),
        (b"\xef\xbb\xbf\n  <HTML lang=en>", True),
        (b'<?xml version="1.0"?><Error>', True),
        (b"", False),
        (b"PK\x03\x04", False),
        (b"\x80\x03csklearn", False),
        (b"<a\x00\x00\x00\x00\x00\x00{", False),  # a safetensors header of 24,892 bytes
    ],
)
def test_web_pages_are_known(tmp_path, content, page):
    (tmp_path / "x").write_bytes(content)
    assert is_page(tmp_path / "x") == page


def test_a_server_that_sends_more_than_the_file_has_is_stopped(server, tmp_path):
    server.says_size = server.ranges = False
    path = tmp_path / "x.part"
    with pytest.raises(ConnectionError, match="sends more than 500 bytes"):
        download(server.address, path, size=500, shown="x")
    assert path.stat().st_size <= 500


def test_a_server_that_never_ends_is_stopped(server, tmp_path, monkeypatch):
    server.says_size = False
    monkeypatch.setattr(downloading, "LIMIT", 1000)
    with pytest.raises(ConnectionError, match="sends more than 1,000 bytes"):
        download(server.address, tmp_path / "x.part", size=None, shown="x")
