"""What stands in the tables, and how its numbers look."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from harness.records import Row, frame
from harness.reports.figures import figures
from harness.reports.groups import Group, group
from harness.reports.layout import interval, number
from harness.reports.matrix import type_matrix
from harness.reports.tables import tables

MakeRow = Callable[..., Row]


def column(table, title: str, *, span: str = "") -> int:
    titles = [(c.span, c.title) for c in table.columns]
    return titles.index((span, title))


def find(rows: list[Row], protocol: str) -> Group:
    return next(g for g in group(rows) if g.key.protocol == protocol)


def test_ranks_and_order_are_pandas(rows: list[Row]) -> None:
    main = tables(find(rows, "correlation"))[0]
    data = frame(rows).query("protocol == 'correlation' and metric == 'srcc' and subset == 'all'")
    data = data[data["value"].notna()]
    apart = data["marks"].map(lambda marks: bool({"circular", "control"} & set(marks)))
    ranked = data[~apart].sort_values("value", ascending=False)
    assert [line[1].text for line in main.lines] == list(ranked["model"])
    ranks = ranked["value"].rank(ascending=False, method="min").astype(int)
    assert [line[0].raw[0] for line in main.lines] == list(ranks)
    assert {line[1].text for line in main.apart} == set(data[apart]["model"])
    assert {line[0].text for line in main.apart} == {"–"}


def test_equal_values_share_a_rank(row: MakeRow) -> None:
    values = {"a": 0.9, "b": 0.7, "c": 0.7, "d": 0.1}
    (table,) = tables(group([row(m, "d", "p", value=v) for m, v in values.items()])[0])
    assert [line[0].raw[0] for line in table.lines] == [1, 2, 2, 4]


def test_every_number_stands_at_its_model(rows: list[Row]) -> None:
    main = tables(find(rows, "correlation"))[0]
    data = frame(rows).query("protocol == 'correlation' and subset == 'all'")
    values = data.pivot(index="model", columns="metric", values="value")
    titles = {"plcc": "PLCC", "plcc_logistic": "PLCC logistic", "krcc": "KRCC", "rmse": "RMSE"}
    for line in (*main.lines, *main.apart):
        for metric, title in titles.items():
            raw = line[column(main, title)].raw[0]
            expected = values.loc[line[1].text, metric]
            assert raw == expected or (raw is None and pd.isna(expected))


def test_titles_say_what_the_labels_are(rows: list[Row]) -> None:
    for found in group(rows):
        expected = {"pseudo": "demo: pseudo-labels (not human opinion)", "none": ": no labels"}
        for table in tables(found):
            assert expected[found.key.label_kind] in table.title


def test_what_sets_a_line_apart_stays_in_the_line(row: MakeRow) -> None:
    one = row("a", "demo", "p", marks=("pseudo-labels", "few contents (8)", "control"))
    (table,) = tables(group([one])[0])
    assert table.marks == ("pseudo-labels", "few contents (8)")
    assert table.apart[0][column(table, "Marks")].text == "control"


def test_marks_of_all_are_said_once(rows: list[Row]) -> None:
    main = tables(find(rows, "correlation"))[0]
    assert main.marks == ("pseudo-labels", "few contents (8)")
    marks = column(main, "Marks")
    assert {line[marks].text for line in main.lines} == {"", "seen: content"}
    assert {line[marks].text for line in main.apart} == {"circular", "control"}
    assert all("pseudo-labels" in line[marks].raw[0] for line in main.lines)
    assert any(note.startswith("Few contents") for note in main.notes)


def test_failures_show_in_n_and_in_a_note(rows: list[Row]) -> None:
    main = tables(find(rows, "correlation"))[0]
    line = next(line for line in main.lines if line[1].text == "pyiqa:niqe")
    assert line[column(main, "N")].text == "478/480"
    assert line[column(main, "PLCC logistic")].text == "–"
    assert "pyiqa:niqe: the logistic fit did not converge." in main.notes


def test_remarks_on_a_subset_stay_out_of_the_main_table(row: MakeRow) -> None:
    rows = [row("a", "d", "p"), row("a", "d", "p", subset="type=x", reason="only of x")]
    assert not any("only of x" in note for note in tables(group(rows)[0])[0].notes)


def test_absent_models_are_listed_with_reason_and_command(rows: list[Row]) -> None:
    missing = {m.models: m for m in tables(find(rows, "correlation"))[0].missing}
    assert missing[("pyiqa:lpips",)].reason == "the weights of pyiqa:lpips are not here"
    assert missing[("pyiqa:lpips",)].command == "iqa-eval fetch pyiqa:lpips"
    assert missing[("control:constant",)].reason == "the scores are constant"
    assert ("timm:resnet50",) in missing


def test_absent_models_with_one_reason_stand_together(row: MakeRow) -> None:
    rows = [row(m, "d", "p", value=None, reason="gives no features") for m in ("a", "b")]
    (missing,) = tables(group(rows)[0])[0].missing
    assert missing.models == ("a", "b")


def test_sensitivity_is_read_by_area(rows: list[Row]) -> None:
    main, by_type = tables(find(rows, "sensitivity"))
    spans = [(c.span, c.title) for c in main.columns if c.span]
    ratio, response = "Response ratio at area", "Response at area"
    assert spans == [
        *((ratio, area) for area in ("1/64", "1/16", "1/4")),
        *((response, area) for area in ("1/64", "1/16", "1/4", "1")),
    ]
    data = frame(rows).set_index(["model", "protocol", "metric", "subset"])["value"]
    for line in (*main.lines, *main.apart):
        raw = line[column(main, "1/16", span=response)].raw[0]
        assert raw == data[line[0].text, "sensitivity", "response", "area=1/16"]
    assert by_type.folded


def test_an_unknown_protocol_is_a_table_of_models_and_metrics(row: MakeRow) -> None:
    rows = [
        row("a", "d", "new", metric="auc", value=0.75),
        row("b", "d", "new", metric="auc", value=0.5),
        row("b", "d", "new", metric="f1", value=0.25, subset="half=left"),
    ]
    main, folded = tables(group(rows)[0])
    assert [line[0].text for line in main.lines] == ["a", "b"]
    assert main.lines[0][column(main, "auc")].text == "0.750"
    assert main.sorted_by is None
    assert [cell.text for cell in folded.lines[0][:2]] == ["b", "half=left"]
    assert folded.lines[0][column(folded, "f1")].text == "0.250"


def test_the_matrix_is_the_response_at_a_sixteenth(row: MakeRow) -> None:
    def response(model: str, subset: str, value: float | None) -> Row:
        return row(model, "d", "s", metric="response", subset=subset, value=value)

    rows = [
        response("a", "type=x area=1/16", 0.25),
        response("a", "type=y area=1/16", 0.5),
        response("a", "type=y area=1/4", 5.0),
        response("a", "area=1/16", 0.3),
        response("b", "type=x area=1/16", -0.5),
        response("c", "type=x area=1/4", 1.0),
    ]
    matrix = type_matrix(group(rows)[0])
    assert matrix is not None
    assert matrix.types == ("y", "x")  # the darkest first
    assert matrix.resting == ""  # of correlations alone
    assert matrix.scales == (0.5, 0.1)  # b has noticed nothing: no small value looks large
    assert matrix.models == ("a", "b")
    assert matrix.values == ((0.5, None), (0.25, -0.5))
    assert matrix.left_out == ("c",)


def test_an_srcc_of_one_type_says_on_how_little_it_rests(row: MakeRow) -> None:
    of = {"split": "median of 10 splits (70/10/20)", "n_expected": 22, "n_scored": 20}
    found = group(
        [
            row("a", "d", "linear-probe", value=0.8, **of),
            row("a", "d", "linear-probe", subset="type=x", ci_low=-1.0, ci_high=0.918, **of),
            row("a", "d", "linear-probe", subset="type=y", ci_low=0.2, ci_high=0.6, **of),
        ]
    )[0]
    said = (
        "A type has 20 pictures, of which a split tests about 20 %; the intervals, which the "
        "records have, are 0.400 to 1.918 wide."
    )
    assert said in tables(found)[1].notes
    (drawn,) = (picture for picture in figures(found) if picture.name.endswith(".types"))
    assert said in drawn.caption


def test_a_ridge_penalty_keeps_its_digits(row: MakeRow) -> None:
    rows = [row("a", "d", "p"), row("a", "d", "p", metric="alpha", value=1e-5)]
    (table,) = tables(group(rows)[0])
    assert table.lines[0][column(table, "Ridge α")].text == "1e-05"


def test_interval_of_one_model_is_written_beside_it(row: MakeRow) -> None:
    one = replace(row("a", "d", "p", value=0.9), ci_low=0.8123, ci_high=0.93449)
    (table,) = tables(group([one])[0])
    assert table.lines[0][2].detail == "[.812, .934]"
    assert table.lines[0][2].raw == (0.9, 0.8123, 0.93449)


def test_numbers() -> None:
    assert [number(v) for v in (0.8125, -0.25, None, -0.0001, 12.0)] == [
        "0.812",
        "−0.250",
        "–",
        "0.000",
        "12.000",
    ]
    assert interval(-0.05, 1.0) == "[−.050, 1.000]"
    assert interval(None, 0.3) == ""
    assert interval(-0.0002, 0.1214) == "[−.000, .121]"  # 0 is inside
    assert interval(-0.1214, -0.0002) == "[−.121, −.000]"  # and here it is not
    assert interval(-0.0, 0.0) == "[.000, .000]"


@given(st.floats(-1e6, 1e6))
def test_a_number_is_its_value_to_three_decimals(value: float) -> None:
    text = number(value).replace("−", "-")
    assert abs(float(text) - value) <= 0.0005 * (1 + 1e-9)
    assert text != "-0.000"
