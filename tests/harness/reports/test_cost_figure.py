"""Costs as they are read, and the figure of accuracy against them."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records import Row
from harness.reports.cost_figure import Point, cost_figure, pareto_front
from harness.reports.costs import large, read_costs
from harness.reports.entries import Entry
from harness.reports.groups import group
from harness.reports.style import PAPER

MakeRow = Callable[..., Row]


def line(model: str, speed: object = "10.0", **changes: object) -> dict[str, str]:
    """A line of what ``iqa-eval cost --out`` writes."""
    usual = {
        "model": model,
        "operation": "score",
        "width": 224,
        "height": 224,
        "batch": 1,
        "parameters": 5_000_000,
        "macs_modules": 1,
        "macs_full": 2_500_000_000,
        "images_per_second": speed,
        "peak_memory_bytes": "",
        "device": "a CPU",
        "reason": "",
    }
    return {name: str(value) for name, value in {**usual, **changes}.items()}


def drawn_texts(svg: bytes) -> list[str]:
    """What is written in a drawing, whose letters are shapes: each stands in a comment, too."""
    return re.findall(r"<!-- (.*?) -->", svg.decode())


def test_costs_are_of_the_setting_that_most_models_have(row: MakeRow) -> None:
    lines = [
        line("a", 4.0, width=512, height=384),
        line("a", 9.0),
        line("b", 8.0),
        line("b", 99.0, batch=8),
        line("c", "", parameters="", macs_full="", reason="out of memory"),
    ]
    costs = read_costs(lines)
    assert costs.setting is not None
    assert costs.setting.told == "224 × 224, one at a time, on a CPU"
    assert {name: cost.images_per_second for name, cost in costs.models.items()} == {"a": 9, "b": 8}
    assert (costs.models["a"].parameters, costs.models["a"].macs) == (5_000_000, 2_500_000_000)
    assert costs.of(row("a", "d", "p")) == costs.models["a"]
    assert costs.of(row("a", "d", "p", options='{"preset":"tiny"}')) is None
    even = read_costs([line("a"), line("a", 3.0, width=512, height=384)])
    assert even.setting is not None
    assert even.setting.width == 512


def test_costs_that_are_no_numbers_are_refused() -> None:
    for bad in ("fast", "nan", "-1", "inf"):
        with pytest.raises(ValueError, match=r"costs of a: images_per_second is .*iqa-eval cost"):
            read_costs([line("a", bad)])
    assert read_costs([]).setting is None


def test_large_numbers_are_short() -> None:
    shown = {0: "–", 85: "85", 1500: "1.50 k", 5_524_416: "5.52 M", 1_253_491_200: "1.25 G"}
    assert {number: large(number) for number in shown} == shown


entry = Entry("a", ())
numbers = st.sampled_from([0.5, 1.0, 2.0, 3.0])  # few, so that there are ties


@given(st.lists(st.tuples(numbers, numbers), max_size=12))
def test_the_front_is_whom_nobody_beats(places: list[tuple[float, float]]) -> None:
    points = [Point(entry, speed, value, None) for speed, value in places]
    front = pareto_front(points)

    def beaten(point: Point) -> bool:
        return any(
            other.speed >= point.speed
            and other.value >= point.value
            and (other.speed, other.value) != (point.speed, point.value)
            for other in points
        )

    key = [(p.speed, p.value) for p in front]
    assert sorted(key) == sorted((p.speed, p.value) for p in points if not beaten(p))
    assert [speed for speed, _ in key] == sorted(speed for speed, _ in key)
    assert [value for _, value in key] == sorted((value for _, value in key), reverse=True)


def test_the_figure_shows_the_front_and_names_who_has_no_cost(row: MakeRow) -> None:
    rows = [
        row("slow", "d", "p", value=0.9, ci_low=0.8, ci_high=0.95),
        row("fast", "d", "p", value=0.7),
        row("beaten", "d", "p", value=0.6),
        row("uncounted", "d", "p", value=0.8),
        row("yardstick", "d", "p", value=0.99, marks=("control",)),
        row("tuned", "d", "p", value=0.5, options='{"preset":"tiny"}'),
    ]
    costs = [line("slow", 1.0), line("fast", 50.0), line("beaten", 20.0), line("tuned", 5.0)]
    costs.append(line("yardstick", 900.0))
    picture = cost_figure(group(rows)[0], costs)
    assert picture is not None
    assert picture == cost_figure(group(reversed(rows))[0], costs)
    assert "no other one beats in both: fast, slow." in picture.caption
    assert "Cost not measured: uncounted, tuned (preset tiny)." in picture.caption
    assert "Gray and open" in picture.caption
    assert picture.name == "d-p.cost"
    texts = drawn_texts(picture.svg)
    for label in ("slow", "fast", "beaten", "yardstick", "Pareto front", "1", "100"):
        assert label in texts
    assert "uncounted" not in texts
    assert picture.png.startswith(b"\x89PNG")
    ElementTree.fromstring(picture.svg)


def test_looks_differ_without_color(row: MakeRow) -> None:
    rows = [row(f"m{i:02}", "d", "p", value=0.9 - 0.02 * i) for i in range(40)]
    picture = cost_figure(group(rows)[0], [line(r.model, 1.0 + i) for i, r in enumerate(rows)])
    assert picture is not None
    svg = picture.svg.decode()
    shape = dict(re.findall(r'<path id="(\w+)" d="([^"]+)"', svg))
    marks = re.split(r'<g id="line2d_', svg.partition('<g id="legend_1">')[2])[
        1:-1
    ]  # not the front
    looks = {
        tuple(
            (shape[name], color == PAPER)
            for name, color in re.findall(r'<use xlink:href="#(\w+)"[^>]*style="fill: (#\w+)', mark)
        )
        for mark in marks
    }
    assert len(marks) == len(looks) == 40


def test_there_is_no_figure_of_one_model(row: MakeRow) -> None:
    found = group([row("a", "d", "p"), row("b", "d", "p")])[0]
    assert cost_figure(found, []) is None
    assert cost_figure(found, [line("a")]) is None
    assert cost_figure(found, [line("a"), line("b", "")]) is None
    unranked = group([row(m, "d", "p", metric="response") for m in "ab"])[0]
    assert cost_figure(unranked, [line("a"), line("b")]) is None


@pytest.mark.parametrize("name", ["device", "macs_full", "images_per_second", "model"])
def test_a_line_that_is_cut_short_is_told(name: str) -> None:
    cut = line("a")
    del cut[name]
    with pytest.raises(ValueError, match=f"^costs of .*: no {name}; measure them again"):
        read_costs([cut])
