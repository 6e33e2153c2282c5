"""Figures: the same bytes for the same rows, nothing hidden in color, any name drawn."""

import io
import re
import warnings
from collections.abc import Callable
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
import seaborn as sns
from PIL import Image

from harness.records import Row
from harness.reports.figures import figures
from harness.reports.groups import Group, group
from harness.reports.style import _DARK, COLORS, DASHES, MARKERS, MUTED, Picture

MakeRow = Callable[..., Row]


@pytest.fixture(scope="module")
def drawn(rows: list[Row]) -> dict[str, Picture]:
    return {picture.name: picture for found in group(rows) for picture in figures(found)}


def ratios(row: MakeRow, **curves: tuple[float, ...]) -> Group:
    rows = [
        row(model, "d", "s", metric="response_ratio", subset=f"area={area}", value=value)
        for model, values in curves.items()
        for area, value in zip(("1/64", "1/4"), values, strict=True)
    ]
    return group(rows)[0]


def test_which_figures_there_are(drawn: dict[str, Picture]) -> None:
    assert set(drawn) == {
        "demo-correlation.srcc",
        "demo-correlation.types",
        "demo-linear-probe-leave-one-content-out.srcc",
        "demo-probes-sensitivity.area",
        "demo-probes-sensitivity.types",
    }


def test_both_formats_are_whole(drawn: dict[str, Picture]) -> None:
    for picture in drawn.values():
        root = ElementTree.fromstring(picture.svg)
        assert root.tag.endswith("svg")
        width = float(root.attrib["width"].removesuffix("pt")) / 72
        with Image.open(io.BytesIO(picture.png)) as image:
            image.load()
            assert image.width == pytest.approx(width * 200, abs=3)
        assert picture.alt
        assert picture.caption.endswith(".")


def test_same_rows_same_bytes(rows: list[Row], drawn: dict[str, Picture]) -> None:
    found = next(g for g in group(rows) if g.key.protocol == "linear-probe")
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.hashsalt": "other"}):
        (again,) = figures(found)
    assert again == drawn[again.name]
    assert b"<dc:date>" not in again.svg


def test_drawing_leaves_the_users_settings_alone(row: MakeRow) -> None:
    before = dict(matplotlib.rcParams)
    figures(ratios(row, a=(0.1, 0.5)))
    assert dict(matplotlib.rcParams) == before


def test_lines_differ_without_color() -> None:
    looks = [(MARKERS[i % len(MARKERS)], DASHES[i % len(DASHES)]) for i in range(20)]
    assert len(set(looks)) == 20


def test_dark_mode_touches_no_data_of_the_heat_map() -> None:
    palette = sns.light_palette("#0b3c5d", as_cmap=True)
    cells = {matplotlib.colors.to_hex(palette(x)) for x in np.linspace(0, 1, 4096)}
    assert not cells & set(_DARK)


def test_what_is_not_ranked_is_gray(rows: list[Row]) -> None:
    (found,) = (g for g in group(rows) if g.key.protocol == "linear-probe")
    (picture,) = figures(found)
    ranked, apart = found.ordered()
    markers = re.findall(r'<use [^>]*style="fill: (#\w+); stroke: (#\w+)', picture.svg.decode())
    circles = [m for m in markers if m[1] in (COLORS[0], MUTED)]
    assert circles.count((COLORS[0], COLORS[0])) == len(ranked)
    assert circles.count(("#ffffff", MUTED)) == len(apart)


def test_a_line_that_leaves_the_frame_is_said(row: MakeRow) -> None:
    (inside,) = figures(ratios(row, a=(0.1, 0.5), b=(0.2, 0.4)))
    (outside,) = figures(ratios(row, a=(0.1, 0.5), b=(40.0, 0.4)))
    assert "leave the frame" not in inside.caption
    assert "leave the frame" in outside.caption


def test_any_name_can_be_drawn(row: MakeRow) -> None:
    names = ("$\\frac{", "_hidden", "a" * 300, "line\nbreak", "50 % & <b>", "^$^")
    rows = [row(name, "d$_", "p_$", value=0.1 * i) for i, name in enumerate(names)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (picture,) = figures(group(rows)[0])
        (curves,) = figures(ratios(row, **{name: (0.1, 0.2) for name in names}))
    ElementTree.fromstring(picture.svg)
    with Image.open(io.BytesIO(curves.png)) as image:
        assert image.width < 2600  # the long name did not push the drawing away


def test_missing_values_leave_gaps(row: MakeRow) -> None:
    rows = [
        *(e for e in ratios(row, a=(0.1, 0.5)).entries[0].rows),
        row("b", "d", "s", metric="response_ratio", subset="area=1/4", value=0.3),
        row("c", "d", "s", metric="response_ratio", subset="area=1/4", value=None, reason="zero"),
        row("c", "d", "s", metric="response", subset="area=1", value=0.0),
    ]
    (picture,) = figures(group(rows)[0])
    assert "of 2 models" in picture.alt  # c has no line


def test_no_figure_without_a_number(row: MakeRow) -> None:
    assert figures(group([row("a", "d", "p", value=None, reason="no")])[0]) == ()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_types", [1, 12])
def test_a_heat_map_has_room_for_one_long_name(row: MakeRow, n_types: int) -> None:
    subsets = ("area=1/16", *(f"type=t{i} area=1/16" for i in range(n_types)))
    rows = [row("W" * 60, "d", "s", metric="response", subset=subset) for subset in subsets]
    assert any(picture.name.endswith(".types") for picture in figures(group(rows)[0]))
