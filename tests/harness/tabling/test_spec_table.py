"""Described tables, checked against the rows that they are made of."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from harness.papers.in_print import published_numbers
from harness.records import Row
from harness.reports.formats import markdown, table_csv
from harness.reports.latex import latex
from harness.reports.layout import Table
from harness.tabling import table_of
from tests.harness.reports.conftest import NASTY, base_row

SPEC = """
title: A table
show: interval
rows: ["*"]
columns:
  - {dataset: x, protocol: correlation, metric: srcc}
  - {dataset: x, protocol: correlation, metric: rmse}
"""
Make = Callable[..., Table]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(rows: list[Row], text: str = SPEC) -> Table:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return table_of(str(path))(rows)

    return make


def row(model: str, value: float | None, metric: str = "srcc", **changes: object) -> Row:
    ends = {} if value is None else {"ci_low": value - 0.1, "ci_high": value + 0.1}
    facts = {"marks": (), "contamination": "none", "label_kind": "mos", **ends, **changes}
    return base_row(model, "x", "correlation", metric=metric, value=value, **facts)


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in line] for line in table.lines]


def notes(table: Table, line: int, column: int) -> list[str]:
    return [note.text for note in table.lines[line][column].notes]


def test_numbers_are_those_of_the_rows(make: Make) -> None:
    values = {"a": (0.91234, 0.5), "b": (0.8, 0.25), "c": (0.7, 0.75)}
    rows = [row(m, v) for m, (v, _) in values.items()]
    rows += [row(m, v, "rmse") for m, (_, v) in values.items()]
    table = make(rows)
    assert texts(table) == [
        ["a", "0.912", "0.500"], ["b", "0.800", "0.250"], ["c", "0.700", "0.750"],
    ]  # fmt: skip
    assert [[cell.place for cell in line] for line in table.lines] == [
        [0, 1, 2], [0, 2, 1], [0, 0, 0],
    ]  # fmt: skip
    read = list(csv.DictReader(io.StringIO(table_csv(table))))
    for line, (model, both) in zip(read, values.items(), strict=True):
        assert line["model"] == model
        assert [float(line["x SRCC"]), float(line["x RMSE"])] == list(both)
        assert float(line["x SRCC_low"]) == both[0] - 0.1
        assert line["x SRCC_n_expected"] == "480"


def test_a_cell_without_a_row_is_a_dash_that_says_why(make: Make) -> None:
    skip = row("b", None, reason="no weights; to get it: fetch b", n_scored=0)
    spec = SPEC.replace('["*"]', "[a, b, slide-iqa]")
    table = make([row("a", 0.9), skip], spec)
    assert texts(table) == [["a", "0.900", "–"], ["b", "–", "–"], ["slide-iqa", "–", "–"]]
    assert notes(table, 0, 2) == ["no RMSE on all."]
    assert notes(table, 1, 1) == notes(table, 1, 2) == ["no weights; to get it: fetch b."]
    assert notes(table, 2, 1) == ["no record on x under correlation."]
    assert all(cell.raw[0] is None for line in table.lines for cell in line if cell.text == "–")
    assert "b,,,,,,no weights; to get it: fetch b" in table_csv(table)


def test_what_a_pattern_finds_without_numbers_stands_below(make: Make) -> None:
    skip = row("b", None, reason="no weights; to get it: fetch b", n_scored=0)
    elsewhere = base_row("c", "y", "correlation")
    table = make([row("a", 0.9), skip, elsewhere])
    assert texts(table) == [["a", "0.900", "–"]]
    assert [(m.models, m.reason, m.command) for m in table.missing] == [
        (("b",), "no weights", "fetch b")
    ]


def test_circular_models_and_controls_stand_apart_and_are_never_the_best(make: Make) -> None:
    rows = [
        row("a", 0.7),
        row("b", 0.6, contamination="labels", n_scored=400, n_failed=80),
        row("c", 0.99, marks=("circular",)),
        row("d", 0.98, marks=("control",)),
    ]
    table = make(rows)
    assert [line[0].text for line in table.apart] == ["c", "d"]
    assert [line[1].place for line in (*table.lines, *table.apart)] == [1, 2, 0, 0]
    signs = [note.sign for note in table.lines[1][1].notes]
    assert signs == ["†††", ""]
    assert notes(table, 1, 1)[1] == "400 of 480 samples scored."
    assert table.apart[0][1].notes[0].sign == "‡"
    assert table.apart[1][0].notes[0].text.startswith("control")


def test_a_circular_number_is_left_out_of_its_own_column_alone(make: Make) -> None:
    def both(model: str, *values: float) -> list[Row]:
        pairs = zip("xy", values, strict=True)
        return [replace(row(model, value), dataset=name) for name, value in pairs]

    rows = [*both("a", 0.7, 0.6), *both("b", 0.5, 0.8), *both("c", 0.99, 0.9)]
    rows = [
        replace(r, marks=("circular",)) if (r.model, r.dataset) == ("c", "x") else r for r in rows
    ]
    spec = SPEC.replace("dataset: x, protocol: correlation, metric: rmse",
                        "dataset: y, protocol: correlation, metric: srcc")  # fmt: skip
    table = make(rows, f"order: x SRCC\n{spec}")
    assert table.apart == ()
    assert texts(table) == [
        ["a", "0.700", "0.600"], ["b", "0.500", "0.800"], ["c", "0.990", "0.900"],
    ]  # fmt: skip
    assert [[cell.place for cell in line[1:]] for line in table.lines] == [[1, 0], [2, 2], [0, 1]]
    assert [note.sign for note in table.lines[2][1].notes] == ["‡"]
    assert notes(table, 2, 0) == []


def test_a_pattern_without_a_line_says_why(make: Make) -> None:
    other = row("c:d", 0.9, protocol_options='{"n_splits":2}')
    spec = SPEC.replace('["*"]', '[a, "c:*", "pyiqa:*"]')
    table = make([row("a", 0.9), other], spec)
    assert texts(table) == [["a", "0.900", "–"]]
    assert "'pyiqa:*': no record of such a model." in table.notes
    assert (
        "'c:*' (c:d): no record on x under correlation, but there is one with other options: write "
        "protocol: {name: correlation, n_splits: 2}."
    ) in table.notes
    named = make([row("a", 0.9), other], SPEC.replace('["*"]', "['c:d']"))
    assert notes(named, 0, 1)[0].endswith("write protocol: {name: correlation, n_splits: 2}.")


def test_pseudo_labels_are_called_that_in_the_heading_and_over_the_table(make: Make) -> None:
    marks = {"label_kind": "pseudo", "marks": ("few contents (8)", "pseudo-labels")}
    table = make([row("a", 0.9, **marks), row("b", 0.8, **marks)])
    assert table.columns[1].span == "x: pseudo-labels"
    assert table.marks == ("few contents (8)", "pseudo-labels")
    assert notes(table, 0, 1) == []
    mixed = make([row("a", 0.9, **marks), base_row("a", "y", "p", value=0.5, marks=())],
                 SPEC.replace("dataset: x, protocol: correlation, metric: rmse",
                              "dataset: y, protocol: p, metric: srcc"))  # fmt: skip
    assert mixed.marks == ()
    assert [c.span for c in mixed.columns[1:]] == ["x, correlation: pseudo-labels", "y, p"]


def test_in_csv_every_number_tells_its_marks(make: Make) -> None:
    few, made = {"label_kind": "pseudo"}, ("few contents (8)", "pseudo-labels")
    rows = [row("a", 0.9, marks=made, **few), row("c", 0.1, marks=(*made, "control"), **few)]
    told = [line["x SRCC_notes"] for line in csv.DictReader(io.StringIO(table_csv(make(rows))))]
    assert told == [
        "few contents (8); pseudo-labels",
        "few contents (8); pseudo-labels; control – shown, never ranked",
    ]


def test_a_head_that_pseudo_labels_taught_is_a_footnote_even_of_all(make: Make) -> None:
    rows = [row(name, 0.9, marks=("pseudo-labels",), label_kind="none") for name in "ab"]
    table = make(rows)
    assert [note.sign for line in table.lines for note in line[1].notes] == ["§", "§"]
    for text in (markdown(table), latex(table), table_csv(table)):
        assert "the number rests on labels that were computed, not given by people" in text


def test_rank_intervals_and_the_top_group(make: Make) -> None:
    rows = [row("a", 0.9), row("b", 0.8), row("c", 0.99, marks=("circular",))]
    ranks = {"a": (1, 2, 1), "b": (2, 2, 0)}
    of = {"protocol": "significance", "subset": "of=correlation", "ci_low": None, "ci_high": None}
    for model, numbers in ranks.items():
        for metric, value in zip(("rank_low", "rank_high", "top_group"), numbers, strict=True):
            rows.append(replace(row(model, float(value), metric), **of))
    spec = SPEC.replace("metric: rmse", "metric: ranks")
    table = make(rows, spec)
    assert texts(table) == [["a", "0.900", "1–2"], ["b", "0.800", "2"]]
    assert [note.sign for note in table.lines[0][2].notes] == ["★"]
    assert table.lines[1][2].notes == ()
    assert table.lines[0][2].raw == (1, 2, 1)
    assert table.apart[0][2].text == "–"


def test_models_that_were_not_tested_have_no_ranks(make: Make) -> None:
    rows = [row("a", 0.9), row("b", 0.1)]
    for one, other in (("a", "b"), ("b", "a")):
        of = {
            "protocol": "significance",
            "marks": ("few contents (8)",),
            "subset": "of=correlation",
        }
        for metric in ("srcc", "rank_low", "rank_high", "top_group"):
            rows.append(replace(row(one, 1.0, metric), **of))
        pair = {**of, "subset": f"of=correlation versus={other}"}
        rows.append(replace(row(one, 0.8, "srcc_difference"), **pair))
        rows.append(replace(row(one, None, "srcc_p_holm"), **pair))
    table = make(rows, SPEC.replace("metric: rmse", "metric: ranks"))
    assert [line[2].text for line in table.lines] == ["–", "–"]
    assert notes(table, 1, 2) == ["not tested: 8 contents, 20 are needed."]
    assert "★" not in markdown(table)


def test_order_is_that_of_the_file_or_of_a_column(make: Make) -> None:
    rows = [row(m, v, k) for m, v in (("a", 0.5), ("b", 0.9), ("c", 0.7)) for k in ("srcc", "rmse")]
    spec = SPEC.replace('["*"]', '[c, "*"]')
    assert [line[0].text for line in make(rows, spec).lines] == ["c", "a", "b"]
    falling = make(rows, f"order: x SRCC\n{spec}")
    assert [line[0].text for line in falling.lines] == ["b", "c", "a"]
    rising = make(rows, f"order: x RMSE\n{spec}")
    assert [line[0].text for line in rising.lines] == ["a", "c", "b"]
    with pytest.raises(ValueError, match="order: unknown column 'x SROC'; did you mean 'x SRCC'"):
        make(rows, f"order: x SROC\n{spec}")


def test_variants_are_told_apart_and_may_be_chosen(make: Make) -> None:
    rows = [row("a", 0.9), row("a", 0.8, options='{"crop":1}'), row("a", 0.7, options='{"crop":2}')]
    one = SPEC.replace('["*"]', "[{model: a, options: {crop: 2}, name: Mine}]")
    assert texts(make(rows, one)) == [["Mine", "0.700", "–"]]
    all_of_them = SPEC.replace('["*"]', "[{model: a, name: Mine}]")
    assert [line[0].text for line in make(rows, all_of_them).lines] == [
        "Mine", "Mine (crop 1)", "Mine (crop 2)",
    ]  # fmt: skip


def test_published_beside_measured(make: Make) -> None:
    printed = next(p for p in published_numbers("pyiqa:psnr") if p.metric == "srcc")
    own = replace(row("pyiqa:psnr", printed.value - 0.25), dataset=printed.dataset)
    spec = SPEC.replace("show: interval", "show: published").replace("x,", f"{printed.dataset},")
    table = make([own, replace(row("b", 0.5), dataset=printed.dataset)], spec)
    by_name = {line[0].text: line for line in table.lines}
    shown = [cell.text for cell in by_name["pyiqa:psnr"][1:4]]
    assert shown == [f"{printed.value:.3f}", f"{printed.value - 0.25:.3f}", "−0.250"]
    assert printed.source in by_name["pyiqa:psnr"][1].notes[0].text
    assert [cell.text for cell in by_name["b"][1:4]] == ["–", "0.500", "–"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (("metric: rmse", "metric: rsme"), "columns.1: unknown metric 'rsme'; did you mean rmse"),
        (("title:", "metrics: [scrc]\ntitle:"), None),  # no column asks for them
        (("metric: srcc", "metric: widht"), "unknown metric 'widht'; did you mean width"),
        (("protocol: correlation, metric: rmse", "protocol: sensitivity, metric: widht"), None),
        (("dataset: x", "dataset: tinny"), "columns.0: unknown dataset 'tinny'; did you mean tiny"),
        (("dataset: x", "dataset: koniq10k"), None),
        (
            ("metric: rmse", "metric: rmse, subset: typ=blur"),
            "columns.1: unknown subset 'typ=blur'",
        ),
        (("metric: rmse", "metric: rmse, subset: type=blur"), None),
        (
            ("metric: rmse", "metric: rmse, split: ofical"),
            "unknown split 'ofical'; did you mean of",
        ),
        (("dataset: x", "dataset: koniq10k, subset: typ=blur"), None),  # nothing is measured there
        (
            ("protocol: correlation", "protocol: corelation"),
            "protocol 'corelation'; .* correlation",
        ),
        (("protocol: correlation", "protocol: linear-probe"), None),
        (('"*"', '"*", apple'), "rows.1: unknown model 'apple'; did you mean apples"),
        (('"*"', "pyiqa:psrn"), "rows.0: unknown model 'pyiqa:psrn'; did you mean pyiqa:psnr"),
        (('"*"', "pyiqa:psnr"), None),
        (('"*"', "'scores:mine.csv'"), None),
        (('"*"', "relational:x"), "unknown model 'relational:x'; did you mean relational"),
        (('"*"', "aple*"), "rows.0: unknown model 'aple.*'; did you mean apples"),
        (('"*"', "'pyiqqqa:*'"), "rows.0: unknown model 'pyiqqqa:.*'; did you mean pyiqa:"),
        (('"*"', "'pyiqa:*'"), None),
        (('"*"', "'scores:*'"), None),
        (
            ("protocol: correlation, metric: srcc", "protocol: significance, metric: ranks"),
            "columns.0: .*write {dataset: x, protocol: correlation, metric: ranks}",
        ),
    ],
)
def test_names_that_nothing_has_are_told_with_the_closest(
    make: Make, change: tuple, match: str | None
) -> None:
    rows = [
        *(row("apples", 0.9, m) for m in ("srcc", "rmse", "width")),
        base_row("b", "tiny", "correlation"),
        row("apples", 0.9, subset="type=blur"),
        row("apples", 0.9, "srcc_mean", split="official"),
    ]
    told = nullcontext() if match is None else pytest.raises(ValueError, match=match)
    with told as error:
        make(rows, SPEC.replace(*change, 1))
    assert error is None or str(error.value).startswith("mine: ")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (("dataset: x", "datset: x"), "columns.0: unknown key 'datset'; did you mean dataset"),
        (("show:", "shwo:"), "unknown key 'shwo'; did you mean show"),
        (('"*"', "{modle: a}"), "rows.0: unknown key 'modle'; did you mean model"),
        (("show: interval", "show: all"), "show: Input should be 'value'"),
        (("metric: rmse", "metric: srcc"), "two columns are called 'x SRCC'"),
        (('["*"]', "[]"), "rows: "),
        (('["*"]', "[{model: a, name: c}, {model: b, name: c}]"), "two lines are called 'c'"),
        (("title: A table", "- no mapping"), "not readable YAML"),
        (("title: A table", "title: " + "[" * 20_000), "not readable YAML: nested too deeply"),
    ],
)
def test_a_wrong_file_is_one_line_that_says_what(make: Make, change: tuple, match: str) -> None:
    with pytest.raises(ValueError, match=match) as error:
        make([row("a", 0.9), row("b", 0.8)], SPEC.replace(*change))
    assert "\n" not in str(error.value)


def test_what_is_never_compared_is_refused(make: Make) -> None:
    rows = [row("a", 0.9, split="s1"), row("b", 0.8, split="s2")]
    with pytest.raises(ValueError, match="differ in split \\(s1; s2\\); say which with split"):
        make(rows)
    chosen = make(rows, SPEC.replace("metric: srcc", "metric: srcc, split: s2"))
    assert texts(chosen) == [["b", "0.800", "–"]]
    with pytest.raises(ValueError, match="differ in labels_hash"):
        make([row("a", 0.9), row("b", 0.8, labels_hash="c0ffee" * 10)])
    with pytest.raises(ValueError, match="differ in labels_hash"):
        make([row("a", 0.9), row("b", 0.8, "rmse", labels_hash="c0ffee" * 10)])


def test_a_bound_of_a_threshold_is_no_dash(make: Make) -> None:
    rows = [
        row("a", None, "threshold_median", reason="never"),
        row("b", None, "threshold_median", reason="no image has an outcome"),
        *(row(model, 0.5, "detected") for model in "ab"),
    ]
    table = make(rows, SPEC.replace("metric: srcc", "metric: threshold_median"))
    assert texts(table) == [["a", "never", "–"]]
    assert [missing.models for missing in table.missing] == [("b",)]


def test_names_stay_text(make: Make) -> None:
    text = markdown(make([row(NASTY, 0.9), row("b", 0.8)]))
    assert "<script>" not in text
    assert "\\<script\\>" in text
