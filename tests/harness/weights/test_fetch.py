"""Fetching and adding: only the right file gets its place, whatever a server or a user gives."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock

from harness.registry import UnknownName
from harness.weights import local_files
from harness.weights.fetch import add, fetch
from harness.weights.store import note_path, place, verify
from tests.harness.weights.conftest import DATA, END, Server

ROOT = Path(__file__).parents[3]
SHA256 = hashlib.sha256(DATA).hexdigest()


def left(cache: Path) -> set[str]:
    """Names of all files in the cache but locks."""
    return {p.name for p in cache.rglob("*") if p.is_file() and p.suffix != ".lock"}


def parts(cache: Path) -> list[Path]:
    return list(cache.rglob(".*.part"))


# From a server ---------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("says_size", [True, False])
def test_fetch(server, listed, cache, known, ranges, says_size):
    server.ranges, server.says_size = ranges, says_size
    file = listed(**({"size": len(DATA), "sha256": SHA256} if known else {}))
    assert fetch(file) == SHA256
    assert local_files(["net-a"])["net-a"].read_bytes() == DATA
    assert left(cache) == {"net-a.pth", "net-a.pth.json"}
    note = json.loads(note_path(file).read_text())
    assert note.pop("date") == datetime.now(UTC).date().isoformat()
    assert note == {"sha256": SHA256, "size": len(DATA), "origin": file.address}
    verify(file)


def test_what_was_interrupted_goes_on(server, listed, cache):
    file = listed()
    server.break_after, server.ranges = 9_000, False
    with pytest.raises(ConnectionError, match=r"kept: run again to go on, or get net-a\.pth"):
        fetch(file)
    (part,) = parts(cache)
    assert part.read_bytes() == DATA[:9_000]
    server.break_after, server.ranges = None, True
    server.asked.clear()
    assert fetch(file) == SHA256
    assert server.asked == ["bytes=9000-"]
    assert left(cache) == {"net-a.pth", "net-a.pth.json"}


def test_a_part_that_is_whole_is_not_asked_for_again(server, listed, cache):
    file = listed()
    server.break_after, server.ranges = 9_000, False
    with pytest.raises(ConnectionError):
        fetch(file)
    parts(cache)[0].write_bytes(DATA)
    server.asked.clear()
    assert fetch(file) == SHA256
    assert server.asked == []


@pytest.mark.parametrize("known", [True, False])
def test_a_part_of_another_version_is_not_gone_on_with(server, listed, cache, known):
    file = listed(**({"size": len(DATA), "sha256": SHA256} if known else {}))
    server.data, server.etag = bytes(len(DATA)), '"old"'
    server.break_after, server.ranges = 9_000, False
    with pytest.raises(ConnectionError):
        fetch(file)
    server.data, server.etag, server.break_after, server.ranges = DATA, '"new"', None, True
    server.asked.clear()
    if known:  # a SHA-256 finds it out in the end
        with pytest.raises(ValueError, match=r"\(removed\): its SHA-256 is "):
            fetch(file)
        assert left(cache) == set()
        server.asked.clear()
    assert fetch(file) == SHA256
    assert server.asked == [None]


@pytest.mark.parametrize("what", ["etag", "says_size"])
def test_a_part_of_one_knows_not_what_is_begun_anew(server, listed, cache, what):
    file = listed()
    setattr(server, what, None)
    server.break_after, server.ranges = 9_000, False
    if what == "etag":
        with pytest.raises(ConnectionError, match=r"; run again to go on, or get net-a\.pth"):
            fetch(file)
    else:  # the end of the transfer is all that tells the end of the file
        with pytest.raises(ValueError, match="it has no end"):
            fetch(file)
        part = place(file).with_name(".net-a.pth-0123456789ab.part")
        part.write_bytes(DATA[:9_000])
    server.break_after, server.ranges = None, True
    server.asked.clear()
    assert fetch(file) == SHA256
    assert server.asked == [None]
    assert left(cache) == {"net-a.pth", "net-a.pth.json"}


def test_a_part_that_is_longer_than_the_file_is_begun_anew(server, listed, cache):
    file = listed()
    server.break_after, server.ranges = 9_000, False
    with pytest.raises(ConnectionError):
        fetch(file)
    parts(cache)[0].write_bytes(DATA + b"more")
    server.break_after = None
    assert fetch(file) == SHA256


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"sha256": 64 * "0"}, f"its SHA-256 is {SHA256}, the published one is {64 * '0'}"),
        ({"size": len(DATA) + 1}, rf"offers {len(DATA)} bytes, the published net-a.pth has "),
        ({"check": lambda path: 1 / 0}, r"\(removed\): division by zero; run again, or get"),
        ({"check": lambda path: json.loads(path.open("rb").read(2))}, r"\(removed\): "),
    ],
)
def test_what_is_not_the_file_gets_no_place(server, listed, cache, facts, why):
    file = listed(**facts)
    with pytest.raises(ValueError, match=why) as caught:
        fetch(file)
    line = str(caught.value)
    assert "\n" not in line
    assert line.endswith(
        "get net-a.pth in a browser from https://example.org/page, "
        "then: iqa-eval weights add net-a FILE"
    )
    assert left(cache) == set()


def test_a_size_that_is_wrong_after_all_is_found(server, listed, cache):
    server.says_size = server.ranges = False
    with pytest.raises(ConnectionError, match="the transfer broke off: OSError: Consistency"):
        fetch(listed(size=len(DATA) + 5, sha256=SHA256))
    assert not place(listed()).exists()


def test_a_truncated_file_of_unknown_size_gets_no_place(server, listed, cache):
    server.says_size, server.ranges, server.break_after = False, False, 12_000
    with pytest.raises(ValueError, match=r"\(removed\): net-a.pth: it has no end"):
        fetch(listed())
    assert left(cache) == set()


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream"])
@pytest.mark.parametrize("known", [True, False])
def test_a_web_page_is_not_taken_for_the_file(server, listed, cache, kind, known):
    server.data, server.kind = b"\n<!doctype HTML><p>Quota exceeded", kind
    server.says_size = server.ranges = False
    file = listed(**({"size": len(DATA), "sha256": SHA256} if known else {}))
    with pytest.raises(ValueError, match=r"here gives a web page and not net-a.pth: get net-a"):
        fetch(file)
    assert left(cache) == set()
    assert server.asked == ([] if kind == "text/html" else [None])


def test_a_page_does_not_cost_what_has_come(server, listed, cache):
    file = listed()
    server.break_after, server.ranges = 9_000, False
    with pytest.raises(ConnectionError):
        fetch(file)
    server.data, server.kind, server.etag = b"<html>", "text/html", None
    with pytest.raises(ValueError, match="web page"):
        fetch(file)
    assert [part.stat().st_size for part in parts(cache)] == [9_000]


@pytest.mark.parametrize("address", ["/absent", "refused"])
def test_without_the_server_it_is_said_what_to_do(server, listed, cache, address):
    at = f"{server.address}/absent" if address == "/absent" else "http://127.0.0.1:9/x"
    with pytest.raises(ConnectionError, match="cannot be had: ") as caught:
        fetch(listed(address=at))
    assert "\n" not in str(caught.value)
    assert "try again later, or get net-a.pth in a browser from https://example" in str(
        caught.value
    )


def test_redirects_are_followed(server, listed):
    assert fetch(listed(address=f"{server.address}/moved")) == SHA256


def test_a_full_disk_is_said_before_the_download(server, listed, cache, monkeypatch):
    usage = shutil.disk_usage(ROOT)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match=r"fetching takes 0.02 MB: make room, or .*IQA_EVAL_CACHE"):
        fetch(listed())
    assert server.asked == []


def test_one_process_at_a_time(server, listed, cache):
    file = listed()
    place(file).parent.mkdir(parents=True)
    with (
        FileLock(place(file).with_name(".net-a.pth.lock")),
        pytest.raises(OSError, match="another process is fetching or adding net-a"),
    ):
        fetch(file)


def test_a_kill_keeps_what_has_come(server: Server, install, cache, tmp_path):
    """With SIGKILL, in a process of its own, in which nothing is replaced."""
    server.data = 30 * 1024 * 1024 * b"x" + END
    server.hold_after = 25 * 1024 * 1024
    facts = {name: "k" for name in ("model", "summary", "license", "page")}
    code = f"""
from harness.weights import WeightsFile

def check(path):
    if not path.read_bytes().endswith({END!r}):
        raise ValueError("no end")

FILES = [
    WeightsFile("k-a", **{facts}, file="k.tar", address="{server.address}/here", check=check)
]
"""
    site = install("killed", code, {"weights": {"killed": "FILES"}})
    command = [
        *(sys.executable, "-c", "from harness.weights_command import app; app()"),
        *("fetch", "k-a", "--yes"),
    ]
    env = {**os.environ, "PYTHONPATH": str(site)}
    with subprocess.Popen(command, env=env, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while not any(part.stat().st_size >= 20 * 1024 * 1024 for part in parts(cache)):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert left(cache) == {parts(cache)[0].name}
    come = parts(cache)[0].stat().st_size
    server.hold_after = None
    server.go.set()
    server.asked.clear()
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert server.asked == [f"bytes={come}-"]
    assert (cache / "weights" / "k" / "k.tar").read_bytes() == server.data
    assert hashlib.sha256(server.data).hexdigest() in done.stdout


# From a file -----------------------------------------------------------------------------


def test_add(listed, cache, tmp_path):
    file = listed(size=len(DATA), sha256=SHA256)
    given = tmp_path / "downloaded (1).pth"
    given.write_bytes(DATA)
    assert add("net-a", given) == (file, SHA256)
    assert given.read_bytes() == DATA == local_files(["net-a"])["net-a"].read_bytes()
    assert json.loads(note_path(file).read_text())["origin"] == str(given)
    assert left(cache) == {"net-a.pth", "net-a.pth.json"}
    assert add("net-a", local_files(["net-a"])["net-a"])[1] == SHA256  # from its own place


def test_a_model_and_an_official_name_are_enough(listed, cache, tmp_path):
    listed("net-a"), listed("net-b")
    given = tmp_path / "net-b.pth"
    given.write_bytes(DATA)
    assert add("net", given)[0].name == "net-b"
    given = given.rename(tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"which file of net is .*/x\.pth\? name it: net-a \(net"):
        add("net", given)


def test_the_name_of_another_file_is_refused(listed, cache, tmp_path):
    listed("net-a"), listed("net-b")
    given = tmp_path / "net-b.pth"
    given.write_bytes(DATA)
    with pytest.raises(ValueError, match=r"another file: try iqa-eval weights add net-b /"):
        add("net-a", given)
    with pytest.raises(UnknownName, match="did you mean net"):
        add("nett", given)
    assert left(cache) == set()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has 0 bytes, the published file has "),
        (DATA[:-1], "it has 20006 bytes, the published file has 20007"),
        (DATA[:-1] + b"x", "its SHA-256 is "),
        (b"<!DOCTYPE html>", "it is a web page"),
    ],
)
def test_a_file_that_is_not_it_is_not_copied(listed, cache, tmp_path, content, why):
    listed(size=len(DATA), sha256=SHA256)
    given = tmp_path / "mine.pth"
    given.write_bytes(content)
    with pytest.raises(ValueError, match=why) as caught:
        add("net-a", given)
    assert str(caught.value).startswith(f"{given} is not net-a.pth of net: ")
    assert left(cache) == set()
    assert given.exists()


def test_a_file_that_fails_its_check_replaces_nothing(listed, cache, tmp_path):
    listed()
    given = tmp_path / "mine.pth"
    given.write_bytes(DATA)
    add("net-a", given)
    given.write_bytes(b"another")
    with pytest.raises(ValueError, match=r"net-a\.pth: it has no end; it is found at https"):
        add("net-a", given, replace=True)
    assert local_files(["net-a"])["net-a"].read_bytes() == DATA
    verify(listed())


def test_another_file_replaces_the_first_only_if_told(listed, cache, tmp_path):
    file = listed()
    given = tmp_path / "mine.pth"
    given.write_bytes(DATA)
    add("net-a", given)
    given.write_bytes(b"other" + END)
    with pytest.raises(ValueError, match=r"another net-a is here since .*: --replace puts"):
        add("net-a", given)
    assert local_files(["net-a"])["net-a"].read_bytes() == DATA
    add("net-a", given, replace=True)
    assert local_files(["net-a"])["net-a"].read_bytes() == given.read_bytes()
    verify(file)


def test_bytes_that_are_here_under_another_name_are_refused(listed, cache, tmp_path):
    listed("net-a"), listed("net-b")
    given = tmp_path / "mine (1).pth"
    given.write_bytes(DATA)
    add("net-a", given)
    with pytest.raises(ValueError, match="is not net-b: it is here already as net-a"):
        add("net-b", given)


def test_a_wrong_file_costs_no_part_of_a_download(listed, cache, tmp_path):
    file = listed(size=len(DATA), sha256=SHA256)
    part = place(file).with_name(".net-a.pth-0123456789ab.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(DATA[:100])
    given = tmp_path / "mine.pth"
    given.write_bytes(DATA[:-1])
    with pytest.raises(ValueError, match="is not net-a"):
        add("net-a", given)
    assert part.exists()
    given.write_bytes(DATA)
    add("net-a", given)
    assert not part.exists()


def test_a_file_that_was_damaged_here_is_not_used(listed, cache, tmp_path):
    file = listed()
    given = tmp_path / "mine.pth"
    given.write_bytes(DATA)
    add("net-a", given)
    place(file).write_bytes(b"x" + DATA[1:])
    with pytest.raises(ValueError, match=r"it was [0-9a-f]{64} on .*: iqa-eval weights fetch"):
        local_files(["net-a"])


@pytest.mark.parametrize("note", ["[" * 200_000, "[]", '{"sha256": 1}'])
def test_a_damaged_note_is_one_line(listed, cache, tmp_path, note):
    file = listed()
    given = tmp_path / "mine.pth"
    given.write_bytes(DATA)
    add("net-a", given)
    note_path(file).write_text(note)
    with pytest.raises(ValueError, match=r"its note .* is damaged: remove it"):
        verify(file)


def test_a_file_that_is_not_there(listed, tmp_path):
    listed()
    with pytest.raises(FileNotFoundError):
        add("net-a", tmp_path / "absent")
    with pytest.raises(IsADirectoryError):
        add("net-a", tmp_path)


def test_what_has_changed_here_is_found(server, listed, cache):
    file = listed()
    fetch(file)
    place(file).write_bytes(b"changed" + END)
    with pytest.raises(ValueError, match=f"its SHA-256 is .*, it was {SHA256} on 2"):
        verify(file)
    note_path(file).write_text("{}")
    with pytest.raises(ValueError, match=r"its note .*net-a.pth.json is damaged"):
        verify(file)
    note_path(file).unlink()  # put there by hand: its check is all that there is
    verify(file)
    place(file).write_bytes(b"changed")
    with pytest.raises(ValueError, match=r"net-a\.pth: it has no end"):
        verify(file)
