"""Published tables: every number is the one that was read, and a wrong file is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.papers import paper_names, read_paper
from harness.papers.plan import make_plan
from harness.registry import entries, load_protocol
from harness.requirements import Sources

PUBLISHED = Path(__file__).parents[4] / "shared" / "specs" / "published.md"
NAMES = {
    "LIVE": "live",
    "CSIQ": "csiq",
    "TID2013": "tid2013",
    "KADID": "kadid10k",
    "KADID-10k": "kadid10k",
    "CLIVE": "clive",
    "LIVEC": "clive",
    "KonIQ": "koniq10k",
    "KonIQ-10k": "koniq10k",
    "SPAQ": "spaq",
    "FLIVE": "flive",
}
Numbers = dict[tuple[str, str, str], tuple[float, ...]]  # method, dataset, subset → values


def cells(*papers: str) -> Numbers:
    """Every cell of our files, values in the order of its metrics."""
    return {
        (cell.method, cell.dataset, cell.subset): tuple(cell.published[m] for m in cell.metrics)
        for paper in papers
        for cell in read_paper(paper).cells
    }


def pair(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split("/")))


@pytest.fixture(scope="module")
def published() -> str:
    if not PUBLISHED.is_file():
        pytest.skip("the published numbers are not here")
    return PUBLISHED.read_text("utf-8")


def table(text: str, heading: str) -> list[list[str]]:
    """The first table below ``heading``, as cells, the header first and without its rule."""
    lines = text[text.index(heading) :].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return [row for row in rows if not set("".join(row)) <= set("-: ")]


def by_method(rows: list[list[str]]) -> Numbers:
    """A table of methods × datasets."""
    return {
        (method.partition(" (")[0], NAMES[dataset], "all"): pair(value)
        for method, *values in rows[1:]
        for dataset, value in zip(rows[0][1:], values, strict=True)
        if value not in ("", "–")
    }


def test_arniqa_table1(published):
    expected = by_method(table(published, "## Frozen"))
    line = next(x for x in published.splitlines() if x.startswith("KonIQ-10k and CLIVE:"))
    for method in ("ARNIQA", "Re-IQA"):
        found = re.search(rf"{method} (\S+) and (\S+)", line)
        assert found
        expected[method, "koniq10k", "all"] = pair(found[1])
        expected[method, "clive", "all"] = pair(found[2])
    assert cells("arniqa-table1") == expected
    assert len(expected) == 22


def test_arniqa_cross(published):
    found = re.findall(r"(\w+)→(\w+) (\.\d+/\.\d+)", published)
    expected = {("ARNIQA", NAMES[a], f"test={NAMES[b]}"): pair(value) for a, b, value in found}
    assert cells("arniqa-cross") == expected
    assert len(expected) == 11
    for cell in read_paper("arniqa-cross").cells:
        assert cell.subset == f"test={cell.others[0]}"


def test_loda(published):
    rows = table(published, "## Full training data")
    expected = by_method(rows)
    assert cells("loda-table1") == expected
    assert len(expected) == 57
    line = next(x for x in published.splitlines() if x.startswith("Anchor"))
    anchor = re.findall(r"(\w+) (\.\d+/\.\d+)", line)
    assert cells("loda-table6") == {("ViT-B/16", NAMES[d], "all"): pair(v) for d, v in anchor}
    assert len(anchor) == 3


def test_fr_metrics(published):
    expected = by_method(table(published, "## FR metrics"))
    assert cells("fr-metrics") == expected
    assert len(expected) == 18


def test_shdiqa_table1_as_read_and_as_printed(published):
    expected: Numbers = {}
    for percent, methods, *sets in table(published, "Table 1: 20 / 40")[1:]:
        for dataset, values in zip(("koniq10k", "clive"), sets, strict=True):
            for method, value in zip(methods.split(" · "), values.split(" · "), strict=True):
                expected[method, dataset, f"fraction={percent}%"] = pair(value)
    assert cells("shdiqa-table1") == expected
    assert len(expected) == 18
    for cell in read_paper("shdiqa-table1").cells:
        first, second = expected[cell.method, cell.dataset, cell.subset]
        assert cell.published == {"srcc": first, "plcc": second}
        assert cell.printed == {"plcc": first, "srcc": second}
        assert cell.remark.startswith("column order inferred")


def test_shdiqa_table2(published):
    rows = table(published, "Table 2: trained on")
    expected = {
        (method, NAMES[dataset], f"fraction={percent}% test=rest"): pair(value)
        for dataset, percent, *values in rows[1:]
        for method, value in zip(rows[0][2:], values, strict=True)
    }
    assert cells("shdiqa-table2") == expected
    assert len(expected) == 54


def test_shdiqa_tables_3_to_5(published):
    lines = {x.partition(",")[0]: x for x in published.splitlines() if x.startswith("Table ")}
    found = re.findall(r"(vertical|horizontal|2×2 grid) (\S+), ([./\d]+\d)", lines["Table 3"])
    expected: Numbers = {}
    for partition, *values in found:
        name = partition if "grid" in partition else f"{partition} strips"
        for dataset, value in zip(("clive", "koniq10k"), values, strict=True):
            expected[f"SHDIQA, {name}", dataset, "all"] = pair(value)
    assert cells("shdiqa-table3") == expected
    assert len(expected) == 6

    expected = {}
    for method, *values in re.findall(
        r"(DEIQT|LoDa|SHDIQA) (\d+/\d+), (\d+/\d+)", lines["Table 4"]
    ):
        for dataset, value in zip(("clive", "koniq10k"), values, strict=True):
            expected[method, dataset, "all"] = pair(value)
    assert cells("shdiqa-table4") == expected
    assert len(expected) == 6

    number = r"([\d.]+)"
    costs = re.findall(rf"(\w+) {number} M / {number} G / (\d+)", lines["Table 5"])
    assert {key[0]: value for key, value in cells("shdiqa-table5").items()} == {
        method: pytest.approx((float(m) * 1e6, float(g) * 1e9, float(speed)))
        for method, m, g, speed in costs
    }
    assert len(costs) == 3


def test_second_hand_numbers_say_so(published):
    """What stands under a heading with a dagger, but for other sources within it."""
    for paper in ("arniqa-table1", "loda-table1"):
        for cell in read_paper(paper).cells:
            first_hand = "author of" in cell.source or "SHDIQA" in cell.source
            assert (cell.remark == "transcribed second-hand") is not first_hand


def test_every_cell_has_a_source_and_a_place():
    assert len(paper_names()) == 10
    for name in paper_names():
        paper = read_paper(name)
        assert paper.name == name
        assert paper.cells
        for cell in paper.cells:
            assert cell.source
            assert cell.url.startswith("https://")
            assert set(cell.published) == set(cell.metrics)


def test_every_protocol_takes_the_options_that_are_given():
    named = [cell.protocol for n in paper_names() for cell in read_paper(n).cells if cell.protocol]
    assert {protocol.name for protocol in named} == {
        *("correlation", "linear-probe", "linear-probe-arniqa"),
        *("cross-dataset", "data-efficiency", "fine-tune", "cost"),
    }
    for protocol in named:
        assert protocol.name != "cost" or set(protocol.options) == {"width", "height", "batch"}
        if protocol.name in entries("protocols"):
            assert load_protocol(protocol.name, **protocol.options).name == protocol.name


def test_each_partition_of_shdiqa_is_a_model_of_its_own():
    asked = {
        (cell.dataset, cell.method.rpartition(" ")[2]): cell.model.options
        for cell in read_paper("shdiqa-table3").cells
    }
    for word, partition in (("strips", "horizontal"), ("grid", "grid")):
        assert asked["clive", word] == {"partition": partition}
        assert asked["koniq10k", word] == {"partition": partition, "batch": 64}
    assert read_paper("shdiqa-table3").protocol.options == {"splits": "80/20"}


def test_what_shdiqa_starts_from_is_missing_with_the_command_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("shdiqa-table1", "shdiqa-table2", "shdiqa-table3"):
        paper = read_paper(name)
        plan = make_plan(paper, [c for c in paper.cells if c.model is not None], Sources())
        assert plan.cells
        for cell in plan.cells:
            (weights,) = (m for m in plan.missing(cell) if m.what == "weights")
            assert "deit3_small_patch16_224" in str(weights.command)
            assert weights.about == "shdiqa"


def test_a_few_numbers_known_by_heart():
    assert cells("arniqa-table1")["ARNIQA", "kadid10k", "all"] == (0.908, 0.912)
    assert cells("fr-metrics")["PSNR", "live", "all"] == (0.873, 0.844)
    assert cells("shdiqa-table2")["SHDIQA", "spaq", "fraction=25% test=rest"] == (0.920, 0.924)


# Files of one's own ----------------------------------------------------------------------

GOOD = """
title: A table
citation: A. Author
venue: Venue
year: 2020
protocol: correlation
methods:
  Ours: {model: {name: my-model, scale: 2}}
  Theirs: {}
parts:
  - source: Table 1
    cells:
      Ours: {live: [.5, .6]}
      Theirs: {live: [.7, .8], csiq: [.9, .95]}
"""


@pytest.fixture
def write(tmp_path: Path) -> Iterator[object]:
    def write(old: str = "", new: str = "") -> str:
        path = tmp_path / "my-table.yaml"
        assert old in GOOD
        path.write_text(GOOD.replace(old, new) if old else GOOD)
        return str(path)

    return write


def test_a_file_of_ones_own(write):
    paper = read_paper(write())
    assert paper.name == "my-table"
    assert paper.datasets == ("live", "csiq")
    first = paper.cells[0]
    assert (first.method, first.dataset, first.published) == (
        "Ours",
        "live",
        {"srcc": 0.5, "plcc": 0.6},
    )
    assert (first.model.name, first.model.options) == ("my-model", {"scale": 2})
    assert first.protocol.name == "correlation"
    assert paper.cells[1].model is None


def test_another_model_may_stand_for_a_method_on_one_dataset(write):
    theirs = "Theirs: {model: a, model_on: {csiq: {name: a, variant: b}, live: c}}"
    _, live, csiq = read_paper(write("Theirs: {}", theirs)).cells
    assert (live.dataset, live.model.name, live.model.options) == ("live", "c", {})
    assert (csiq.dataset, csiq.model.name, csiq.model.options) == ("csiq", "a", {"variant": "b"})
    cells = read_paper(write("Theirs: {}", "Theirs: {model_on: {csiq: c}}")).cells
    assert [cell.model is None for cell in cells] == [False, True, False]


def test_arniqa_resizes_the_photographs_of_spaq_and_no_others():
    models = {
        cell.dataset: (cell.model.name, cell.model.options)
        for cell in read_paper("arniqa-table1").cells
        if cell.method == "ARNIQA"
    }
    assert models.pop("spaq") == ("arniqa", {"variant": "spaq"})
    assert len(models) == 7
    assert set(map(str, models.values())) == {"('arniqa', {})"}


def test_the_nearest_protocol_holds(write):
    part = "  - source: Table 1\n    protocol: {name: linear-probe, splits: official}\n"
    paper = read_paper(write("  - source: Table 1\n", part))
    assert {cell.protocol.name for cell in paper.cells} == {"linear-probe"}
    path = write("Theirs: {}", "Theirs: {protocol: other}")
    assert [cell.protocol.name for cell in read_paper(path).cells] == [
        "correlation",
        "other",
        "other",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title: A table\n", "", "title: Field required"),
        ("year: 2020", "year: soon", "year: Input should be a valid integer"),
        ("year: 2020", "year: 2020\ncolor: red", "color: Extra inputs are not permitted"),
        ("[.5, .6]", "[.5]", "Ours on live: 1 values for 2 metrics"),
        ("[.5, .6]", "[.5, -.6]", "Ours on live: plcc -0.6 is not within 0 and 1 (a correlation"),
        ("[.5, .6]", "[50, .6]", "Ours on live: srcc 50.0 is not within 0 and 1"),
        ("[.5, .6]", "[.5, high]", "Input should be a valid number"),
        ("  Theirs: {}\n", "", "'Theirs' must be among the methods and have cells"),
        ("  Theirs: {}\n", "  Theirs: {}\n  Others: {}\n", "'Others' must be among the methods"),
        (
            "      Theirs",
            "  - source: Table 2\n    cells:\n      Ours: {live: [.1, .2]}\n      Theirs",
            "Ours on live (all) appears twice",
        ),
        (
            "    cells",
            "    printed_as: [plcc, krcc]\n    cells",
            "printed_as must name the metrics srcc, plcc",
        ),
        (
            "scale: 2}}",
            "scale: 2}, model_on: {csiq: my-model}}",
            "Ours has no cell on 'csiq', which its model_on names",
        ),
        ("title: A table", "title: [", "not readable YAML"),
        ("title: A table", "title: " + "[" * 20_000, "not readable YAML: nested too deeply"),
        (GOOD, "- 1\n", "a paper is a mapping"),
    ],
)
def test_a_wrong_file_is_one_line(write, old, new, said):
    path = write(old, new)
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        read_paper(path)
    assert str(error.value).startswith(path)
    assert "\n" not in str(error.value)


def test_an_unknown_name_is_answered_with_the_closest(tmp_path):
    with pytest.raises(
        ValueError, match="unknown paper 'arniqa-tabel1'; did you mean arniqa-table1"
    ):
        read_paper("arniqa-tabel1")
    with pytest.raises(FileNotFoundError, match=r"none\.yaml: no such file"):
        read_paper(str(tmp_path / "none.yaml"))
