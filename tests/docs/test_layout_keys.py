"""What the book says of the keys of a layout, against what is read."""

from __future__ import annotations

import re
from typing import get_args

import pytest
import yaml

from harness.tabling.spec import Heading, Line, Spec
from tests.docs.book import DOCS

TEXT = (DOCS / "reproduce-a-table.md").read_text("utf-8")
PARTS = {"The keys of the file": Spec, "Keys of a line": Line, "Keys of a column": Heading}
COMES_FROM_ELSEWHERE = {"name", "split", "metric", "heading", "span"}  # a default in words
EACH = pytest.mark.parametrize(
    ("head", "part"), PARTS.items(), ids=[p.__name__ for p in PARTS.values()]
)


def told(head: str) -> dict[str, tuple[str, str]]:
    """Value and default by key, of the first table after ``head``."""
    after = TEXT.split(f"\n{head}", 1)[1]
    table = after[after.index("\n|") :].split("\n\n", 1)[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| ?(.*?) ?\|$", table, re.MULTILINE)
    return {key: (value, default) for key, value, default in rows}


@EACH
def test_each_key_is_told_in_the_order_of_the_schema(head: str, part: type) -> None:
    assert list(told(head)) == list(part.model_fields)


@EACH
def test_defaults_are_those_of_the_schema(head: str, part: type) -> None:
    for key, (_, default) in told(head).items():
        field = part.model_fields[key]
        if default.startswith("`"):
            value = yaml.safe_load(default.strip("`"))
            assert type(field.default)(value) == field.default, key
        elif default:
            assert key in COMES_FROM_ELSEWHERE
            assert field.is_required() or not field.default
        else:
            assert field.is_required() or field.default is None, key


def test_every_value_of_show_is_told() -> None:
    value, _ = told("The keys of the file")["show"]
    assert set(re.findall(r"`(\w+)`", value)) == set(get_args(Spec.model_fields["show"].annotation))
