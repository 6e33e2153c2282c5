"""A probe set with harmless changes: what is detected comes first, bounds stay bounds."""

import csv
import io
import math
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from PIL import Image

from harness.records import Row
from harness.reports import cell_figure, detection_figure, threshold_figure, write_report
from harness.reports.area_table import area_table
from harness.reports.console import as_text
from harness.reports.figures import figures
from harness.reports.formats import markdown, table_csv
from harness.reports.groups import Group, group
from harness.reports.sensitivity_notes import seen_alone
from harness.reports.sensitivity_table import detection_table, threshold_table
from harness.reports.style import Picture, finish, style
from harness.reports.tables import tables
from harness.reports.thresholds import threshold_of

MakeRow = Callable[..., Row]

AREAS = ("1/64", "1/32", "1/16", "1/8", "1/4", "1/2", "1")
TYPES = ("blur", "jpeg", "noise")
BOUNDS = "95 % interval from {} to {}"
METHOD = "jackknife t interval over 8 contents"
# model → (where 75 % are detected, false alarms): below all areas, between, and above all
MODELS = {"keen": (-8.0, 0.05), "middling": (-3.0, 0.04), "control:blind": (9.0, 0.06)}


def _row(model: str, **changes: object) -> Row:
    empty = ("ci_low", "ci_high", "ci_method", "published", "published_source", "scores", "reason")
    fixed = {
        **dict.fromkeys(empty),
        "weights": "",
        "model_version": "1",
        "options": "{}",
        "mode": "NR",
        "dataset": "probes",
        "images_hash": "a1b2c3d4" * 8,
        "labels_hash": "5e6f7a8b" * 8,
        "label_kind": "none",
        "decoding": "exif-srgb@1",
        "device": "cpu",
        "others": "{}",
        "protocol": "sensitivity",
        "protocol_version": "3",
        "protocol_options": "{}",
        "split": "all",
        "subset": "all",
        "value": None,
        "n_expected": 100,
        "n_scored": 100,
        "n_failed": 0,
        "seed": 0,
        "contamination": "none",
        "marks": ("few contents (8)", *(("control",) if model.startswith("control") else ())),
    }
    return Row(**{**fixed, "model": model, **changes})  # type: ignore[arg-type]


def _threshold(model: str, metric: str, subset: str) -> Row:
    log2 = MODELS[model][0]
    row = _row(model, metric=metric, subset=subset, ci_method="expanded percentile bootstrap")
    if -6 < log2 < 0:
        area = 2**log2
        ends = {"ci_low": area / 2, "reason": BOUNDS.format(f"{area / 2:.2g}", "never")}
        return replace(row, value=area, **ends)
    if log2 > 0:
        return replace(row, reason="never")
    return replace(row, ci_high=0.02, reason="< 1/64; " + BOUNDS.format("< 1/64", "0.02"))


def _of(model: str) -> Iterator[Row]:
    middle, false_alarms = MODELS[model]
    yield _row(model, metric="false_alarms", value=false_alarms, ci_low=0.02, ci_high=0.09)
    cells = (
        *("", "seen=yes ", "seen=no ", "severity=1 ", "severity=3 ", "shape=cell "),
        *("shape=strip ", "ladder=equal-damage ", *(f"type={name} " for name in TYPES)),
    )
    for area in AREAS:
        x = -math.log2(float(area.partition("/")[2] or 1))
        share = false_alarms + (1 - false_alarms) / (1 + math.exp(middle - x))
        lost = {"n_scored": 98, "n_failed": 2, "reason": f"2 failed: first a/{area}: no room"}
        extra = ("incomplete (98 of 100)",)
        for cell in cells:
            ends = {"ci_low": share - 0.05, "ci_high": share + 0.05, "ci_method": METHOD}
            row = _row(model, metric="detected", subset=f"{cell}area={area}", value=share, **ends)
            yield replace(row, n_scored=98, n_failed=2, marks=(*row.marks, *extra))
        yield _row(model, metric="direction", subset=f"area={area}", value=0.9)
        yield _row(model, metric="paired_accuracy", subset=f"area={area}", value=0.987)
        row = _row(model, metric="response", subset=f"area={area}", value=share, **lost)
        yield replace(row, marks=(*row.marks, *extra, "few contents (3)"))
        for name in TYPES:
            subset = f"type={name} area={area}"
            yield _row(model, metric="response", subset=subset, value=share)
        yield _row(model, metric="response_ratio", subset=f"area={area}", value=share, **lost)
    for subset in ("all", *(f"type={name}" for name in TYPES)):
        if model == "control:blind":
            why = "the drop of the full frame cannot be told from 0"
            yield _row(model, metric="lsi", subset=subset, reason=why)
        else:
            yield _row(model, metric="lsi", subset=subset, value=0.4, ci_low=0.3, ci_high=0.5)
        for along in ("severity", "area"):
            yield _row(model, metric=f"ordered_by_{along}", subset=subset, value=0.8)
    yield _threshold(model, "threshold_median", "all")
    for name in TYPES:
        for severity in ("1", "3", "5"):
            yield _threshold(model, "threshold", f"type={name} severity={severity}")
    yield _row(model, metric="band_share", value=0.07)


@pytest.fixture(scope="module")
def measured() -> list[Row]:
    return [row for model in MODELS for row in _of(model)]


@pytest.fixture(scope="module")
def found(measured: list[Row]) -> Group:
    (one,) = group(measured)
    return one


@pytest.fixture(scope="module")
def drawn(found: Group) -> dict[str, Picture]:
    return {picture.name: picture for picture in figures(found)}


def _without_detection(rows: list[Row]) -> Group:
    return group([row for row in rows if row.metric.startswith("response")])[0]


@pytest.mark.parametrize(
    ("value", "reason", "text", "interval", "log2"),
    [
        (0.25, BOUNDS.format("0.1", "never"), "0.25", "[.1, never]", -2.0),
        (0.5, None, "0.50", "", -1.0),
        (None, "never; " + BOUNDS.format("0.39", "never"), "never", "[.39, never]", math.inf),
        (None, "never", "never", "", math.inf),
        (None, "< 1/64; " + BOUNDS.format("< 1/64", "0.03"), "< 1/64", "[< 1/64, .03]", -math.inf),
        (None, "> 1/4", "> 1/4", "", math.inf),
        (None, "a threshold needs 3 areas, 1 can be used", "–", "", math.nan),
        (None, None, "–", "", math.nan),
    ],
)
def test_thresholds_are_read_with_their_bounds(
    value: float | None, reason: str | None, text: str, interval: str, log2: float
) -> None:
    read = threshold_of(_row("m", metric="threshold", value=value, reason=reason))
    assert (read.text, read.interval) == (text, interval)
    assert read.log2 == pytest.approx(log2, nan_ok=True)


def test_the_table_says_what_is_detected_and_how_small(found: Group) -> None:
    table = detection_table(found)
    (keen, middling), (blind,) = table.lines, table.apart
    spans = [column.span for column in table.columns]
    threshold, index = spans.index("Threshold"), spans.index("Index")
    assert [line[threshold].text for line in (keen, middling, blind)] == ["< 1/64", "0.12", "never"]
    assert middling[threshold].detail == "[.062, never]"
    assert middling[threshold].raw == (0.125, 0.0625, None, "0.12 [.062, never]")
    assert (keen[index].text, blind[index].text) == ("0.400", "–")
    assert keen[1].text == "0.887"
    assert keen[1].detail == "[.837, .937]"
    assert "0.987" not in markdown(table)  # the raw paired accuracy is no headline


def test_failures_and_marks_are_said_once(found: Group) -> None:
    table = detection_table(found)
    assert table.marks == ("few contents (8)", "incomplete (686 of 700)")
    assert [line[-1].text for line in (*table.lines, *table.apart)] == ["", "", "control"]
    lost = [note for note in table.notes if "could not be used" in note]
    assert lost == ["14 of 700 probes could not be used (first: a/1/64: no room)."]
    assert not any("failed: first" in note for t in tables(found) for note in t.notes)
    why = "LSI of control:blind: the drop of the full frame cannot be told from 0."
    assert why in table.notes


def test_a_failure_of_one_model_names_it(measured: list[Row]) -> None:
    whole = [
        replace(row, n_scored=100, n_failed=0, reason=None, marks=())
        if row.model == "keen" and row.metric.startswith("response")
        else row
        for row in measured
    ]
    (note,) = (n for n in detection_table(group(whole)[0]).notes if "could not be used" in n)
    assert note.startswith("control:blind, middling: 14 of 700 probes")


def test_a_terminal_keeps_what_matters(measured: list[Row]) -> None:
    name = "timm:a_model_with_a_name_of_many_words_and_more (variant whole)"
    named = [replace(r, model=name) if r.model == "keen" else r for r in measured]
    text = as_text(named, 120)
    assert max(map(len, text.splitlines())) <= 120
    (left_out,) = re.findall(r"Left out, for want of width: (.*?)\.\n", text, re.DOTALL)
    for title in ("1/64", "1/16", "1/4", "1"):
        assert f"Detected at area {title}," not in f"{left_out},"
    for title in ("Threshold", "LSI", "False"):
        assert title not in left_out
    assert "< 1/64" in text
    assert "Ordered by area" in " ".join(left_out.split())


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_no_index_is_shown_without_detection(measured: list[Row], width: int) -> None:
    text = as_text(measured, width)
    head = text.partition("───")[0]
    assert "Detected" in head.split() or "LSI" not in head.split()


def test_types_seen_in_training_stand_apart_where_they_are_known(
    found: Group, measured: list[Row]
) -> None:
    titles = [column.title for column in detection_table(found).columns]
    assert titles.count("trained on, at 1/16") == titles.count("held out, at 1/16") == 1
    (alike,) = group([row for row in measured if "seen=yes" not in row.subset])
    assert not any("held out" in column.title for column in detection_table(alike).columns)


def test_a_set_without_harmless_changes_keeps_its_table(measured: list[Row]) -> None:
    old = _without_detection(measured)
    first, *rest = tables(old)
    assert first.columns[1].span == "Response ratio at area"
    assert first.name == old.name
    assert not {"Threshold", "LSI"} & {column.title for column in first.columns}
    assert {table.name for table in rest} == {f"{old.name}.types"}


def test_all_tables_are_written_whole(found: Group) -> None:
    made = tables(found)
    assert [table.name.removeprefix(found.name) for table in made] == [
        *("", ".thresholds", ".response", ".types")
    ]
    assert [table.folded for table in made] == [False, True, True, True]
    areas = area_table(found, found.entries[0])
    for table in (*made, areas):
        lines = list(csv.reader(io.StringIO(table_csv(table))))
        assert len({len(line) for line in lines}) == 1
        assert len(set(lines[0])) == len(lines[0])
        assert markdown(table).startswith("## ")
    by_type = threshold_table(found)
    assert by_type is not None
    assert len(by_type.lines) == len(TYPES) * len(MODELS)


def test_the_table_of_one_model_has_every_area(found: Group) -> None:
    table = area_table(found, found.entries[1])
    assert [column.title for column in table.columns[3:]] == list(AREAS)
    lines = {(line[0].text, line[1].text): line for line in table.lines}
    assert ("Detected", "severity=3") in lines
    assert ("Paired accuracy", "all") in lines
    assert lines["Control: band", "all"][2].text == "0.070"
    assert not any(among.startswith("type=") for name, among in lines if name == "LSI")


def test_readers_are_told_what_nobody_sees(measured: list[Row]) -> None:
    """Of 100 probes an area, 40 at 1/64 and 10 at 1/32 are invisible; most of blur at 1/64."""
    hidden = {"area=1/64": 40, "area=1/32": 10, "type=blur area=1/64": 60, "type=jpeg area=1/64": 5}
    rows = [
        replace(row, n_expected=100 - lost, n_scored=98 - lost)
        if row.metric == "detected" and (lost := hidden.get(row.subset, 0))
        else row
        for row in measured
        if (row.metric, row.subset) != ("detected", "type=noise area=1/64")  # none can be seen
    ]
    (told,) = group(rows)
    words = (
        "Of damage that can be seen: probes with a local PSNR above 45 dB and ΔE₀₀ below 1 are "
        "left out, 40 of 100 at 1/64, 10 of 100 at 1/32; most of blur (60 % at 1/64), noise "
        "(100 % at 1/64)."
    )
    by_type = threshold_table(told)
    assert by_type is not None
    entry = told.entries[0]
    for table in (detection_table(told), by_type, area_table(told, entry)):
        assert sum(words in note for note in table.notes) == 1
    with style():
        pictures = (
            detection_figure.detection_figure(told),
            threshold_figure.threshold_figure(told),
            threshold_figure.own_threshold_figure(told, entry),
            cell_figure.cell_figure(told, entry),
        )
    assert all(picture is not None and words in picture.caption for picture in pictures)


def test_without_any_left_out_there_is_no_number(found: Group) -> None:
    assert seen_alone(found.entries).endswith("ΔE₀₀ below 1 are left out.")
    assert seen_alone([]) == seen_alone(found.entries)


def test_shares_without_an_interval_are_open(
    measured: list[Row], axes_of: Callable[..., Figure]
) -> None:
    """All of keen at 1/64 lacks its interval, and so do the false alarms of middling."""
    bare = [
        replace(row, ci_low=None, ci_high=None)
        if (row.model == "keen" and row.subset.endswith("area=1/64"))
        or (row.model == "middling" and row.metric == "false_alarms")
        else row
        for row in measured
    ]
    (some,), (none,) = group(bare), group(measured)
    entry = next(e for e in some.entries if e.label == "keen")
    (axes,) = axes_of(detection_figure.detection_figure, some).axes
    heights = [
        float(y) for c in axes.collections if isinstance(c, PathCollection)
        for x, y in c.get_offsets()
    ]  # fmt: skip
    assert sorted(heights) == sorted([0.04, entry.value("detected", "area=1/64")])
    panels = axes_of(cell_figure.cell_figure, some, entry).axes
    assert "By kind of ladder" not in {axes.get_title("left") for axes in panels}  # of one kind
    for axes in panels:
        hollow = [c for c in axes.collections if isinstance(c, PathCollection)]
        assert {float(x) for c in hollow for x, _ in c.get_offsets()} == {1 / 64}
    with style():
        for here, told in ((some, True), (none, False)):
            own = next(e for e in here.entries if e.label == "keen")
            for picture in (
                detection_figure.detection_figure(here),
                cell_figure.cell_figure(here, own),
            ):
                assert picture is not None
                assert ("Open marks" in picture.caption) == told


def test_figures_of_detection_and_thresholds(found: Group, drawn: dict[str, Picture]) -> None:
    names = [name.removeprefix(found.name) for name in drawn]
    assert names == [".detected", ".thresholds", ".area", ".types"]
    for picture in drawn.values():
        ElementTree.fromstring(picture.svg)
        with Image.open(io.BytesIO(picture.png)) as image:
            image.load()
        assert picture.caption.endswith(".")
    assert "of 3 types by 3 models" in drawn[f"{found.name}.thresholds"].alt
    assert "severity 3" in drawn[f"{found.name}.thresholds"].title
    assert figures(found) == tuple(drawn.values())


def test_figures_need_what_they_show(measured: list[Row]) -> None:
    names = {picture.name for picture in figures(_without_detection(measured))}
    assert not any(name.endswith((".detected", ".thresholds")) for name in names)
    unfitted = [
        replace(row, value=None, reason="a threshold needs 3 areas, 1 can be used")
        if row.metric == "threshold"
        else row
        for row in measured
    ]
    names = {picture.name for picture in figures(group(unfitted)[0])}
    assert not any(name.endswith(".thresholds") for name in names)


@pytest.fixture(scope="module")
def told(measured: list[Row]) -> Group:
    """The middling model was not trained on noise, nor on strips; its band control is rated."""
    unseen = [
        replace(row, marks=(*row.marks, "held out"))
        if row.model == "middling" and {"type=noise", "shape=strip"} & {*row.subset.split()}
        else row
        for row in measured
    ]
    cells = [
        _row("middling", metric=metric, subset=f"{cell}area={area}", value=value)
        for area in AREAS[:5]
        for metric, cell, value in (
            ("band_partner_detected", "", 0.6),
            ("band_detected", "", 0.1),
            ("detected", "mask_seen=yes ", 0.5),
            ("detected", "mask_seen=no ", 0.4),
        )
    ]
    some = "of 3 of 8 ladders: those that reach every area"
    for metric in ("detected", "response_ratio"):
        subset = "ladder=equal-energy area=1/64"
        cells.append(_row("middling", metric=metric, subset=subset, value=0.3, reason=some))
    (one,) = group([*unseen, *cells])
    return one


def test_tables_say_what_was_held_out(told: Group, found: Group) -> None:
    table = threshold_table(told)
    assert table is not None
    assert {line[0].text: line[-1].text for line in table.lines if line[1].text == "middling"} == {
        **{"blur": "", "jpeg": "", "noise": "held out"}
    }
    assert {line[-1].text for line in table.lines if line[1].text == "keen"} == {""}
    entry = next(entry for entry in told.entries if entry.label == "middling")
    lines = [(line[0].text, line[1].text) for line in area_table(told, entry).lines]
    assert ("Detected", "shape=strip (held out)") in lines
    assert ("Detected", "type=noise (held out)") in lines
    assert ("Detected", "shape=cell") in lines
    assert area_table(told, entry).notes[-1] == (
        "Detected, Response ratio, ladder=equal-energy: of 3 of 8 ladders: those that reach every "
        "area."
    )
    band = lines.index(("Control: band, detected", "all"))
    assert lines[band + 1] == ("Filled masks of the bands, detected", "all")
    columns = detection_table(told).columns
    assert [c.title for c in columns if c.span == "Detected, of the shapes"] == [
        *("trained on, at 1/16", "held out, at 1/16")
    ]
    # It is true of cells, not of the model.
    assert all("held out" not in (*t.marks, t.lines[0][-1].text) for t in tables(told)[:1])
    assert detection_table(told).marks == detection_table(found).marks


@pytest.fixture
def axes_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Figure]:
    """The drawing behind a picture, laid out."""
    kept: list[Figure] = []

    def keep(name: str, figure: Figure, *words: str) -> Picture:
        kept.append(figure)
        return finish(name, figure, *words)

    for module in (cell_figure, detection_figure, threshold_figure):
        monkeypatch.setattr(module, "finish", keep)

    def draw(make: Callable[..., Picture], *of: object) -> Figure:
        with style():
            make(*of)
        return kept.pop()

    return draw


def test_the_legend_and_the_false_alarms_hide_nothing(
    found: Group, axes_of: Callable[..., Figure]
) -> None:
    figure = axes_of(detection_figure.detection_figure, found)
    (axes,) = figure.axes
    legend = axes.get_legend()
    assert legend is not None
    assert not legend.get_window_extent().overlaps(axes.get_window_extent())
    marks = [line for line in axes.lines if len(line.get_xdata()) == 1]
    assert [line.get_ydata()[0] for line in marks] == [0.05, 0.04, 0.06]
    bars = [c for c in axes.collections if isinstance(c, LineCollection)]
    places = [bar.get_segments()[0].tolist() for bar in bars]
    assert places == [[[x, 0.02], [x, 0.09]] for x in (line.get_xdata()[0] for line in marks)]
    assert len({line.get_xdata()[0] for line in marks}) == 3
    assert all(line.get_xdata()[0] < 1 / 64 for line in marks)
    lines = {line.get_marker(): line for line in axes.lines if len(line.get_xdata()) == len(AREAS)}
    assert len(lines) == 3
    assert all(line.get_marker() in lines for line in marks)


def test_bounds_are_cells_of_their_own(found: Group, axes_of: Callable[..., Figure]) -> None:
    figure = axes_of(threshold_figure.threshold_figure, found)
    (axes,) = figure.axes
    texts = [text.get_text() for text in axes.texts]
    cells = len(MODELS) * len(TYPES)
    # The last has no interval: it must not look the surest.
    assert texts[:cells] == ["< 1/64", "0.12", "never°"] * len(TYPES)
    assert texts[cells:] == ["[< 1/64, .02]", "[.062, never]"] * len(TYPES)
    hatched = [patch for patch in axes.patches if patch.get_hatch()]
    corners = {tuple(map(math.floor, patch.get_xy())) for patch in hatched}
    assert corners == {(2, y) for y in range(len(TYPES))}
    (mesh,) = axes.collections
    shades = np.asarray(mesh.get_array()).reshape(len(TYPES), -1)[0]
    assert shades[0] > shades[1] > shades[2]


def test_one_model_apart(found: Group, axes_of: Callable[..., Figure]) -> None:
    entry = found.entries[2]
    figure = axes_of(threshold_figure.own_threshold_figure, found, entry)
    left, center, right = figure.axes
    assert [text.get_text() for text in left.texts] == ["0.12"] * 9 + ["[.062, never]"] * 9
    assert [tick.get_text() for tick in center.get_xticklabels()] == ["1/16", "1/4", "1"]
    assert [text.get_text() for text in right.texts] == [".40"] * 3 + ["[.300, .500]"] * 3
    assert {tick.get_text() for tick in left.get_yticklabels()} == set(TYPES)


def test_a_ring_is_explained_where_there_is_one(found: Group) -> None:
    (keen, middling, blind) = (
        next(e for e in found.entries if e.label == label) for label in MODELS
    )
    with style():
        own = threshold_figure.own_threshold_figure
        captions = [own(found, entry).caption for entry in (keen, middling, blind)]
        both = threshold_figure.threshold_figure(found).caption
    assert ["°: there is no interval" in text for text in (*captions, both)] == [
        *(False, False, True, True)
    ]


def test_figures_mark_what_was_held_out(told: Group, axes_of: Callable[..., Figure]) -> None:
    (axes,) = axes_of(threshold_figure.threshold_figure, told).axes
    rows = [tick.get_text() for tick in axes.get_yticklabels()]
    marked = [text for text in axes.texts if "†" in text.get_text()]
    assert [text.get_text() for text in marked] == ["0.12 †"]
    assert rows[int(marked[0].get_position()[1])] == "noise"
    entry = next(entry for entry in told.entries if entry.label == "middling")
    left, *_ = axes_of(threshold_figure.own_threshold_figure, told, entry).axes
    assert {t.get_text() for t in left.get_yticklabels()} == {"blur", "jpeg", "noise †"}
    panels = {a.get_title("left"): a for a in axes_of(cell_figure.cell_figure, told, entry).axes}
    names = {title: a.get_legend_handles_labels()[1] for title, a in panels.items()}
    assert names["By shape of the mask"] == ["cell", "strip †"]
    assert names["By types in training"] == ["trained on", "held out"]
    assert names["By shapes in training"] == ["trained on", "held out"]
    assert names["By part of the mask"] == ["all of it", "2-pixel edge"]
    assert [line.get_ydata()[0] for line in panels["By part of the mask"].lines[2:]] == [0.6, 0.1]


def test_captions_explain_a_dagger_only_where_there_is_one(told: Group, found: Group) -> None:
    with style():
        for where, there in ((told, True), (found, False)):
            entry = next(entry for entry in where.entries if entry.label == "middling")
            for picture in (
                threshold_figure.threshold_figure(where),
                threshold_figure.own_threshold_figure(where, entry),
                cell_figure.cell_figure(where, entry),
            ):
                assert picture is not None
                assert ("†: held out" in picture.caption) == there


def test_each_model_has_a_page(
    tmp_path: Path, measured: list[Row], save: Callable[..., Path], nasty: str
) -> None:
    rows = [r for r in measured if r.model != "control:blind" and "response" not in r.metric]
    named = [replace(r, model=nasty) if r.model == "middling" else r for r in rows]
    out = save(tmp_path, named)
    index = write_report(out).read_text("utf-8")
    links = re.findall(r'<a href="(models/[^"]+)">', index)
    assert len(links) == len(set(links)) == 2
    assert sorted((out / "models").iterdir()) == sorted(out / link for link in links)
    for link in links:
        page = (out / link).read_text("utf-8")
        assert nasty not in page
        assert 'href="../index.html"' in page
        pictures = re.findall(r'src="([^"]+)"', page)
        assert len(pictures) == 2
        for url in (*pictures, *re.findall(r'href="(\.\./tables[^"]+)"', page)):
            assert (out / "models" / url).resolve().exists()
    (out / "models" / "mine.html").write_text("mine", "utf-8")
    shutil.rmtree(next((out / "records").glob("keen*")))
    write_report(out)
    kept = next(link for link in links if "keen" not in link)
    assert {path.name for path in (out / "models").iterdir()} == {"mine.html", Path(kept).name}
