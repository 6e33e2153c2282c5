"""The command ``weights``: what is shown, what is asked, and its exit codes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.weights.store import place
from harness.weights_command import app
from tests.harness.weights.conftest import DATA, END

ROOT = Path(__file__).parents[3]
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def weights():
    """``weights(*arguments)`` calls the command."""

    def call(*arguments: object, answer: str = ""):
        return CliRunner().invoke(app, [*map(str, arguments)], input=answer)

    return call


def test_terms_are_shown_first_and_a_no_downloads_nothing(server, listed, weights):
    listed("net-a", license="CC-BY-NC")
    listed("net-b", size=len(DATA), sha256=SHA256)
    result = weights("fetch", "net", answer="n\n")
    assert result.exit_code == 1
    for text in (
        *("net-a: net, encoder", "license   CC-BY-NC", f"from      {server.address}/here"),
        *("page      https://example.org/page", "size      unknown", "none is published: it is"),
        *("net-b: net, encoder", "size      0.02 MB", "SHA-256   published"),
    ):
        assert text in result.output
    assert server.probes == len(server.asked) == 0
    assert weights("fetch", "net").exit_code == 1  # no answer is no
    assert server.probes == 0


def test_fetch(server, listed, weights, cache):
    a, b = listed("net-a"), listed("net-b", size=len(DATA), sha256=SHA256)
    result = weights("fetch", "net", answer="y\n")
    assert result.exit_code == 0, result.output
    assert f"net-a is at {cache / 'weights' / 'net' / 'net-a.pth'}" in result.output
    assert f"SHA-256   {SHA256} (recorded; none is published)" in result.output
    assert f"SHA-256   {SHA256} (as published)" in result.output
    assert place(a).read_bytes() == place(b).read_bytes() == DATA
    # Again: no network, no question.
    before = server.probes
    result = weights("fetch", "net-a", "net")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        f"net-a is here already: {place(a)}",
        f"net-b is here already: {place(b)}",
    ]
    assert server.probes == before


def test_what_is_damaged_here_is_fetched_again(server, listed, weights):
    file = listed()
    weights("fetch", "net", "--yes")
    place(file).write_bytes(b"changed" + END)
    result = weights("fetch", "net", "--yes")
    assert result.exit_code == 0
    assert "net-a is here, but its SHA-256 is" in result.output
    assert place(file).read_bytes() == DATA
    assert len(server.asked) == 2


def test_a_file_that_fails_does_not_keep_the_others(server, listed, weights):
    listed("net-a", address=f"{server.address}/absent")
    b = listed("net-b")
    result = weights("fetch", "net", "--yes")
    assert result.exit_code == 1
    (line,) = [line for line in result.output.splitlines() if line.startswith("net-a: http")]
    assert "the server answers 404; try again later, or get net-a.pth in a browser" in line
    assert place(b).read_bytes() == DATA


def test_list(server, listed, weights):
    listed("net-a", license="MIT", file="a.pth")
    listed("net-b", size=120_000_000, sha256=SHA256)
    expected = ["name", "here", "official", "file", "size", "SHA-256", "license"]
    lines = [line.split() for line in weights("list").output.splitlines()]
    tail = ["net:", "encoder"]
    assert lines[:2] == [
        [*expected, "what", "it", "is"],
        ["net-a", "no", "a.pth", "unknown", "unknown", "MIT", *tail],
    ]
    assert lines[2][:6] == ["net-b", "no", "net-b.pth", "120.00", "MB", "published"]
    weights("fetch", "net-a", "--yes")
    lines = [line.split() for line in weights("list").output.splitlines()]
    assert lines[1] == ["net-a", "yes", "a.pth", "0.02", "MB", "recorded", "MIT", *tail]


def test_add(listed, weights, tmp_path):
    file = listed()
    given = tmp_path / "net-a.pth"
    given.write_bytes(DATA)
    result = weights("add", "net", given)
    assert result.exit_code == 0
    assert result.output.startswith(f"net-a is at {place(file)}\n")
    assert "(recorded; none is published)" in result.output
    result = weights("add", "net-a", tmp_path / "absent")
    assert isinstance(result.exception, FileNotFoundError)


def test_verify_and_its_exit_codes(server, listed, weights, tmp_path):
    a, b, c = (listed(n) for n in ("net-a", "net-b", "net-c"))
    d = listed("net-d", sha256=SHA256)
    result = weights("verify")
    assert (result.exit_code, "no weights are here" in result.output) == (0, True)
    weights("fetch", "net", "--yes")
    place(b).with_name("net-b.pth.json").unlink()
    result = weights("verify")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "  ok    net-a: its SHA-256 is the one recorded when it came (none is published)",
        "  ok    net-b: no SHA-256 is known to compare it with",
        "  ok    net-c: its SHA-256 is the one recorded when it came (none is published)",
        "  ok    net-d: its SHA-256 is the published one",
    ]
    for file in (a, b, d):
        place(file).write_bytes(b"changed" + END)
    place(c).unlink()
    result = weights("verify", "net")
    lines = result.output.splitlines()
    assert result.exit_code == 1
    assert lines[0].startswith("  WRONG net-a: its SHA-256 is ")
    assert lines[1].startswith("  ok    net-b")  # of which nothing was recorded
    assert lines[2] == ("  WRONG net-c: it is not here; to get it: iqa-eval weights fetch net-c")
    assert lines[3].endswith(f"the published one is {SHA256}")
    place(a).unlink(), place(d).unlink()
    assert weights("verify").exit_code == 0


def test_the_command_itself_loads_nothing_heavy():
    heavy = ("torch", "pandas", "numpy", "huggingface_hub", "tqdm", "filelock", "httpx")
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom harness.weights_command import app\n"
        "assert CliRunner().invoke(app, ['list']).exit_code == 0\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert found.stdout == "[]\n", found.stderr
