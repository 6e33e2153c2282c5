"""Published numbers beside measured ones: what is found in print, and the facts that are told."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from harness import papers
from harness.answers.explain import explained
from harness.answers.reasons import explain
from harness.canonical import canonical_json, slug
from harness.collection.board import read_board
from harness.papers import paper_names, read_paper
from harness.papers.in_print import (
    differences,
    numbers_in,
    published_models,
    published_numbers,
    published_of,
)
from harness.papers.plan import select
from harness.records import Record, Row, write_record
from harness.results_command import app

RUNNER = CliRunner()


def row(**changes: object) -> Row:
    values = {
        "str": "x", "str | None": None, "float | None": None, "int": 0, "tuple[str, ...]": (),
    }  # fmt: skip
    start = {f.name: values[str(f.type)] for f in fields(Row)}
    texts = dict.fromkeys(("options", "protocol_options", "others"), "{}")
    known = {"model": "pyiqa:psnr", "dataset": "csiq", "protocol": "correlation", "weights": ""}
    names = {"metric": "srcc", "split": "all", "subset": "all", "contamination": "none"}
    numbers = {"value": 0.8, "ci_low": 0.75, "ci_high": 0.85, "n_expected": 866, "n_scored": 866}
    return Row(**{**start, **texts, **known, **names, **numbers, **changes})  # type: ignore[arg-type]


CARD = {
    "weights": [
        {"name": "a.pth", "sha256": "ab" * 32, "source": "the authors' page", "license": "MIT"}
    ],
    "coverage": "the center, 224 × 224",
    "requires": ["timm"],
}


def keep(folder: Path, *rows: Row) -> None:
    first = rows[0]
    model = slug(first.model, json.loads(first.options))
    write_record(folder, Record(rows, {}, model, slug(first.protocol)))


def test_every_number_of_the_tables_is_found_at_its_place():
    """Read from the files again, without the schema."""
    count = 0
    for name in paper_names():
        text = resources.files(papers).joinpath(f"{name}.yaml").read_text("utf-8")
        paper = yaml.safe_load(text)
        for part in paper["parts"]:
            for method, on in part["cells"].items():
                facts = paper["methods"][method]
                protocol = facts.get("protocol", part.get("protocol", paper.get("protocol")))
                protocol = {"name": protocol} if isinstance(protocol, str) else protocol or {}
                if protocol.get("name") in (None, "cost"):
                    continue
                asked = {key: value for key, value in protocol.items() if key != "name"}
                for dataset, values in on.items():
                    model = facts.get("model_on", {}).get(dataset, facts.get("model"))
                    if model is None:
                        continue
                    model = {"name": model} if isinstance(model, str) else dict(model)
                    where = row(
                        model=model.pop("name"), options=canonical_json(model), dataset=dataset,
                        protocol=protocol["name"],
                        protocol_options=canonical_json(asked),
                        subset=part.get("subset", "all"),
                    )  # fmt: skip
                    for metric, value in zip(
                        part.get("metrics", ("srcc", "plcc")), values, strict=True
                    ):
                        found = published_of(replace(where, metric=metric))
                        own = [each for each in found if each.paper == name]
                        assert value in [each.value for each in own]
                        assert all(each.source == part["source"] for each in own)
                        assert not differences(where, own[0])
                        count += 1
    assert count == sum(len(published_numbers(model)) for model in published_models()) > 150


@pytest.mark.parametrize(
    "change",
    [
        {"model": "pyiqa:ssim2"}, {"dataset": "live2"}, {"protocol": "krasula"},
        {"subset": "type=jpeg"}, {"metric": "krcc"}, {"marks": ("control",)},
    ],
)  # fmt: skip
def test_what_is_about_something_else_has_nothing_in_print(change):
    assert [each.value for each in published_of(row())] == [0.809]
    assert published_of(row(**change)) == ()


def test_options_that_a_table_names_must_be_those_of_the_row():
    spaq = row(model="arniqa", dataset="spaq", protocol="linear-probe-arniqa")
    assert published_of(spaq) == ()
    (found,) = published_of(replace(spaq, options='{"head":"live","variant":"spaq"}'))
    assert found.value == 0.905
    assert differences(replace(spaq, options='{"head":"live","variant":"spaq"}'), found) == (
        "Measured of arniqa (variant spaq, head live); what stands for the paper's is "
        "arniqa (variant spaq)",
    )


def test_other_options_of_the_protocol_are_told():
    probe = row(model="nss:brisque", dataset="live", protocol="linear-probe")
    (found,) = published_of(probe)
    assert differences(probe, found) == (
        "Measured under linear-probe; what stands for the paper's is linear-probe (splits 80/20)",
    )
    assert not differences(replace(probe, protocol_options='{"splits":"80/20"}'), found)


def test_what_a_row_itself_says_is_in_print_counts_once():
    (table,) = published_of(row())
    said = replace(row(), published=0.9, published_source="my notes; page 3")
    assert [each.value for each in published_of(said)] == [0.9, 0.809]
    assert published_of(said)[0].source == "my notes; page 3"
    again = replace(row(), published=table.value, published_source=f"{table.source}; {table.url}")
    assert published_of(again) == (table,)
    alone = replace(said, model="mine")
    assert [each.paper for each in published_of(alone)] == [""]


@given(low=st.floats(0, 1), high=st.floats(0, 1), value=st.floats(0, 1), shift=st.floats(-0.5, 0.5))
def test_inside_and_outside_are_told_by_the_ends(low, high, value, shift):
    low, high = min(low, high), max(low, high)
    (published,) = published_of(row())
    there = replace(published, value=value)
    text = " ".join(explain(row(value=value + shift, ci_low=low, ci_high=high), there, None))
    assert ("is inside" in text) == (low <= value <= high)
    assert ("is outside" in text) != ("is inside" in text)


def test_every_fact_is_told():
    (published,) = published_of(row(model="nss:brisque", dataset="live", protocol="linear-probe"))
    measured = row(
        model="nss:brisque", dataset="live", protocol="linear-probe", split="median of 10 splits",
        value=0.95, ci_low=0.93, ci_high=0.96, ci_method="bootstrap", n_scored=860, n_failed=6,
        contamination="labels", marks=("incomplete (860 of 866)",), weights="ab" * 32,
        decoding="exif-srgb@1", device="cpu", reason="6 failed, first: too large",
    )  # fmt: skip
    others = {"srcc_mean": 0.94, "srcc_split_sd": 0.01, "alpha": 12.5}
    record = [replace(measured, metric=name, value=value) for name, value in others.items()]
    told = explain(measured, published, CARD, record, {"timm": "1.0", "scipy": "1.1"})
    for sentence in (
        "Measured 0.950, published 0.929: +0.021.",
        "The published value is outside the 95 % interval [.930, .960] (bootstrap).",
        "Of the published value: transcribed second-hand.",
        "The published table: Full training data, medians.",
        "Split here: median of 10 splits.",
        "The value is a median over splits; their mean is 0.940 (+0.011).",
        "From split to split it varies with an SD of 0.010.",
        "Alpha of the ridge head here: 12.5.",
        "Only 860 of 866 samples were scored, 6 failed.",
        "Of the measured value: 6 failed, first: too large.",
        "In training the model met labels that it is measured on, which flatters it.",
        "Weights here: a.pth from the authors' page, SHA-256 abababababab….",
        "The model sees the center, 224 × 224.",
        "Images are decoded here by the policy exif-srgb@1, on cpu.",
        "Libraries here: timm 1.0.",
    ):
        assert sentence in told
    bare = explain(replace(measured, value=None, reason="no labels"), published, None)
    assert bare[0] == "Not measured: no labels."


def test_the_command_tells_what_is_measured_and_what_is_not(tmp_path):
    keep(tmp_path, row(), row(metric="plcc", value=0.79, ci_low=0.7, ci_high=0.8))
    keep(tmp_path, row(dataset="live", value=None, ci_low=None, ci_high=None, reason="no images"))
    lines = list(explained(read_board(tmp_path), "pyiqa:psnr", None, None, {}))
    assert lines[-1] == "6 published numbers, 2 measured here: 2 inside the measured interval."
    assert "csiq · correlation · srcc" in lines
    assert "Not measured (2 numbers): no images" in lines
    assert "Not measured (2 numbers): no record of it on that dataset is here" in lines
    assert "  To get it: iqa-eval reproduce fr-metrics --models PSNR --root FOLDER" in lines
    # What all numbers share is told once.
    assert lines.count("  All of 866 samples were scored.") == 1


def test_the_commands_that_it_names_measure_just_those_numbers():
    for name in paper_names():
        paper = read_paper(name)
        for number in numbers_in(paper):
            chosen = select(paper, [number.method])
            assert any(
                (cell.dataset, cell.subset) == (number.dataset, number.subset)
                and cell.published.get(number.metric) == number.value
                for cell in chosen
            )


def test_another_protocol_is_compared_where_the_paper_s_was_not_run(tmp_path):
    keep(tmp_path, row(model="arniqa", dataset="clive", protocol="linear-probe"))
    lines = list(explained(read_board(tmp_path), "arniqa", "clive", "arniqa-table1", {}))
    assert (
        "  Measured under linear-probe; what stands for the paper's is linear-probe-arniqa."
        in lines
    )
    keep(tmp_path, row(model="arniqa", dataset="clive", protocol="linear-probe-arniqa"))
    lines = list(explained(read_board(tmp_path), "arniqa", "clive", "arniqa-table1", {}))
    assert not any("what stands for" in line for line in lines)


def test_a_model_that_only_tables_know_is_not_measured(tmp_path):
    keep(tmp_path, row())
    board = read_board(tmp_path)
    lines = list(explained(board, "reiqa", "live", None, {}))
    assert lines[0] == "Not measured (2 numbers): no record of the model is here"
    with pytest.raises(ValueError, match=r"unknown model 'reiga'; did you mean reiqa"):
        list(explained(board, "reiga", None, None, {}))
    with pytest.raises(ValueError, match=r"unknown dataset of a published number 'csik'"):
        list(explained(board, "pyiqa:psnr", "csik", None, {}))
    with pytest.raises(ValueError, match="nothing is in print of pyiqa:psnr in loda-table6"):
        list(explained(board, "pyiqa:psnr", None, "loda-table6", {}))


def test_without_a_record_it_tells_what_is_known_own_dataset_first(tmp_path):
    keep(tmp_path, row())
    lines = list(explained(read_board(tmp_path), "arniqa", "koniq10k", None, {}))
    own, other = (next(i for i, line in enumerate(lines) if f"koniq10k · {name}" in line)
                  for name in ("linear-probe-arniqa", "cross-dataset"))  # fmt: skip
    assert own < other
    for text in (
        "  The published table: Frozen self-supervised encoders with a ridge regressor.",
        "  Features are standardized here, and alpha is cross-validated on the dataset that is "
        "fitted.",
    ):
        assert lines.count(text) == 1
    assert not any("SPAQ" in line for line in lines)  # a note about another dataset


def test_a_model_that_is_registered_is_not_called_unknown(tmp_path):
    keep(tmp_path, row())
    board = read_board(tmp_path)
    with pytest.raises(ValueError, match=r"^no record and no published number of pyiqa:arniqa; "
                       "there are of arniqa, which is another program"):  # fmt: skip
        list(explained(board, "pyiqa:arniqa", None, None, {}))
    with pytest.raises(ValueError, match=r"number of control:constant$"):
        list(explained(board, "control:constant", None, None, {}))
    with pytest.raises(ValueError, match=r"^unknown model 'pyiqa:arnica'"):
        list(explained(board, "pyiqa:arnica", None, None, {}))


def test_a_name_of_several_variants_is_met_with_theirs(tmp_path):
    variants = [canonical_json({"variant": name}) for name in ("one", "two")]
    for options in variants:
        keep(tmp_path, row(model="control:constant", options=options))
    board = read_board(tmp_path)
    for name in ("control:constant", "Control:Constant"):
        with pytest.raises(
            ValueError, match=r"any of 2 variants; name one: .*variant one.*variant two"
        ):
            list(explained(board, name, None, None, {}))


def test_it_is_asked_on_the_command_line(tmp_path):
    keep(tmp_path / "records", row(reason="odd \x1b[31m text"))
    words = ["explain", "pyiqa:psnr", "csiq", "--records", str(tmp_path)]
    found = RUNNER.invoke(app, words, catch_exceptions=False)
    assert found.exit_code == 0
    assert "Of the measured value: odd \ufffd[31m text." in found.stdout
    assert "\x1b" not in found.stdout
