import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.canonical import canonical_json, digest, slug
from harness.errors import message, portable, without_folders

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)  # fmt: skip


@given(VALUES)
def test_it_is_json_of_the_value(value):
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(max_size=5), st.integers(), min_size=2))
def test_the_order_of_keys_does_not_matter(value):
    backwards = dict(reversed(value.items()))
    assert digest(value) == digest(backwards)


def test_equal_values_have_equal_text_and_others_another():
    assert canonical_json({"b": (1, 2), "a": "ä"}) == '{"a":"ä","b":[1,2]}'
    assert digest(["ab", "c"]) != digest(["a", "bc"])
    assert digest(1) != digest("1")
    assert canonical_json({"weights": Path("w.safetensors")}) == '{"weights":"w.safetensors"}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1, {"x": -float("inf")}]])
def test_nan_and_infinity_are_refused(value):
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json(value)


def test_what_has_no_text_is_refused():
    with pytest.raises(TypeError, match="object"):
        canonical_json({"x": object()})


@given(st.text(max_size=300), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2))
def test_a_slug_is_a_safe_name_of_one_folder(name, options):
    found = slug(name, options)
    assert found not in ("", ".", "..")
    assert not set(found) & set('/\\:*?"<>| \n\0')
    assert len(found.encode()) <= 100


@given(st.lists(st.text(max_size=100), unique=True, min_size=2, max_size=20))
def test_different_names_have_different_slugs(names):
    assert len({slug(name) for name in names}) == len(names)


def test_a_plain_name_stays_as_it_is_and_options_show():
    assert slug("resnet50.a1_in1k") == "resnet50.a1_in1k"
    assert slug("timm:resnet50").startswith("timm-resnet50--")
    assert len({slug("m"), slug("m", {"a": 1}), slug("m", {"a": 2})}) == 3


def test_records_hold_no_folder_of_this_machine():
    text = "/tmp/x/labels.csv: no such table (looked in /a/b); https://a.b/c/d; 1/64 of it"
    cut = "…/labels.csv: no such table (looked in …/b); https://a.b/c/d; 1/64 of it"
    assert without_folders(text) == cut
    quoted = """no file '/home/me/My Cache/a b.json', nor "/mnt/it's/x"; don't say '/' or 'a/b/c'"""
    cut = """no file '…/a b.json', nor "…/x"; don't say '/' or 'a/b/c'"""
    assert without_folders(quoted) == cut
    assert without_folders("not '/home/me/My Cache/state.js") == "not '…/state.js'"  # cut short
    lost = OSError(5, "Input/output error", "/home/me/My Cache/state.json")
    assert without_folders(message(lost)) == "'…/state.json': Input/output error"
    options = {"splits": "/data/LIVE/splits", "fractions": [0.1], "other": "70/10/20"}
    assert portable(options) == {**options, "splits": "splits"}
