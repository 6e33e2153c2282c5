"""Which rows share a table, and what they are called there."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.records import Row
from harness.reports.groups import group, parse_subset

MakeRow = Callable[..., Row]


def test_one_group_for_each_dataset_protocol_and_split(rows: list[Row]) -> None:
    assert [(g.key.dataset, g.study) for g in group(rows)] == [
        ("demo", "correlation"),
        ("demo", "linear-probe, leave-one-content-out"),
        ("demo-probes", "sensitivity"),
    ]


@pytest.mark.parametrize("field", ["images_hash", "labels_hash", "protocol_version", "split"])
def test_rows_that_differ_in_what_was_measured_never_meet(row: MakeRow, field: str) -> None:
    rows = [row("a", "d", "p"), row("b", "d", "p"), replace(row("c", "d", "p"), **{field: "other"})]
    groups = group(rows)
    assert sorted(sorted(e.label for e in g.entries) for g in groups) == [["a", "b"], ["c"]]
    assert len({g.name for g in groups}) == 2


def test_order_of_rows_does_not_matter(rows: list[Row]) -> None:
    assert group(reversed(rows))[0].ordered()[0] != ()
    for one, other in zip(group(rows), group(sorted(rows, key=repr)), strict=True):
        labels = [[e.label for e in part] for part in one.ordered()]
        assert labels == [[e.label for e in part] for part in other.ordered()]
        assert [e.label for e in one.absent] == [e.label for e in other.absent]


def test_a_skip_is_listed_with_every_split(row: MakeRow) -> None:
    skip = row("c", "d", "p", value=None, images_hash="", reason="no; to get it: fetch c")
    groups = group([row("a", "d", "p", split="x"), row("a", "d", "p", split="y"), skip])
    assert [g.key.split for g in groups] == ["x", "y"]
    for found in groups:
        (entry,) = found.absent
        assert (entry.label, entry.reason, entry.command) == ("c", "no", "fetch c")


def test_skips_alone_are_a_group(row: MakeRow) -> None:
    (found,) = group([row("c", "d", "p", value=None, reason="no", images_hash="")])
    assert found.entries == ()
    assert found.title == "d · p"  # nothing is known of its labels


def test_groups_without_a_number_come_last(row: MakeRow) -> None:
    rows = [row("a", "d", "p", value=None, reason="no"), row("a", "e", "p")]
    assert [found.key.dataset for found in group(rows)] == ["e", "d"]


def test_variants_of_one_name_are_told_apart(row: MakeRow) -> None:
    rows = [row("m", "d", "p", options='{"crop":1}'), row("m", "d", "p", options='{"crop":2}')]
    (found,) = group([*rows, row("n", "d", "p")])
    assert [e.label for e in found.entries] == [
        "m (crop 1)",
        "m (crop 2)",
        "n",
    ]


def test_a_skipped_variant_is_told_from_a_measured_one(row: MakeRow) -> None:
    skip = row("m", "d", "p", options='{"crop":2}', value=None, reason="no")
    (found,) = group([row("m", "d", "p"), skip])
    assert [e.label for e in found.entries] == ["m"]
    assert [e.label for e in found.absent] == ["m (crop 2)"]


def test_circular_and_control_stand_apart(rows: list[Row]) -> None:
    first, apart = group(rows)[0].ordered()
    values = [e.value("srcc") for e in first]
    assert values == sorted(values, key=float, reverse=True)
    assert not any({"circular", "control"} & set(e.marks) for e in first)
    assert all({"circular", "control"} & set(e.marks) for e in apart)
    assert len(first) + len(apart) == len(group(rows)[0].entries)


def test_a_model_without_srcc_is_not_ranked(row: MakeRow) -> None:
    rows = [row("a", "d", "p"), row("b", "d", "p", value=None), row("b", "d", "p", metric="rmse")]
    first, apart = group(rows)[0].ordered()
    assert [e.label for e in first] == ["a"]
    assert [e.label for e in apart] == ["b"]


def test_subsets() -> None:
    assert parse_subset("type=jpeg area=1/16") == {"type": "jpeg", "area": "1/16"}
    assert parse_subset("all") == {}


def test_rows_of_other_protocol_options_never_meet_and_the_title_says_them(row: MakeRow) -> None:
    rows = [row("a", "d", "p"), replace(row("b", "d", "p"), protocol_options='{"repeats":3}')]
    groups = group(rows)
    assert sorted(found.study for found in groups) == ["p", "p, repeats 3"]
