"""Suite files: the good ones are values, each bad one is one line that says where and what."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli_options import require_known
from harness.suite import Named, Suite, make_suite, read_suite

GOOD = """
name: mine
models: [pyiqa:psnr, {name: timm:resnet50, weights: r.safetensors, size: 224}]
datasets: [demo, {name: labels.csv, root: images, better: lower}]
protocols: [correlation, sensitivity]
seed: 7
icc: ignore
"""


def read(tmp_path: Path, text: str) -> Suite:
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    return read_suite(path)


def test_a_suite_is_what_it_says(tmp_path):
    suite = read(tmp_path, GOOD)
    assert [str(model) for model in suite.models] == ["pyiqa:psnr", "timm:resnet50"]
    assert suite.models[1].options == {"weights": "r.safetensors", "size": 224}
    assert suite.datasets[1].options == {"root": "images", "better": "lower"}
    assert [str(p) for p in suite.protocols] == ["correlation", "sensitivity"]
    assert (suite.name, suite.seed, suite.icc) == ("mine", 7, "ignore")


def test_what_is_left_out_has_a_default(tmp_path):
    suite = read(tmp_path, "models: [a]\ndatasets: [b]\n")
    assert [str(p) for p in suite.protocols] == ["correlation"]
    assert (suite.seed, suite.icc) == (0, "srgb")
    assert suite.models == (Named(name="a"),)
    assert suite.models[0].options == {}


@pytest.mark.parametrize("name", ["probes-default", "probes-full"])
def test_suites_that_come_with_the_package(tmp_path, monkeypatch, name):
    suite = read_suite(Path(name), [{"name": "a", "x": 1}, {"name": "b"}])
    require_known(suite.model_copy(update={"models": (Named(name="nss:brisque"),)}))
    assert suite.models == (Named(name="a", x=1), Named(name="b"))
    assert (suite.name, [str(d) for d in suite.datasets]) == (name, [name])
    assert [str(p) for p in suite.protocols] == ["sensitivity", "localization", "representation"]
    monkeypatch.chdir(tmp_path)  # a file of the same name comes first
    (tmp_path / name).write_text("models: [mine]\ndatasets: [demo]")
    assert read_suite(Path(name)).models == (Named(name="mine"),)


def test_models_are_named_once(tmp_path):
    path = tmp_path / "suite.yaml"
    path.write_text(GOOD)
    with pytest.raises(ValueError, match=r"suite\.yaml: a suite file names its models itself"):
        read_suite(path, ["b"])


def test_equal_suites_are_equal_values(tmp_path):
    assert read(tmp_path, GOOD) == read(tmp_path, GOOD + "\n# a comment\n")
    with pytest.raises(ValueError, match="frozen"):
        read(tmp_path, GOOD).seed = 3


BAD = {
    "models: [a": "not readable YAML",
    "models: [a]\n\tdatasets: [b]": "not readable YAML",
    "[" * 20_000: "not readable YAML: nested too deeply",
    "name: 2024-99-99": "not readable YAML: month must be in 1..12",
    "name: !!int ''": "not readable YAML: string index out of range",
    "": "a suite is a mapping",
    "- a\n- b": "a suite is a mapping",
    "just text": "a suite is a mapping",
    "models: [a]": "datasets: Field required",
    "datasets: [b]": "models: Field required",
    "models: []\ndatasets: [b]": "models: Value error, name at least one",
    "models: [a]\ndatasets: [b]\nprotocols: []": "protocols: Value error, name at least one",
    "models: a\ndatasets: [b]": "models: Input should be a valid tuple",
    "models: [{weights: w}]\ndatasets: [b]": "models.0.name: Field required",
    "models: [3]\ndatasets: [b]": "models.0: Input should be a valid dictionary",
    "models: [{name: 3}]\ndatasets: [b]": "models.0.name: Input should be a valid string",
    "models: [a]\ndatasets: [b]\nseed: many": "seed: Input should be a valid integer",
    "models: [a]\ndatasets: [b]\nseed: 9223372036854775808": "seed: Input should be less than",
    "models: [a]\ndatasets: [b]\nicc: none": "icc: Input should be 'srgb' or 'ignore'",
    "models: [a]\ndatasets: [b]\nprotocol: [c]": "unknown key 'protocol'; did you mean protocols?",
    "models: [a]\ndatsets: [b]": "unknown key 'datsets'; did you mean datasets?",
    "models: [a]\ndatasets: [b]\n1: 2": "unknown key '1'; known: datasets, icc, models",
}


@pytest.mark.parametrize("text", BAD, ids=lambda text: repr(text)[:40])
def test_what_is_wrong_is_one_line(tmp_path, text):
    with pytest.raises(ValueError, match=r"suite\.yaml: ") as error:
        read(tmp_path, text)
    assert BAD[text] in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_no_text(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.yaml: no such suite file"):
        read_suite(tmp_path / "no.yaml")
    with pytest.raises(FileNotFoundError, match="no such suite file"):
        read_suite(tmp_path)
    (tmp_path / "suite.yaml").write_text(GOOD)
    with pytest.raises(FileNotFoundError, match="no such suite file, nor one of probes-default"):
        read_suite(tmp_path / "suite")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"bytes\.yaml: not readable YAML"):
        read_suite(tmp_path / "bytes.yaml")


def test_yaml_makes_no_objects(tmp_path):
    with pytest.raises(ValueError, match="not readable YAML"):
        read(tmp_path, "models: !!python/object/apply:os.getcwd []\ndatasets: [b]")


def test_a_suite_can_be_made_from_values():
    suite = make_suite("here", {"models": ["a", Named(name="b")], "datasets": [{"name": "c"}]})
    assert [m.name for m in suite.models] == ["a", "b"]
