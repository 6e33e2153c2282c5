"""Links: nothing is written or removed outside the folder that someone names."""

from __future__ import annotations

import pytest

from harness.collection import add, merge
from harness.collection.folders import sweep
from tests.harness.collection.test_collection import files, keep, row, tell


@pytest.mark.parametrize("name", ["alpha", "alpha/tiny", "scores", "datasets"])
@pytest.mark.parametrize("how", ["add", "merge"])
def test_nothing_is_written_through_a_link(tmp_path, name, how):
    run, kept, elsewhere = (tmp_path / each for each in ("run", "kept", "elsewhere"))
    keep(run, row())
    keep(kept, row(model="beta"))
    tell(run, "tiny", "l1")
    elsewhere.mkdir()
    if name == "scores":
        for path in (kept / name).iterdir():
            path.rename(elsewhere / path.name)
        (kept / name).rmdir()
    (kept / name).parent.mkdir(exist_ok=True)
    (kept / name).symlink_to(elsewhere)
    before = files(kept), files(elsewhere)
    with pytest.raises(ValueError, match=rf"kept/{name}\S* leads through a link to .*elsewhere"):
        add(run, kept) if how == "add" else merge([run], kept)
    assert (files(kept), files(elsewhere)) == before


def test_what_lies_behind_a_link_is_not_swept(tmp_path):
    kept, elsewhere = tmp_path / "kept", tmp_path / "elsewhere"
    keep(kept, row(), scores={"a": 1.0})
    (kept / "scores").rename(elsewhere)
    (kept / "scores").symlink_to(elsewhere)
    before = files(elsewhere)
    (kept / "alpha/tiny/correlation.json").unlink()
    sweep(kept, {f"scores/{path.name}" for path in elsewhere.iterdir()})
    assert files(elsewhere) == before


@pytest.mark.parametrize("how", ["add", "merge"])
def test_a_link_to_nowhere_is_named(tmp_path, how):
    keep(tmp_path / "run", row())
    (tmp_path / "kept").symlink_to(tmp_path / "nowhere")
    run, kept = tmp_path / "run", tmp_path / "kept"
    with pytest.raises(ValueError, match=r"kept is a link to .*nowhere, where no folder is$"):
        add(run, kept) if how == "add" else merge([run], kept)
