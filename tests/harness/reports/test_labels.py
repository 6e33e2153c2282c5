"""What models are called: with their options, uniquely, and in the same way every time."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.canonical import canonical_json, slug
from harness.records import Row
from harness.reports.figures import figures
from harness.reports.formats import markdown, table_csv
from harness.reports.groups import group
from harness.reports.labels import Variant, labels
from harness.reports.tables import tables

MakeRow = Callable[..., Row]


def variant(name: str = "m", version: str = "1", weights: str = "", **options: object) -> Variant:
    return Variant(name, version, weights, canonical_json(options))


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({}, "m"),
        ({"variant": "quality"}, "m (variant quality)"),
        ({"head": "live", "variant": "whole"}, "m (variant whole, head live)"),
        ({"weights": "0123456789abcdef"}, "m (weights 01234567)"),
        ({"weights": "0123456789abcdef+fedcba9876543210"}, "m (weights 01234567+fedcba98)"),
        ({"size": [224, 224], "crop": True, "seed": 2**60}, None),
    ],
)
def test_options_are_always_shown(options: dict[str, object], label: str | None) -> None:
    one = Variant("m", "1", "", canonical_json(options))
    expected = label or f"m (crop true, seed {2**60}, size [224,224])"
    assert labels([one]) == {one: expected}


def test_version_and_weights_only_where_nothing_else_tells() -> None:
    new, old = variant(version="2", weights="ab" * 32), variant(weights="cd" * 32)
    assert set(labels([new, old]).values()) == {"m (version 2)", "m (version 1)"}
    one, other = variant(weights="ab" * 32, head="a"), variant(weights="cd" * 32, head="a")
    plain = variant(weights="ef" * 32)
    assert labels([one, other, plain]) == {
        one: "m (head a, weights abababab)",
        other: "m (head a, weights cdcdcdcd)",
        plain: "m",
    }


TEXT = st.sampled_from(["a", "a (b c)", "m", "0" * 16, "0" * 17, "", "1"])


@given(
    st.sets(
        st.builds(
            variant,
            TEXT,
            TEXT,
            TEXT,
            b=TEXT | st.integers(0, 1) | st.booleans() | st.none(),
        ),
        max_size=12,
    )
)
def test_labels_are_unique_whatever_the_order(variants: set[Variant]) -> None:
    found = labels(sorted(variants))
    assert len(set(found.values())) == len(variants)
    assert labels(sorted(variants, reverse=True)) == found


def test_a_contaminated_line_is_marked_wherever_it_stands(row: MakeRow) -> None:
    rows = [
        row("a", "d", "p", value=0.9, contamination="labels", marks=()),
        row("b", "d", "p", value=0.8, contamination="none", marks=()),
        row("c", "d", "p", value=0.7, contamination="unknown", marks=()),
    ]
    (found,) = group(rows)
    (table,) = tables(found)
    assert [(line[0].text, line[-1].text) for line in table.lines] == [
        ("1", "seen: labels"),  # ranked, but marked
        ("2", ""),
        ("3", ""),
    ]
    assert any(note.startswith("Seen: the model met this dataset") for note in table.notes)
    assert "What was met in training is unknown of c." in table.notes
    assert "| seen: labels |" in markdown(table)
    assert "labels,seen: labels" in table_csv(table).splitlines()[1]
    (picture,) = figures(found)
    assert " *: has met the dataset in training" in picture.caption


def test_the_mark_stays_in_the_line_where_all_lines_have_it(row: MakeRow) -> None:
    rows = [row(m, "d", "p", contamination="images", marks=("few contents (8)",)) for m in "ab"]
    (table,) = tables(group(rows)[0])
    assert table.marks == ("few contents (8)",)
    assert [line[-1].text for line in table.lines] == ["seen: images"] * 2


def test_nothing_is_said_where_nothing_was_met(row: MakeRow) -> None:
    (found,) = group([row("a", "d", "p", contamination="none")])
    (table,) = tables(found)
    assert not any("seen" in note.lower() or "unknown" in note for note in table.notes)
    assert "training" not in figures(found)[0].caption


def test_options_of_a_compared_model_are_those_of_its_label(row: MakeRow) -> None:
    options = {"quality": '{"variant":"quality"}', "content": '{"variant":"content"}'}
    rows = []
    for name, text in options.items():
        other = "content" if name == "quality" else "quality"
        value = 0.9 if name == "quality" else 0.8
        make = {"options": text, "marks": ()}
        rows += [
            row("r", "d", "significance", metric=metric, value=number, subset="of=p", **make)
            for metric, number in (("srcc", value), ("rank_low", 1), ("rank_high", 2))
        ]
        versus = f"of=p versus={slug('r', json.loads(options[other]))}"
        difference = 0.1 if name == "quality" else -0.1
        rows.append(
            row("r", "d", "significance", metric="srcc_difference", value=difference,
                subset=versus, **make)
        )  # fmt: skip
    _, pairs = tables(group(rows)[0])
    assert [[cell.text for cell in line[:2]] for line in pairs.lines] == [
        ["r (variant quality)", "r (variant content)"]
    ]
