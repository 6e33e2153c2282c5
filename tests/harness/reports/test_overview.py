"""What joins datasets: the summary that papers print, and train × test."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.records import Row, frame
from harness.reports import write_report
from harness.reports.best import legend
from harness.reports.console import as_text
from harness.reports.cross import panels
from harness.reports.cross_figure import cross_figures
from harness.reports.formats import markdown, table_csv
from harness.reports.groups import group
from harness.reports.layout import Table
from harness.reports.overview import Overview, overviews

MakeRow = Callable[..., Row]
SETS = ["clive", "kadid10k", "koniq10k", "live"]


def pair(row: MakeRow, model: str, first: float | None, second: float | None, **changes) -> list:
    return [
        row(model, dataset, "correlation", value=value, marks=(), **changes)
        for dataset, value in (("x", first), ("y", second))
        if value is not None
    ]


def summary(rows: list[Row]) -> Table:
    (found,) = (each for each in overviews(group(rows)) if each.is_summary)
    return found.tables[0]


def crossed(rows: list[Row]) -> Overview:
    (found,) = (each for each in overviews(group(rows)) if not each.is_summary)
    return found


def at(table: Table, span: str, title: str) -> int:
    return [(c.span, c.title) for c in table.columns].index((span, title))


def records(table: Table) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table_csv(table))))


def test_the_summary_is_the_pivot_of_the_rows(suite_rows: list[Row]) -> None:
    table = summary(suite_rows)
    data = frame(suite_rows).query(
        "protocol == 'linear-probe' and protocol_options == '{}' and subset == 'all'"
    )
    values = data.pivot(index="model", columns=["dataset", "metric"], values="value")
    lines = [*table.lines, *table.apart]
    assert {line[0].text for line in lines} == set(values.dropna(how="all").index)
    for line in lines:
        for dataset in SETS:
            for title, metric in (("SRCC", "srcc"), ("PLCC", "plcc")):
                cell = line[at(table, dataset, title)]
                expected = values.loc[line[0].text, (dataset, metric)]
                assert cell.raw[0] == expected or (cell.raw[0] is None and np.isnan(expected))


def test_lines_fall_by_mean_and_those_that_lack_a_dataset_follow(suite_rows: list[Row]) -> None:
    table = summary(suite_rows)
    means = [line[-1].raw[0] for line in table.lines]
    assert means[:-1] == sorted(means[:-1], key=float, reverse=True)
    last = table.lines[-1]
    assert (last[0].text, last[-1].text, means[-1]) == ("reiqa", "–", None)
    assert last[at(table, "live", "SRCC")].text == "–"
    assert [line[0].text for line in table.apart] == ["control:untrained-vit"]
    assert any(note.startswith("–: not measured") for note in table.notes)


def test_numbers_of_what_was_met_in_training_are_starred(suite_rows: list[Row]) -> None:
    table = summary(suite_rows)
    starred = {
        (line[0].text, column.span, cell.detail)
        for line in (*table.lines, *table.apart)
        for column, cell in zip(table.columns, line, strict=True)
        if cell.text.startswith("*")
    }
    assert starred == {
        ("contrique", "kadid10k", "seen: labels"),
        ("reiqa", "koniq10k", "seen: labels"),
        ("contrique", "", "seen: labels"),  # a mean that holds such a number
        *((line[0].text, span, "control") for line in table.apart for span in (*SETS, "")),
    }
    who = "*seen: labels – met in training by contrique on kadid10k; reiqa on koniq10k."
    assert who in table.notes
    assert "*0." in as_text(suite_rows)  # the star stays where details do not fit


def test_failed_samples_circular_models_and_unknown_training_are_told(row: MakeRow) -> None:
    rows = [
        *pair(row, "a", 0.9, 0.8, contamination="unknown"),
        *pair(row, "b", 0.7, 0.6, contamination="none", n_scored=470, n_failed=10),
        *pair(row, "c", 0.95, 0.94, contamination="none"),
    ]
    rows[-1] = replace(rows[-1], marks=("circular",))
    table = summary(rows)
    assert [line[0].text for line in table.lines] == ["a", "b", "c"]
    details = [[cell.detail for cell in line[1:]] for line in table.lines]
    assert details == [["", "", ""], ["470/480", "470/480", ""], ["", "circular", "circular"]]
    assert "What was met in training is unknown of a." in table.notes
    assert any(note.startswith("*circular") for note in table.notes)
    assert any(note.startswith("*n/N") for note in table.notes)
    assert records(table)[1]["x_n_scored"] == "470"


def test_a_circular_number_takes_no_part_in_its_own_column_alone(row: MakeRow) -> None:
    rows = [
        *pair(row, "a", 0.7, 0.8),
        *pair(row, "b", 0.6, 0.75),
        *pair(row, "c", 0.99, 0.78),
        *pair(row, "d", 0.98, None),
        *pair(row, "e", 0.97, 0.96),
    ]
    marks = {("c", "x"): "circular", ("d", "x"): "circular", ("e", "x"): "control"}
    marks["e", "y"] = "control"
    marked = ((r, marks.get((r.model, r.dataset))) for r in rows)
    rows = [replace(r, marks=(mark,)) if mark else r for r, mark in marked]
    table = summary(rows)
    assert [[cell.place for cell in line[1:]] for line in table.lines] == [
        [1, 1, 1], [2, 0, 2], [0, 2, 0],
    ]  # fmt: skip
    assert [line[0].text for line in table.lines] == ["a", "b", "c"]
    assert [(cell.text, cell.detail) for cell in table.lines[2][1:]] == [
        ("*0.990", "circular"), ("0.780", ""), ("*0.885", "circular"),
    ]  # fmt: skip
    assert [line[0].text for line in table.apart] == ["e", "d"]
    assert [cell.detail for cell in table.apart[0][1:]] == ["control"] * 3
    assert "circular numbers and the lines set apart below take no part" in legend(table)
    assert any(note.startswith("*control: ") for note in table.notes)
    assert any("a mean that holds a circular number is not ranked" in note for note in table.notes)
    lines = markdown(table).splitlines()
    (at_note,) = (i for i, line in enumerate(lines) if line.startswith("| Not ranked:"))
    assert [line.split()[1] for line in lines[at_note + 1 : at_note + 3]] == ["e", "d"]


def test_pseudo_labels_and_few_contents_are_said_over_their_dataset(row: MakeRow) -> None:
    rows = pair(row, "a", 0.9, 0.8)
    rows[0] = replace(rows[0], label_kind="pseudo", marks=("few contents (8)", "pseudo-labels"))
    table = summary(rows)
    assert table.columns[1].span == "x: pseudo-labels"
    assert any("x: few contents (8)" in note for note in table.notes)
    assert table.marks == ()  # they are not those of y


def test_no_summary_of_one_dataset_or_of_protocols_that_rank_nothing(row: MakeRow) -> None:
    rows = [row("a", "x", "p"), row("a", "x", "q"), row("a", "y", "q", metric="auc")]
    assert overviews(group(rows)) == ()


@pytest.mark.parametrize("field", ["protocol_version", "protocol_options", "decoding"])
def test_datasets_measured_in_another_way_are_not_joined(row: MakeRow, field: str) -> None:
    rows = [row("a", dataset, "p") for dataset in ("x", "y")]
    other = [replace(r, **{field: '{"splits":"80/20"}'}) for r in rows]
    assert len(overviews(group([rows[0], other[1]]))) == 0
    found = overviews(group([*rows, *other]))
    assert len(found) == 2
    assert len({each.across.name for each in found}) == 2
    if field == "protocol_options":
        assert sorted(each.tables[0].title.split(" · ")[0] for each in found) == [
            "p",
            "p, splits 80/20",
        ]


def test_two_groups_of_a_dataset_are_two_columns_that_say_how_they_differ(row: MakeRow) -> None:
    rows = pair(row, "a", 0.9, 0.8)
    table = summary([*rows, replace(rows[0], model="b", labels_hash="c0ffee" * 10)])
    spans = sorted({column.span for column in table.columns if column.span})
    assert spans == ["x (5e6f7a8b)", "x (c0ffeec0)", "y"]


def test_variants_of_one_model_keep_their_own_lines(row: MakeRow) -> None:
    rows = [*pair(row, "a", 0.9, None), *pair(row, "a", None, 0.8, options='{"crop":1}')]
    lines = summary(rows).lines
    assert [[cell.text for cell in line] for line in lines] == [
        ["a", "0.900", "–", "–"],
        ["a (crop 1)", "–", "0.800", "–"],
    ]


def test_train_by_test_is_the_rows(suite_rows: list[Row]) -> None:
    found = crossed(suite_rows)
    table = found.tables[0]
    data = frame(suite_rows).query("protocol == 'cross-dataset' and value == value")
    data = data.set_index(["model", "dataset", "metric", "subset"])
    lines = [*table.lines, *table.apart]
    assert len(lines) == 6 * 4
    for line in lines:
        model, train = line[0].text, line[1].text
        for name in SETS:
            cell = line[at(table, "SRCC on", name)]
            if name == train:
                assert cell.text == "–"
                continue
            row = data.loc[model, train, "srcc", f"test={name}"]
            assert cell.raw[:3] == (row["value"], row["ci_low"], row["ci_high"])
            assert "[" in cell.detail
    plcc = found.tables[1]
    assert plcc.folded
    row = data.loc["arniqa", "live", "plcc", "test=clive"]
    line = next(x for x in plcc.lines if (x[0].text, x[1].text) == ("arniqa", "live"))
    assert line[at(plcc, "PLCC on", "clive")].raw[0] == row["value"]


def test_failed_samples_of_a_test_set_star_its_number(suite_rows: list[Row]) -> None:
    table = crossed(suite_rows).tables[0]
    cells = [cell for line in (*table.lines, *table.apart) for cell in line]
    (starred,) = (cell for cell in cells if cell.detail.endswith(" 10070/10073"))
    assert starred.text.startswith("*")
    assert "*n/N: so many of the samples were scored." in table.notes


def test_numbers_that_rest_on_what_was_met_in_training_are_starred(suite_rows: list[Row]) -> None:
    table = crossed(suite_rows).tables[0]
    starred = {
        (line[0].text, line[1].text)
        for line in (*table.lines, *table.apart)
        for cell in line
        if cell.text.startswith("*") and cell.detail.endswith("seen: labels")
    }
    assert starred == {("contrique", "kadid10k"), ("reiqa", "koniq10k")}
    assert any(note.startswith("*seen: in training") for note in table.notes)


def test_models_without_numbers_stand_once_under_train_by_test(suite_rows: list[Row]) -> None:
    (missing,) = crossed(suite_rows).tables[0].missing
    assert missing.models == ("pyiqa:musiq",)
    skip = next(r for r in suite_rows if r.model == "reiqa" and r.protocol == "cross-dataset")
    rows = [r for r in suite_rows if (r.model, r.dataset) != ("reiqa", skip.dataset)]
    found = crossed([*rows, replace(skip, value=None, reason="no memory")])
    assert ("reiqa on clive",) in [m.models for m in found.tables[0].missing]


def test_the_heat_map_has_a_panel_for_each_model(suite_rows: list[Row]) -> None:
    found = crossed(suite_rows).across
    shown = panels(found)
    assert [panel.entry.label for panel in shown][-1] == "control:untrained-vit"
    assert len(shown) == 6
    for panel in shown:
        assert panel.train == panel.test == tuple(SETS)
        assert [values[i] for i, values in enumerate(panel.values)] == [None] * 4
    (picture,) = cross_figures(found)
    assert "6 models, 4 by 4" in picture.alt
    (again,) = cross_figures(found)
    assert again == picture


def test_no_heat_map_of_a_single_line(suite_rows: list[Row]) -> None:
    rows = [r for r in suite_rows if r.protocol == "cross-dataset" and r.dataset == "live"]
    found = crossed(rows)
    assert cross_figures(found.across) == ()
    assert len(found.tables[0].lines) == 5


def test_heads_are_joined_only_if_the_datasets_are_the_same(suite_rows: list[Row]) -> None:
    rows = [r for r in suite_rows if r.protocol == "cross-dataset"]
    changed = [
        replace(r, labels_hash="relabeled") if r.dataset == "live" and r.value else r for r in rows
    ]
    found = overviews(group(changed))
    trained = [sorted(g.key.dataset for g in each.across.groups) for each in found]
    assert sorted(trained) == [["clive", "kadid10k", "koniq10k"], ["live"]]


def test_a_head_has_one_dataset_in_its_own_table(suite_rows: list[Row]) -> None:
    text = as_text(suite_rows)
    assert text.count("cross-dataset, fit on all of it") == 1  # the joint one


def test_the_page_begins_with_what_joins_the_datasets(
    suite_rows: list[Row], save: Callable[..., Path], tmp_path: Path
) -> None:
    text = write_report(save(tmp_path, suite_rows)).read_text("utf-8")
    places = [text.index(f'id="{name}') for name in ("joint-heading", "all-cross", "dataset-1")]
    assert places == sorted(places)
    assert (tmp_path / "tables" / "all-linear-probe.tex").exists()
    assert (tmp_path / "figures" / "all-cross-dataset.heat.svg").exists()
    for name in ("all-linear-probe", "all-cross-dataset", "all-cross-dataset.plcc"):
        assert (tmp_path / "tables" / f"{name}.csv").exists()
        assert (tmp_path / "tables" / f"{name}.md").exists()
