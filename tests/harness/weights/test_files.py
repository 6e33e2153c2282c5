"""The table: what packages list, and the names by which it is asked."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.model import Unavailable
from harness.registry import BrokenPlugin, Entry, UnknownName
from harness.weights import WeightsFile, local_files, table
from harness.weights import files as files_module
from harness.weights.files import chosen

FACTS = dict.fromkeys(("model", "file", "summary", "license", "address", "page"), "x")


def test_a_file_that_nothing_can_tell_from_another_is_not_listed():
    with pytest.raises(ValueError, match="'a': give a size, a sha256 or a check"):
        WeightsFile("a", **FACTS)
    assert WeightsFile("a", **FACTS, size=1).size == 1


def test_names_of_files_and_of_models(listed):
    a, b, other = listed("net-a"), listed("net-b"), listed("other-a", model="other")
    assert table() == {"net-a": a, "net-b": b, "other-a": other}
    assert chosen(["net"]) == [a, b]
    assert chosen(["other-a", "net-b", "net", "other"]) == [other, b, a]
    with pytest.raises(UnknownName, match=r"unknown weights 'netb'; did you mean net-b, "):
        chosen(["netb"])
    with pytest.raises(UnknownName, match="did you mean other, other-a"):
        chosen(["othr"])


def test_a_broken_package_costs_a_warning_and_a_name_has_one_owner(monkeypatch):
    def fail():
        raise ImportError("no module")

    one, two = WeightsFile("a", **FACTS, size=1), WeightsFile("a", **FACTS, size=2)
    entries = {
        "broken": Entry("broken", "x:y", "broken 1", SimpleNamespace(load=fail)),
        "fine": Entry("fine", "x:y", "fine 1", SimpleNamespace(load=lambda: (one,))),
    }
    monkeypatch.setattr(files_module, "entries", lambda group: entries)
    with pytest.warns(UserWarning, match="'broken' of broken 1 cannot be loaded"):
        assert table() == {"a": one}
    entries["broken"] = Entry("b", "x:y", "second 2", SimpleNamespace(load=lambda: (two,)))
    with pytest.raises(BrokenPlugin, match="both second 2 and fine 1 list weights 'a'"):
        table()


def test_a_package_of_a_stranger_is_listed(install):
    code = (
        "from harness.weights import WeightsFile\n"
        f"FILES = [WeightsFile('theirs-a', **{FACTS}, size=1)]\n"
    )
    install("theirs", code, {"weights": {"theirs": "FILES"}})
    assert table()["theirs-a"].size == 1


def test_local_files(listed, cache):
    listed("net-a", file="Official Name.tar")
    with pytest.raises(Unavailable) as caught:
        local_files(["net-a"])
    assert caught.value.reason == "Official Name.tar of net is not here"
    assert caught.value.command == "iqa-eval weights fetch net-a"
    path = cache / "weights" / "net" / "Official Name.tar"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    assert local_files(["net-a"])["net-a"] == path
    with pytest.raises(UnknownName, match="did you mean net-a"):
        local_files(["net-b"])


def test_all_that_is_lacking_is_fetched_by_one_command(listed, cache):
    listed("net-a"), listed("net-b")
    with pytest.raises(Unavailable) as caught:
        local_files(["net-a", "net-b"])
    assert caught.value.reason == "net-a.pth of net and net-b.pth of net are not here"
    assert caught.value.command == "iqa-eval weights fetch net-a net-b"


@pytest.mark.parametrize(
    "listed",
    [42, ["x"], [WeightsFile("a", "..", "f", "s", "l", "h", "p", 1)]],
    ids=["no list", "no files", "a folder elsewhere"],
)
def test_a_list_that_cannot_be_used_costs_a_warning(monkeypatch, listed):
    point = SimpleNamespace(load=lambda: listed)
    monkeypatch.setattr(
        files_module, "entries", lambda group: {"odd": Entry("odd", "x:y", "odd 1", point)}
    )
    with pytest.warns(UserWarning, match="'odd' of odd 1 lists what are no weights files"):
        assert table() == {}


def test_two_files_of_one_place_are_refused(monkeypatch):
    files = [WeightsFile(name, "m", "f", "s", "l", "h", "p", 1) for name in ("a", "b")]
    point = SimpleNamespace(load=lambda: files)
    monkeypatch.setattr(
        files_module, "entries", lambda group: {"odd": Entry("odd", "x:y", "odd 1", point)}
    )
    with pytest.raises(BrokenPlugin, match="list weights 'b'"):
        table()
