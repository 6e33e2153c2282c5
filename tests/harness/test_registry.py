"""Names: a stranger's package is as good as ours, and a broken one costs only itself."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness import load_dataset, load_model, registry, run
from harness.conformance import check
from harness.errors import message
from harness.listing import listing
from harness.model import Family, Unavailable
from harness.registry import (
    BrokenPlugin,
    UnknownName,
    entries,
    find,
    load_protocol,
    maker,
    option_names,
)
from tests.conftest import Sharpness, card

STRANGER = '''
"""A package that knows of ours only what is written in the docs."""

from pathlib import Path

import torch

from harness import Dataset, FileSource, ModelCard, Sample


class Contrast:
    """Root-mean-square contrast."""

    def __init__(self, gain: float = 1.0):
        self.gain = gain
        self.card = ModelCard(
            name="contrast", version="1", mode="NR", summary="RMS contrast", license="MIT",
            trained_on=(),
        )

    def score(self, images):
        return torch.stack([self.gain * image.double().std() for image in images])


def shots(root: Path = Path(".")) -> Dataset:
    """Every photograph in a folder."""
    files = sorted(root.glob("*.jpg"))
    samples = tuple(
        Sample(f.name, FileSource(f), f.name[:6], label=float(-int(f.stem[-1]))) for f in files
    )
    return Dataset("shots", samples, label_kind="ordinal")
'''
GROUPS = {"models": {"contrast": "Contrast"}, "datasets": {"shots": "shots"}}


@pytest.fixture
def stranger(install):
    install("stranger", STRANGER, GROUPS)


def lines(what: str) -> str:
    return "\n".join(listing(what))


def test_a_strangers_package_is_listed_with_its_origin(stranger):
    assert entries("models")["contrast"].origin == "stranger 1.0"
    assert entries("models")["contrast"].target == "stranger:Contrast"
    assert "contrast" in lines("models")
    assert "Root-mean-square contrast.  [stranger 1.0]" in lines("models")
    assert "Every photograph in a folder.  [stranger 1.0]" in lines("datasets")


def test_protocols_are_listed_with_their_options_as_these_are_typed():
    text = lines("protocols")
    assert "  options: linear-probe.splits=70/10/20, linear-probe.n_splits=10\n" in text
    assert "data-efficiency.fractions=[0.01,0.02," in text
    assert "options: correlation" not in text


def test_it_is_loaded_and_passes_the_checks(stranger):
    model = load_model("contrast", gain=2.0)
    assert dict(model.card.options) == {"gain": 2.0}
    assert [result for result in check(model) if result.problem] == []


def test_it_runs(stranger, photos, register, tmp_path):
    dataset = load_dataset("shots", root=photos)
    assert len(dataset.samples) == 24
    out = tmp_path / "out"
    frame = run(["contrast"], [{"name": "shots", "root": str(photos)}], ["mean"], out=out,
                cache=tmp_path / "cache", workers=2, progress=False)  # fmt: skip
    assert frame["value"].notna().all()
    assert set(frame["dataset"]) == {"shots"}
    assert json.loads((out / "run.json").read_text())["results_computed"] == 24


def test_nothing_of_a_package_is_imported_before_it_is_asked_for(install):
    install("careful", "raise SystemError('imported')", {"models": {"careful": "Model"}})
    assert "careful" in entries("models")
    with pytest.raises(BrokenPlugin, match="SystemError: imported"):
        load_model("careful")


def test_a_dataset_without_the_folder_that_it_needs(register, tmp_path):
    register("datasets", "my-photos", lambda root: None)
    with pytest.raises(ValueError, match="'my-photos' needs the folder of its images: give root"):
        load_dataset("my-photos")

    def reads(root: Path, size: int = 1) -> None:
        (root / "mos.txt").read_text()

    register("datasets", "my-photos", reads)
    with pytest.raises(FileNotFoundError) as error:
        load_dataset("my-photos", root=tmp_path)
    file = tmp_path / "mos.txt"
    assert message(error.value) == f"dataset 'my-photos': {file}: No such file or directory"
    takes = r"did you mean size\? options: root, size"
    with pytest.raises(ValueError, match=rf"^dataset 'my-photos' has no option 'sise'; {takes}$"):
        load_dataset("my-photos", root=tmp_path, sise=2)


# Broken ----------------------------------------------------------------------------------


def test_a_broken_package_is_a_warning_in_the_list_and_one_line_when_loaded(install):
    install("broken", "import no_such_module", {"models": {"broken": "Model"}})
    install("hollow", "x = 1", {"models": {"hollow": "Model"}})
    install("stranger", STRANGER, GROUPS)
    found = lines("models")
    assert "warning: 'broken' of broken 1.0 cannot be loaded: ModuleNotFoundError" in found
    assert "warning: 'hollow' of hollow 1.0 cannot be loaded: AttributeError" in found
    assert "RMS contrast" not in found
    assert "Root-mean-square contrast." in found
    with pytest.raises(BrokenPlugin, match="No module named 'no_such_module'") as error:
        load_model("broken")
    assert "\n" not in str(error.value)


def make(register, thing: object) -> None:
    register("models", "thing", thing)


def test_what_a_constructor_raises(register):
    def raises(error: Exception):
        def constructor(**options: object) -> None:
            raise error

        return constructor

    make(register, raises(Unavailable("no weights", "fetch them")))
    with pytest.raises(Unavailable, match="no weights; to get it: fetch them"):
        load_model("thing")
    make(register, raises(ValueError("size must be even")))
    with pytest.raises(ValueError, match="size must be even"):
        load_model("thing")
    make(register, raises(RuntimeError("CUDA\nerror")))
    with pytest.raises(BrokenPlugin, match="'thing' cannot be made: RuntimeError: CUDA error"):
        load_model("thing")


def test_what_is_no_model(register):
    make(register, SimpleNamespace)
    with pytest.raises(BrokenPlugin, match="has no card"):
        load_model("thing")
    make(register, lambda: SimpleNamespace(card="me", score=len))
    with pytest.raises(BrokenPlugin, match="has no card"):
        load_model("thing")
    make(register, lambda: SimpleNamespace(card=card(""), score=len))
    with pytest.raises(BrokenPlugin, match="the name in its card is empty"):
        load_model("thing")
    make(register, lambda: SimpleNamespace(card=card("m")))
    with pytest.raises(BrokenPlugin, match="offers none of the operations"):
        load_model("thing")


@pytest.mark.parametrize("family", [False, True])
def test_a_wrong_option_is_a_value_error(register, family):
    def load(name: str = "sharpness", *, size: int = 1) -> Sharpness:
        return Sharpness(name, options=None)

    make(register, Family(load, "s") if family else load)
    name = "thing:x" if family else "thing"
    assert load_model(name, size=3).card.options == {"size": 3}
    takes = "options: size" if family else "options: name, size"
    with pytest.raises(ValueError, match=f"^{name} has no option 'length'; {takes}$"):
        load_model(name, length=3)
    with pytest.raises(
        ValueError, match=rf"^{name} has no option 'sise'; did you mean size\? {takes}$"
    ):
        load_model(name, sise=3)
    for odd in ("thing.size", "a name"):
        with pytest.raises(ValueError, match=f"^{name} has no option '{odd}'; .*{takes}$"):
            load_model(name, **{odd: 3})
    with pytest.raises(ValueError, match=f"{name}: options must be plain values"):
        load_model(name, size=object())
    with pytest.raises(ValueError, match=f"{name}: options must be plain values"):
        load_model(name, size=float("nan"))


# Names -----------------------------------------------------------------------------------


def test_a_wrong_name_is_answered_with_the_closest(register):
    register("models", "sharpness", Sharpness)
    with pytest.raises(UnknownName, match=r"unknown model 'sharpnes'; did you mean sharpness"):
        load_model("sharpnes")
    with pytest.raises(UnknownName, match=r"unknown dataset 'demmo'; did you mean demo"):
        load_dataset("demmo")
    with pytest.raises(UnknownName, match=r"unknown protocol 'corelation'; did you mean corr"):
        load_protocol("corelation")
    with pytest.raises(UnknownName, match=r"unknown model 'zzzzzz'; known: .*sharpness"):
        load_model("zzzzzz")
    with pytest.raises(UnknownName, match="unknown model 'sharpnes'"):
        load_model("sharpnes:x")
    with pytest.raises(ValueError, match="unknown kind of thing 'model'; did you mean models"):
        lines("model")


def test_a_member_of_a_family_is_found_without_its_prefix(register):
    register("models", "many", Family(Sharpness, "many", ("one", "second")))
    with pytest.raises(UnknownName, match=r"unknown model 'secnd'; did you mean many:second"):
        load_model("secnd")
    with pytest.raises(UnknownName, match=r"unknown model 'piqe'; did you mean pyiqa:piqe"):
        load_model("piqe")
    for name in ("SECOND", "Second"):
        with pytest.raises(
            UnknownName, match=rf"unknown model '{name}'; did you mean many:second\?$"
        ):
            load_model(name)
    with pytest.raises(UnknownName, match=r"unknown model 'MANY'; did you mean many\?$"):
        load_model("MANY:one")
    with pytest.raises(UnknownName, match=r"unknown model 'ARNIQA'; did you mean arniqa\?$"):
        load_model("ARNIQA")
    with pytest.raises(UnknownName, match=r"unknown model 'q+'; known: ") as error:
        load_model("q" * 32)
    assert "many:second" not in str(error.value)  # all members would be too many


def test_an_option_that_is_needed_is_named(register):
    def load(path: str, *, size: int) -> None:
        raise AssertionError

    make(register, load)
    with pytest.raises(ValueError, match=r"^thing cannot be made without a value for path$"):
        load_model("thing", size=3)

    def calls() -> None:
        load("x")  # type: ignore[call-arg]

    make(register, calls)
    with pytest.raises(ValueError, match=r"^thing: .* argument: 'size'$"):
        load_model("thing")


def test_a_member_takes_no_name_beside_its_own(register):
    make(register, Family(lambda name, *, size=1: Sharpness(name), "s"))
    with pytest.raises(ValueError, match=r"^thing:x has no option 'name'; options: size$"):
        load_model("thing:x", name="y")


def test_the_options_of_a_model(register):
    def load(name: str, *, size: int = 1, **others: int) -> None:
        raise AssertionError

    make(register, Family(load, "s"))
    assert option_names(maker("thing:x")) == ["size"]
    make(register, Sharpness)
    assert option_names(maker("thing")) == ["name"]
    assert option_names(dict) == []  # written in C
    assert option_names(maker("arniqa"))[:2] == ["variant", "head"]


def test_a_type_error_from_within_keeps_its_words(register):
    def load(size: int = 1) -> None:
        dict(1, length=2)

    make(register, load)
    with pytest.raises(ValueError, match="thing: 'int' object is not iterable"):
        load_model("thing", size=2)


def test_a_family_needs_a_name_after_the_colon_and_a_model_takes_none(register):
    register("models", "many", Family(Sharpness, "many", ("one", "two")))
    register("models", "sharpness", Sharpness)
    assert load_model("many:one").card.name == "one"
    assert load_model("many:a:b").card.name == "a:b"
    for name in ("many", "many:"):
        with pytest.raises(UnknownName, match=r"name one of it, e\.g\. many:one, many:two"):
            load_model(name)
    with pytest.raises(UnknownName, match="'sharpness' takes no name after the colon"):
        load_model("sharpness:x")


def test_of_two_packages_the_first_by_name_keeps_a_name(install):
    for name in ("zebra", "aardvark"):
        install(name, STRANGER, GROUPS)
    assert find("models", "contrast").origin == "aardvark 1.0"


def test_ours_are_registered_as_a_strangers_would_be():
    import tomllib

    content = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    declared = content["project"]["entry-points"]
    for group in ("models", "datasets", "protocols", "degradations", "commands"):
        ours = {
            e.name: e.target for e in entries(group).values() if e.origin.startswith("iqa-eval")
        }
        assert ours == declared[f"iqa_eval.{group}"]
        for name in ours:
            assert registry.find(group, name).load() is not None
