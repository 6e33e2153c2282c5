"""A published table, from its file to the numbers measured beside it."""

from __future__ import annotations

import csv
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from scipy import stats
from typer.testing import CliRunner

from harness import load_dataset
from harness.datasets.folder import load_table
from harness.datasets.live import LIVE
from harness.model import Unavailable
from harness.papers import paper_names, read_paper
from harness.papers.plan import PUBLISHED_ONLY
from harness.protocols.base import EVERY_OTHER, Measure, Need, Protocol
from harness.records import read_records
from harness.reports.comparison import comparison_table, comparison_text
from harness.reports.formats import markdown, table_csv
from harness.reproduce import Reproduction, reproduce
from harness.reproduce_command import reproduce as command
from harness.requirements import Missing, Sources
from tests.conftest import Difference, Sharpness, card

PAPER = """
title: Two metrics on two datasets
citation: "A. Author: A Table"
venue: Venue
year: 2020
protocol: correlation
notes: [Something is done otherwise here.]
methods:
  PSNR: {model: difference}
  Sharp: {model: sharpness, note: the sharper the better}
  Deep: {model: deep}
  Other: {model: not-registered}
  Theirs: {}
parts:
  - source: Table 1
    url: https://example.org/1
    remark: transcribed second-hand
    cells:
      PSNR: {tiny-set: [.95, .001], elsewhere: [.91, .92]}
      Sharp: {tiny-set: [.5, .6]}
      Deep: {tiny-set: [.7, .8]}
      Other: {tiny-set: [.1, .2]}
      Theirs: {tiny-set: [.3, .4], elsewhere: [.3, .4]}
  - source: Table 2
    printed_as: [plcc, srcc]
    subset: type=noise
    metrics: [srcc, plcc]
    cells:
      PSNR: {tiny-set: [.8, .9]}
"""


def tiny_set(root: Path | None = None) -> object:
    if root is None:
        raise ValueError("tiny-set: give its folder")
    return load_table(root / "labels.csv", title="tiny-set", label_kind="dmos", better="lower")


def deep() -> object:
    raise Unavailable("the weights of deep are not on this machine", "fetch-it deep")


@pytest.fixture
def paper(tmp_path: Path, register) -> Path:
    register("datasets", "tiny-set", tiny_set)
    register("datasets", "elsewhere", LIVE)
    for name, thing in (("difference", Difference), ("sharpness", Sharpness), ("deep", deep)):
        register("models", name, thing)
    path = tmp_path / "two-metrics.yaml"
    path.write_text(PAPER)
    return path


@pytest.fixture
def root(table: Path, tmp_path: Path) -> Path:
    """Holds the tiny table as DMOS in a folder "Tiny_SET"."""
    lines = [line.split(",") for line in table.read_text().splitlines()]
    for line in lines[1:]:
        line[1] = str(10 - float(line[1]))  # the lower, the better
    table.write_text("\n".join(map(",".join, lines)) + "\n")
    (tmp_path / "data").mkdir()
    os.rename(table.parent, tmp_path / "data" / "Tiny_SET")
    return tmp_path / "data"


@pytest.fixture
def measure(paper: Path, tmp_path: Path):
    def measure(sources: Sources = Sources(), **settings: object) -> Reproduction:  # noqa: B008
        defaults = {"cache": tmp_path / "cache", "workers": 1, "progress": False}
        return reproduce(read_paper(str(paper)), sources, **{**defaults, **settings})

    return measure


def result(found: Reproduction, method: str, dataset: str = "tiny-set", subset: str = "all"):
    (one,) = (
        r
        for r in found.results
        if (r.cell.method, r.cell.dataset, r.cell.subset) == (method, dataset, subset)
    )
    return one


def test_measured_beside_published(measure, root, tmp_path):
    found = measure(Sources(root=root), out=tmp_path / "out")
    one = result(found, "PSNR")
    assert one.is_measured
    assert one.missing == ()

    dataset = load_dataset("tiny-set", root=root / "Tiny_SET")
    labels = [sample.label for sample in dataset.samples]
    images = {image.id: np.asarray(_pixels(image)) for image in dataset.images}
    scores = [
        -np.mean((images[s.id].astype(float) - images[s.reference].astype(float)) ** 2)
        for s in dataset.samples
    ]
    assert max(labels) <= 0  # DMOS, negated: the measured correlations are positive
    assert one.measures["srcc"].value == pytest.approx(
        stats.spearmanr(scores, labels)[0], abs=1e-12
    )
    assert one.measures["plcc"].value == pytest.approx(stats.pearsonr(scores, labels)[0], abs=1e-12)
    assert one.measures["srcc"].value > 0

    by_type = result(found, "PSNR", subset="type=noise")
    assert by_type.measures["srcc"].value == pytest.approx(one.measures["srcc"].value)
    assert "plcc" not in by_type.measures  # the protocol gives none by type
    assert by_type.missing == (
        Missing("result", "PSNR on tiny-set", "correlation gave no plcc on type=noise"),
    )
    assert by_type.is_measured

    rows = read_records(tmp_path / "out" / "records")
    stored = {(r.model, r.subset, r.metric): r.published for r in rows}
    source = "Table 1; transcribed second-hand; https://example.org/1"
    assert {r.published_source for r in rows if r.published == 0.95} == {source}
    assert stored["difference", "all", "srcc"] == 0.95
    assert stored["difference", "type=noise", "srcc"] == 0.8
    assert stored["sharpness", "all", "plcc"] == 0.6
    assert stored["sharpness", "type=noise", "srcc"] is None
    assert stored["difference", "all", "krcc"] is None


def _pixels(image):
    from PIL import Image

    return Image.open(image.source.path).convert("RGB")


def test_what_is_missing_and_how_to_get_it(measure, root):
    found = measure(Sources(root=root))
    assert result(found, "Deep").missing == (
        Missing("weights", "deep", "the weights of deep are not on this machine", "fetch-it deep"),
    )
    assert result(found, "Other").missing == (
        Missing(
            *("implementation", "not-registered", "no model is registered as 'not-registered'"),
            "iqa-eval list models",
        ),
    )
    published_only = Missing("implementation", "Theirs", PUBLISHED_ONLY)
    assert result(found, "Theirs").missing == (published_only,)
    assert result(found, "Theirs", "elsewhere").missing == (published_only,)
    (images,) = result(found, "PSNR", "elsewhere").missing
    assert (images.what, images.about) == ("images", "elsewhere")
    assert images.reason.startswith(f"no folder for it in {root} (named live, LIVEIQA_release2, ")
    assert images.command == f"iqa-eval data fetch live --to {root}"
    assert found.counts == (
        "3 of 8 cells measured: 1 without images, 1 without weights, 3 without implementation"
    )


def test_without_any_images_everything_is_said_at_once(measure, tmp_path):
    found = measure(out=tmp_path / "out")
    deep = result(found, "Deep").missing
    assert {each.what for each in deep} == {"images", "weights"}
    assert result(found, "PSNR", "elsewhere").missing[0].command == (
        "iqa-eval data fetch live --to data"
    )
    assert found.counts.startswith("0 of 8 cells measured: 6 without ")
    assert not (tmp_path / "out").exists()


def test_a_wrong_folder_costs_its_own_cells(measure, root, tmp_path):
    (tmp_path / "wrong").mkdir()
    found = measure(Sources(root=root, data={"elsewhere": tmp_path / "wrong"}))
    (images,) = result(found, "PSNR", "elsewhere").missing
    assert images.reason.startswith("LIVE: wrong folder: ")
    assert images.command == f"iqa-eval data verify live --root {tmp_path / 'wrong'}"
    assert result(found, "PSNR").is_measured


def test_a_dataset_that_lies_elsewhere(measure, root):
    found = measure(Sources(data={"tiny-set": root / "Tiny_SET"}))
    assert result(found, "Sharp").is_measured
    with pytest.raises(ValueError, match="has no dataset 'tiny'; it has tiny-set, elsewhere"):
        measure(Sources(data={"tiny": root}))
    for sources in (Sources(root=root / "none"), Sources(data={"tiny-set": root / "none"})):
        with pytest.raises(FileNotFoundError, match="none: no such folder"):
            measure(sources)


def test_only_some_models_and_others_than_the_papers(measure, root, register):
    register("models", "blunt", lambda: Sharpness("blunt"))
    found = measure(Sources(root=root), models=["psnr", "sharpness", "blunt"])
    assert list(dict.fromkeys(r.cell.method for r in found.results)) == ["PSNR", "Sharp", "blunt"]
    blunt, sharp = result(found, "blunt"), result(found, "Sharp")
    assert blunt.cell.published == {}
    assert blunt.measures["srcc"].value == sharp.measures["srcc"].value
    # In every setting of the paper, once each.
    assert [(r.cell.dataset, r.cell.subset) for r in found.results if r.cell.method == "blunt"] == [
        ("tiny-set", "all"),
        ("elsewhere", "all"),
        ("tiny-set", "type=noise"),
    ]


def test_a_model_for_one_dataset_runs_on_no_other(measure, paper, root, register, tmp_path):
    third = load_table(root / "Tiny_SET" / "labels.csv", title="third")
    register("datasets", "third", lambda: third)
    register("models", "blunt", lambda scale=1: Sharpness("blunt", options={"scale": scale}))
    text = PAPER.replace(
        "{model: sharpness,", "{model: blunt, model_on: {tiny-set: {name: blunt, scale: 2}},"
    )
    paper.write_text(text.replace("Sharp: {tiny-set:", "Sharp: {third: [.1, .2], tiny-set:"))
    found = measure(Sources(root=root), models=["Sharp"], out=tmp_path / "out")
    assert result(found, "Sharp").is_measured
    assert result(found, "Sharp", "third").is_measured
    rows = read_records(tmp_path / "out" / "records")
    assert {(row.dataset, row.options) for row in rows} == {
        ("tiny-set", '{"scale":2}'),
        ("third", '{"scale":1}'),
    }
    published = {(r.dataset, r.metric): r.published for r in rows if r.published is not None}
    assert published["tiny-set", "srcc"] == 0.5
    assert published["third", "srcc"] == 0.1


def test_a_protocol_that_does_not_apply_is_a_reason(measure, paper, root):
    paper.write_text(PAPER.replace("protocol: correlation", "protocol: linear-probe"))
    (missing,) = result(measure(Sources(root=root)), "PSNR").missing
    assert (missing.what, missing.about) == ("result", "PSNR on tiny-set")
    assert missing.reason == "gives no features"
    paper.write_text(PAPER.replace("protocol: correlation", "protocol: no-such"))
    (missing,) = result(measure(Sources(root=root)), "PSNR").missing
    assert missing == Missing(
        *("implementation", "no-such", "no protocol is registered as 'no-such'"),
        "iqa-eval list protocols",
    )


def test_a_number_that_rests_on_two_datasets(measure, paper, root, register):
    """Both are in the suite, and both are needed."""

    def across() -> Protocol:
        def evaluate(inputs):
            others = {need.dataset for need in inputs.outputs if need.dataset is not None}
            return [
                Measure("srcc", 0.25, 18, 18, 0, subset=f"test={other}") for other in sorted(others)
            ]

        def needs(operations, dataset, seed):
            return (Need("score"), Need("score", EVERY_OTHER))

        return Protocol("across", "1", "", "srcc", needs, evaluate)

    register("protocols", "across", across)
    other = load_table(root / "Tiny_SET" / "labels.csv", title="third")
    register("datasets", "third", lambda: other)
    text = PAPER.replace("protocol: correlation", "protocol: across")
    of_two = "    subset: test=third\n    others: [third]\n    metrics: [srcc]\n"
    text = text.replace("    subset: type=noise\n    metrics: [srcc, plcc]\n", of_two)
    text = text.replace("    printed_as: [plcc, srcc]\n", "").replace("[.8, .9]}", "[.8]}")
    assert text.count("test=third") == 1
    paper.write_text(text.replace("PSNR: {tiny-set: [.8]}", "Sharp: {tiny-set: [.8]}"))
    one = result(measure(Sources(root=root), models=["Sharp"]), "Sharp", subset="test=third")
    assert (one.measures["srcc"].value, one.cell.published["srcc"]) == (0.25, 0.8)
    paper.write_text(paper.read_text().replace("others: [third]", "others: [elsewhere]"))
    one = result(measure(Sources(root=root), models=["Sharp"]), "Sharp", subset="test=third")
    assert [(each.what, each.about) for each in one.missing] == [("images", "elsewhere")]


def test_what_a_dataset_warns_of_is_a_note(measure, root, register, recwarn):
    def warning(root: Path) -> object:
        warnings.warn("1 of 18 images missing", stacklevel=1)
        return tiny_set(root)

    register("datasets", "tiny-set", warning)
    found = measure(Sources(root=root), models=["Sharp"])
    assert found.notices == ("1 of 18 images missing",)
    assert "1 of 18 images missing" in comparison_table(found).notes
    assert not [w for w in recwarn if "images missing" in str(w.message)]


def test_split_files_become_an_option_of_the_protocol(measure, paper, root, register, tmp_path):
    seen = []

    def by_splits(splits: str = "random") -> Protocol:
        def evaluate(inputs):
            seen.append(splits)
            return [
                Measure("srcc", 0.5, 18, 18, 0, marks=("few contents (6)",)),
                Measure("srcc_split_sd", 0.0123, 18, 18, 0),
            ]

        needs = lambda operations, dataset, seed: (Need("score"),)  # noqa: E731
        return Protocol("by-splits", "1", "", "srcc", needs, evaluate, {"splits": splits})

    register("protocols", "by-splits", by_splits)
    paper.write_text(PAPER.replace("protocol: correlation", "protocol: by-splits"))
    files = tmp_path / "authors" / "TINY-SET" / "splits"
    files.mkdir(parents=True)
    (tmp_path / "authors" / "LIVE" / "splits").mkdir(parents=True)  # and no files in it
    (files / "train.npy").touch()
    found = measure(Sources(root=root, splits=tmp_path / "authors"), models=["Sharp"])
    assert seen == [str(files)]
    table = comparison_table(found)
    assert [cell.detail for line in table.lines for cell in line if cell.text == "0.500"] == [
        *("", "SD 0.012")  # published, and measured without an interval
    ]
    assert (
        "SD: over splits or repeats, where there is no interval; a spread is none." in table.notes
    )
    assert "Sharp on tiny-set: few contents (6)." in table.notes
    measure(Sources(root=root), models=["Sharp"])
    assert seen == [str(files), "random"]


# The table ---------------------------------------------------------------------------------


def test_the_table_as_csv(measure, root):
    found = measure(Sources(root=root))
    rows = list(csv.DictReader(table_csv(comparison_table(found)).splitlines()))
    assert len(rows) == 16
    assert [row["method"] for row in rows if row["dataset"] == "tiny-set"][:4] == [
        *("PSNR", "PSNR", "Sharp", "Sharp")
    ]
    at = {(r["method"], r["dataset"], r["subset"], r["metric"]): r for r in rows}
    srcc, plcc = (at["PSNR", "tiny-set", "all", m] for m in ("srcc", "plcc"))
    measured = result(found, "PSNR").measures
    assert float(srcc["measured"]) == measured["srcc"].value
    assert float(srcc["difference"]) == measured["srcc"].value - 0.95
    assert float(srcc["ci_low"]) == measured["srcc"].ci_low
    inside = measured["srcc"].ci_low <= 0.95 <= measured["srcc"].ci_high
    assert srcc["published_in_interval"] == ("yes" if inside else "no")
    assert plcc["published_in_interval"] == "no"  # .001
    assert (srcc["n_scored"], srcc["n_expected"]) == ("18", "18")
    assert (srcc["source"], srcc["remark"]) == ("Table 1", "transcribed second-hand")
    printed = at["PSNR", "tiny-set", "type=noise", "srcc"]
    assert (printed["published"], printed["as_printed"]) == ("0.8", "0.9")
    deep = at["Deep", "tiny-set", "all", "plcc"]
    assert (deep["published"], deep["measured"], deep["difference"]) == ("0.8", "", "")
    assert (deep["missing"], deep["command"]) == ("weights", "fetch-it deep")
    assert deep["reason"] == "the weights of deep are not on this machine"


def test_the_table_in_words(measure, root):
    found = measure(Sources(root=root))
    text, page = comparison_text(found, width=120), markdown(comparison_table(found))
    assert "two-metrics: Two metrics on two datasets (Venue 2020)" in text
    value = result(found, "Sharp").measures["srcc"].value
    difference = f"{value - 0.5:+.3f}".replace("-", "−")
    line = next(x for x in text.splitlines() if "Sharp" in x and "SRCC" in x)
    assert line.split()[:5] == ["tiny-set", "–", "Sharp", "SRCC", "0.500"]
    assert difference in line.split()
    assert line.split()[-1] == "18"
    assert "– weights" in text
    for said in (
        "Published: A. Author: A Table, Venue 2020.",
        "Sharp: the sharper the better.",
        "Something is done otherwise here.",
        "compared after negation",
        "Missing weights: deep (1 cell): the weights of deep are not on this machine; to get it: ",
        f"Missing implementation: Theirs (2 cells): {PUBLISHED_ONLY}",
    ):
        assert said in " ".join(text.split())
        assert said.split(":")[0] in page
    assert max(map(len, text.splitlines())) <= 120


def test_cost_needs_no_dataset(register):
    class Network:
        def __init__(self):
            self.card = card("network")
            self.layer = torch.nn.Conv2d(3, 8, 3)

        def score(self, images):
            return self.layer(torch.stack(list(images)).float()).mean((1, 2, 3)).double()

    register("models", "network", Network)
    found = reproduce(read_paper("shdiqa-table5"), Sources(), models=["network"])
    (one,) = found.results
    assert one.measures["parameters"].value == 8 * 3 * 9 + 8
    assert one.measures["macs_modules"].value == 222 * 222 * 8 * 3 * 9
    assert one.measures["images_per_second"].value > 0
    assert found.counts == "1 of 1 cells measured"
    table = comparison_table(found)
    assert "network: measured on cpu, 224 × 224, 16 at once." in table.notes
    assert [cell.text for cell in table.lines[1]] == [
        *("–", "network", "macs modules", "–", "10.6 M", "–", "–", "–")
    ]


def test_other_amounts_than_correlations():
    found = reproduce(read_paper("shdiqa-table5"), Sources(), models=["LoDa"])
    lines = comparison_table(found).lines
    assert [cell.text for line in lines for cell in line[3:4]] == ["118.1 M", "23.00 G", "276"]


# The command -------------------------------------------------------------------------------


@pytest.fixture
def call(paper: Path, tmp_path: Path, monkeypatch):
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IQA_EVAL_CACHE", str(tmp_path / "cache"))

    def call(*arguments: object):
        return CliRunner().invoke(app, list(map(str, arguments)))

    return call


def test_the_command_measures_writes_and_counts(call, paper, root, tmp_path):
    found = call(paper, "--root", root, "--workers", 1, "--out", tmp_path / "out")
    assert found.exit_code == 0, found.output
    closing = found.stdout.splitlines()[-1]
    assert closing.startswith("3 of 8 cells measured: ")
    page = (tmp_path / "out" / "two-metrics.md").read_text()
    assert page.rstrip().endswith(f"{closing}.")
    assert len((tmp_path / "out" / "two-metrics.csv").read_text().splitlines()) == 17
    assert (tmp_path / "out" / "index.html").is_file()


def test_the_command_without_images_prints_the_whole_table(call, paper):
    found = call(paper)
    assert found.exit_code == 0, found.output
    assert found.stdout.splitlines()[-1].startswith("0 of 8 cells measured: ")
    assert found.stdout.count("– images") + found.stdout.count(", images") >= 2
    assert (Path("results") / "two-metrics" / "two-metrics.csv").is_file()


def test_the_command_lists_and_refuses(call, paper):
    found = call("--list")
    assert [line.split()[0] for line in found.stdout.splitlines()] == list(paper_names())
    assert " 22 cells  Frozen" in found.stdout
    for arguments, said in (
        ((), "name a table: arniqa-cross, "),
        (("arniqa",), "unknown paper 'arniqa'; did you mean arniqa-"),
        ((paper, "--data", "live"), "--data 'live': write NAME=FOLDER"),
        ((paper, "--data", "csiq=."), "two-metrics has no dataset 'csiq'"),
    ):
        error = call(*arguments).exception
        assert isinstance(error, ValueError)
        assert said in str(error)
