"""What models tell of two versions, as people read it: nothing that matters is left out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.records import Row
from harness.reports.console import as_text
from harness.reports.formats import markdown
from harness.reports.groups import Group, group
from harness.reports.layout import Table
from harness.reports.tables import tables

MakeRow = Callable[..., Row]
MODEL, CONTROL = "relational", "control:abs-diff"
OWN = ("auroc", "iou", "any_auroc", "any_iou", "mask_share")
TYPED = ("type_accuracy", "type_chance", "direction_accuracy", "leakage", "mae", "mae_flat")


@pytest.fixture
def rows(row: MakeRow) -> list[Row]:
    """A model with maps and scores, one with scores and one with maps that name no type."""

    def one(
        model: str, metric: str, value: float | None, subset: str = "all", **more: object
    ) -> Row:
        given = {"ci_low": None, "ci_high": None, "ci_method": None, **more}
        if value is not None:
            given |= {"ci_low": value - 0.1, "ci_high": value + 0.1, "ci_method": "jackknife"}
        return row(
            model, "d", "relational", mode="FR", metric=metric, value=value, subset=subset,
            **given,
        )  # fmt: skip

    found = [one("pyiqa:psnr", m, 0.9) for m in ("pair_accuracy", "kendall_tau")]
    found += [one(MODEL, m, 0.8) for m in ("pair_accuracy", "kendall_tau")]
    for subset, marks in (
        ("types=trainable", ()),
        ("damages=2 types=trainable", ("incomplete (72 of 80)",)),
        ("type=jpeg", ()),
    ):
        found += [one(MODEL, m, 0.4, subset, marks=marks) for m in (*OWN, *TYPED)]
        found += [one(CONTROL, m, 0.5, subset, marks=("control", *marks)) for m in OWN]
    why = "no channel of the map names a type of damage"
    found += [
        one(CONTROL, m, None, "types=trainable", marks=("control",), reason=why) for m in TYPED
    ]
    return found


def only(rows: list[Row]) -> Group:
    (found,) = group(rows)
    return found


def heads(table: Table) -> list[str]:
    return [f"{column.span} {column.title}".strip() for column in table.columns]


def test_ranking_and_maps_by_number_of_damages_stand_apart(rows: list[Row]) -> None:
    found = only(rows)
    ranking, one, two, subsets = tables(found)
    assert [t.name.removeprefix(found.name) for t in (ranking, one, two, subsets)] == [
        *("", ".maps-one-damage-trainable-types", ".maps-two-damages-trainable-types", ".subsets"),
    ]
    assert heads(ranking) == ["Model", "Pair accuracy", "Kendall τ", "N", "Marks"]
    assert [line[0].text for line in ranking.lines] == ["pyiqa:psnr", MODEL]  # the better first
    assert {"Own channel AUROC", "Right type", "By chance: IoU", "Leakage"} <= set(heads(one))
    for table in (one, two):
        assert [line[0].text for line in table.lines] == [MODEL]
        assert [line[0].text for line in table.apart] == [CONTROL]
        assert not table.folded
    at = heads(one).index("Right direction")
    assert (one.lines[0][at].raw, one.apart[0][at].text) == ((0.4, 0.30000000000000004, 0.5), "–")
    assert subsets.folded
    assert "By chance: type" in heads(subsets)
    assert "mAP by chance" not in markdown(subsets)


def test_a_terminal_shows_the_numbers_and_each_line_its_own_marks(rows: list[Row]) -> None:
    text = as_text(rows, 120)
    one, two = text.index("Maps of one damage"), text.index("Maps of two damages")
    assert "incomplete" not in text[one:two]
    assert "incomplete (72 of 80)" in text[two:]
    for part in (text[one:two], text[two:]):
        for told in ("0.400", "Leakage", "direction"):
            assert told in part
        lost = part.partition("for want of width: ")[2].split(".")[0]
        assert all(name.startswith("By chance") for name in lost.split(", ") if name)
    assert "names a type of damage" in text  # why there are dashes
    assert max(map(len, text.splitlines())) <= 120


def test_few_contents_say_of_what(row: MakeRow) -> None:
    made = [
        row("m", "v", "relational", metric="pair_accuracy", subset=subset, marks=(few,))
        for subset, few in (("all", "few contents (8)"), ("types=held-out", "few contents (6)"))
    ]
    tau = row("m", "v", "relational", metric="kendall_tau", marks=("few contents (8)",))
    table = tables(only([*made, tau]))[0]
    assert table.marks == ("few contents (8)", "few contents (6 of held-out types)")


def test_errors_of_rounding_are_not_zero(row: MakeRow) -> None:
    made = [
        row("m", "v", "relational", metric=metric, value=value, ci_low=None, ci_high=None)
        for metric, value in (
            ("pair_accuracy", 0.7),
            ("antisymmetry_error", 8.94e-8),
            ("score_identity_error", 0.0),
            ("score_antisymmetry_error", 102.9),
        )
    ]
    made += [
        row("m", "v", "relational", metric="pair_accuracy", value=0.6, subset=f"types={kind}")
        for kind in ("trainable", "held-out")
    ]
    ranking, errors, _ = tables(only(made))
    types = ["Pairs of types: trainable", "Pairs of types: held-out"]
    assert heads(ranking)[1:4] == ["Pair accuracy", *types]
    (line,) = errors.lines
    told = dict(zip(heads(errors), [cell.text for cell in line], strict=True))
    assert told["Maps: anti-symmetry"] == "8.94e−08"
    assert (told["Score: anti-symmetry"], told["Score: identity"]) == ("103", "0")


def test_another_protocol_has_the_plain_table(row: MakeRow) -> None:
    made = [row("m", "d", "p", metric=name, value=0.5) for name in ("pair_accuracy", "auroc")]
    (table,) = tables(only(made))
    assert heads(table)[1:3] == ["Pair accuracy", "AUROC"]
