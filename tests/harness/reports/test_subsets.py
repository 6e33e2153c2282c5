"""Data efficiency, local damage, several splits and published values, as people read them."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.records import Row, frame
from harness.reports.console import as_text
from harness.reports.figures import figures
from harness.reports.formats import markdown, table_csv
from harness.reports.groups import Group, group
from harness.reports.layout import Table
from harness.reports.tables import tables

MakeRow = Callable[..., Row]


def find(rows: list[Row], dataset: str, study: str) -> Group:
    return next(g for g in group(rows) if g.key.dataset == dataset and study in g.study)


def at(table: Table, title: str, span: str = "") -> int:
    return [(c.span, c.title) for c in table.columns].index((span, title))


@pytest.mark.parametrize(
    ("study", "end", "shares"),
    [
        ("fixed 20% test part", "", ["1%", "2%", "3%", "5%", "7%", "10%", "15%", "20%", "25%"]),
        ("all other images", " test=rest", ["5%", "10%", "25%"]),
    ],
)
def test_shares_are_columns_with_their_sd(
    suite_rows: list[Row], study: str, end: str, shares: list[str]
) -> None:
    main, plcc = tables(find(suite_rows, "clive", study))
    data = frame(suite_rows).query("dataset == 'clive' and protocol == 'data-efficiency'")
    values = data.set_index(["model", "metric", "subset"])["value"].sort_index()
    assert [c.title for c in main.columns if c.span == "SRCC with"][: len(shares)] == shares
    for table, metric in ((main, "srcc"), (plcc, "plcc")):
        for line in (*table.lines, *table.apart):
            for share in shares:
                cell = line[at(table, share, f"{metric.upper()} with")]
                subset = f"fraction={share}{end}"
                assert cell.raw == (
                    values.loc[line[0].text, metric, subset],
                    values.loc[line[0].text, f"{metric}_split_sd", subset],
                )
                assert re.fullmatch(r"±\.\d{3}", cell.detail)
    assert plcc.folded
    assert any("standard deviation over the repeats" in note for note in main.notes)
    assert [line[0].text for line in main.apart] == ["control:untrained-vit"]
    last = [line[main.sorted_by].raw[0] for line in main.lines]  # type: ignore[index]
    assert last == sorted(last, key=float, reverse=True)


def test_published_values_stand_beside_the_measured(suite_rows: list[Row]) -> None:
    (main, _) = tables(find(suite_rows, "koniq10k", "fixed 20% test part"))
    assert [c.title for c in main.columns if c.span == "SRCC published"] == ["20%", "40%", "60%"]
    published = at(main, "20%", "SRCC published")
    texts = {line[0].text: line[published].text for line in main.lines}
    assert re.fullmatch(r"0\.8\d\d", texts.pop("arniqa"))
    assert set(texts.values()) == {"–"}
    assert "Published (arniqa): A paper (2025), supplementary Table 1." in main.notes
    (rest, _) = tables(find(suite_rows, "koniq10k", "all other images"))
    assert not any("published" in c.span for c in rest.columns)


def test_published_values_of_a_ranking(row: MakeRow) -> None:
    rows = [row("a", "d", "p", published=0.51, published_source="B (2020)"), row("b", "d", "p")]
    (table,) = tables(group(rows)[0])
    cells = [line[at(table, "SRCC published")] for line in table.lines]
    assert [(cell.text, cell.raw) for cell in cells] == [("0.510", (0.51,)), ("–", (None,))]
    assert "Published (a): B (2020)." in table.notes
    (plain,) = tables(group([row("b", "d", "p")])[0])
    assert not any("published" in c.title for c in plain.columns)


def test_shares_that_papers_print_stay_longest_in_a_terminal(suite_rows: list[Row]) -> None:
    part = [r for r in suite_rows if (r.dataset, r.protocol) == ("clive", "data-efficiency")]
    narrow, wide = as_text(part, 112), as_text(part, 260)
    assert (
        "Left out, for want of width: SRCC with 2%, SRCC with 3%, SRCC with 7%, SRCC with 15%"
        in narrow
    )
    assert "Left out" not in wide
    assert "±.040" in wide
    assert max(map(len, narrow.splitlines())) <= 112


def test_shares_that_come_to_the_same_contents_are_told(suite_rows: list[Row]) -> None:
    def of_contents(unit: str, few: bool = False) -> Group:
        rows = [r for r in suite_rows if (r.dataset, r.protocol) == ("clive", "data-efficiency")]
        if few:  # of fewer than 2 there is no number
            shares = [f"fraction={share}%" for share in (15, 20, 25, 40, 60, 80)]
            rows = [r for r in rows if r.subset in shares]
        return next(
            found
            for found in group([replace(r, split=re.sub("unit: .*", unit, r.split)) for r in rows])
            if "fixed 20%" in found.key.split
        )

    ten = of_contents("unit: contents (10)", few=True)
    (main, _), (picture,) = tables(ten), figures(ten)
    same = "15%, 20% and 25% are the same 2 contents."
    assert same in picture.caption
    (note,) = (note for note in main.notes if note.startswith("Fitted on"))
    sizes = "2 (15%, 20%, 25%), 4 (40%), 6 (60%), 8 (80%)"
    assert note == f"Fitted on, of 10 contents: {sizes}. {same}"
    many = of_contents("unit: images (1162)")
    (main, _), (picture,) = tables(many), figures(many)
    assert "are the same" not in picture.caption
    (note,) = (note for note in main.notes if note.startswith("Fitted on"))
    assert note.startswith("Fitted on, of 1,162 images: 12 (1%), 23 (2%), ")
    assert note.endswith("930 (80%).")
    assert not any(n.startswith("Fitted on") for n in tables(of_contents("else"))[0].notes)


def test_the_curve_of_a_dataset(suite_rows: list[Row]) -> None:
    (picture,) = figures(find(suite_rows, "koniq10k", "fixed 20% test part"))
    assert "95% t intervals of that mean" in picture.caption
    assert "published" in picture.caption
    assert "6 models with 1% to 80%" in picture.alt
    assert figures(find(suite_rows, "koniq10k", "all other images")) == ()
    unpublished = [replace(r, published=None) for r in suite_rows if r.model != "arniqa"]
    (picture,) = figures(find(unpublished, "koniq10k", "fixed 20% test part"))
    assert "published" not in picture.caption


def test_a_curve_with_gaps_and_without_spread(row: MakeRow) -> None:
    def part(model: str, share: str, value: float | None) -> Row:
        reason = None if value else "fewer than 2 contents"
        subset = f"fraction={share}"
        return row(model, "d", "data-efficiency", subset=subset, value=value, reason=reason)

    rows = [part("a", "1%", None), part("a", "5%", 0.4), part("a", "12.5%", 0.5)]
    rows += [part("b", "1%", 0.1), part("b", "5%", 0.2), part("b", "12.5%", 0.3)]
    (found,) = group(rows)
    (picture,) = figures(found)
    assert "2 models with 1% to 12.5%" in picture.alt
    (table,) = tables(found)
    assert [[cell.text for cell in line[1:4]] for line in table.lines] == [
        ["–", "0.400", "0.500"],
        ["0.100", "0.200", "0.300"],
    ]
    assert "a: fewer than 2 contents." in table.notes


def test_local_and_global_damage_side_by_side(suite_rows: list[Row]) -> None:
    found = find(suite_rows, "kadid10k", "local-human")
    main, plcc = tables(found)
    expected = ["local", "global", "color-block", "non-eccentricity"]
    assert [c.title for c in main.columns if c.span == "SRCC on"] == expected
    values = [line[1].raw[0] for line in main.lines]
    assert values == sorted(values, key=float, reverse=True)
    assert all(line[1].detail.startswith("[") for line in main.lines)
    assert "N: 810/810 (local), 9315/9315 (global), 405/405 (color-block, non-eccentricity)." in (
        main.notes
    )
    assert plcc.folded
    keys = next(csv.reader(io.StringIO(table_csv(main))))
    assert "srcc_color-block_low" in keys


def test_models_with_other_counts_are_named(row: MakeRow) -> None:
    rows = [row(m, "d", "p", subset="local") for m in "ab"]
    rows[1] = replace(rows[1], n_scored=470)
    (table,) = tables(group(rows)[0])
    assert "N of a: 480/480." in table.notes
    assert "N of b: 470/480." in table.notes


def test_patches_have_the_accuracy_within_an_image_beside_srcc(suite_rows: list[Row]) -> None:
    (main,) = tables(find(suite_rows, "flive-patches", "local-human"))
    cell = main.lines[0][at(main, "Pair accuracy within-image")]
    assert (cell.text, cell.detail) == ("0.700", "[.680, .720]")
    assert any("bootstrap over images" in note for note in main.notes)


def test_other_splits_are_another_table_and_the_title_says_so(suite_rows: list[Row]) -> None:
    studies = [g.study for g in group(suite_rows) if g.key[:2] == ("koniq10k", "linear-probe")]
    assert sorted(studies) == [
        "linear-probe, median of 10 splits (70/10/20)",
        "linear-probe, splits official",
    ]


def test_mean_and_spread_over_splits(suite_rows: list[Row]) -> None:
    main = tables(find(suite_rows, "koniq10k", "median"))[0]
    titles = [c.title for c in main.columns]
    assert titles[2:5] == ["SRCC", "SD over splits", "PLCC"]
    assert not any("_" in title for title in titles)
    first = next(csv.DictReader(io.StringIO(table_csv(main))))
    assert float(first["srcc_mean"]) == pytest.approx(float(first["srcc"]) - 0.001)
    assert float(first["plcc_split_sd"]) == 0.011
    official = tables(find(suite_rows, "koniq10k", "official"))[0]
    assert "SD over splits" not in [c.title for c in official.columns]


def test_all_of_it_is_markdown_of_one_width(suite_rows: list[Row]) -> None:
    for found in group(suite_rows):
        for table in tables(found):
            lines = [line for line in markdown(table).splitlines() if line.startswith("|")]
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) <= 1
