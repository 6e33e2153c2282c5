"""``iqa-eval card``: everything that a card says, in lines that fit a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import typer
from typer.testing import CliRunner

from harness.card_command import WIDTH, card_lines
from harness.card_command import card as command
from harness.model import Model, TrainedOn, Unavailable, Weights, operations
from tests.conftest import Difference, Sharpness

FULL = {
    "version": "7",
    "summary": "sees much",
    "license": "MIT",
    "paper": "A. Author, 2020",
    "weights": (
        Weights("one.pth", "a" * 64, "https://example.org/one.pth", "Apache-2.0"),
        Weights("two.pth", "b" * 64),
    ),
    "trained_on": (
        TrainedOn("kadis700k"),
        TrainedOn("live", split="reference images", role="content"),
        TrainedOn("koniq10k", role="labels", component="head"),
    ),
    "trained_degradations": tuple(f"type-{i}" for i in range(30)),
    "trained_masks": ("blob",),
    "coverage": "five 224-pixel crops of the image and of its half",
    "max_pixels": 1_234_567,
    "batch_invariant": True,
    "deterministic": False,
    "precision": "bfloat16",
    "requires": ("scipy", "transformers"),
    "options": {"variant": "whole", "head": "koniq10k"},
}


def facts(model: Model, takes: Sequence[str] = ()) -> dict[str, str]:
    """Title → all that stands beside it, in one line."""
    found: dict[str, str] = {}
    title = ""
    for line in list(card_lines(model.card, sorted(operations(model)), takes))[3:]:
        title = line[:18].strip() or title
        found[title] = f"{found.get(title, '')} {line[18:].strip()}".strip()
    return found


def test_everything_that_a_card_says():
    model = Sharpness("sharp", **FULL)
    lines = list(card_lines(model.card, ["features", "score"]))
    assert lines[:3] == ["sharp, version 7", "sees much", ""]
    assert max(map(len, lines)) <= WIDTH
    assert facts(model, ["head", "weights"]) == {
        "mode": "NR",
        "operations": "features, score",
        "takes": "head, weights",
        "options": "head=koniq10k, variant=whole",
        "paper": "A. Author, 2020",
        "license": "MIT",
        "weights": f"one.pth SHA-256 {'a' * 64} from https://example.org/one.pth license: "
        f"Apache-2.0 two.pth SHA-256 {'b' * 64} license: unknown",
        "trained on": "encoder: images of kadis700k encoder: content of live (reference images) "
        "head: labels of koniq10k",
        "damaged by": ", ".join(f"type-{i}" for i in range(30)),
        "within masks": "blob",
        "sees": "five 224-pixel crops of the image and of its half",
        "largest image": "1,234,567 pixels",
        "batch-invariant": "yes",
        "deterministic": "no",
        "precision": "bfloat16",
        "requires": "scipy, transformers",
    }
    assert [line[18:] for line in lines if "koniq10k" in line][-1] == "head: labels of koniq10k"


def test_what_is_not_known_and_what_is_nothing():
    known = facts(Sharpness("m", trained_on=None))
    assert known["trained on"] == "unknown"
    assert known["damaged by"] == known["within masks"] == "none stated"
    assert known["sees"] == known["paper"] == "not stated"
    assert known["weights"] == "none"
    assert known["batch-invariant"] == "not promised"
    nothing = facts(Sharpness("m", trained_on=()))
    assert nothing["trained on"] == "nothing"
    assert "damaged by" not in nothing
    assert "options" not in nothing
    assert "takes" not in nothing
    assert facts(Difference())["map channels"] == "any"
    assert facts(Difference())["operations"] == "distortion_map, score_pair"


def test_a_control_says_so():
    first = next(card_lines(Sharpness("m", control=True).card))
    assert first == "m, version 1 (a control: shown, never ranked)"


@pytest.fixture
def call():
    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(command)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_the_command(call, register):
    def load(scale: int = 1, device: str = "cpu") -> Sharpness:
        return Sharpness("sharp", options={"scale": scale})

    register("models", "sharp", load)
    found = call("sharp", "--option", "scale=3")
    assert found.exit_code == 0
    assert found.stdout.startswith("sharp, version 1\na test model\n\n")
    assert "takes             scale\noptions           scale=3\n" in found.stdout
    assert "[" not in found.stdout
    assert "no option 'x'" in str(call("sharp", "--option", "x=1").exception)
    assert "did you mean sharp" in str(call("shrap").exception)


def test_absent_weights_are_a_reason_and_a_command(call, register):
    def lacking() -> object:
        raise Unavailable("lacking: no weights", "iqa-eval weights fetch lacking")

    register("models", "lacking", lacking)
    error = call("lacking").exception
    assert isinstance(error, Unavailable)  # which the program says in one line
    assert str(error) == "lacking: no weights; to get it: iqa-eval weights fetch lacking"


def test_a_card_is_shown_without_the_weights_where_it_is_known(call, register):
    def lacking(*, head: str | None = None) -> object:
        shown = Sharpness("lacking", summary="has a card", options=None).card
        raise Unavailable("lacking: no weights", "iqa-eval weights fetch lacking", shown)

    register("models", "lacking", lacking)
    found = call("lacking", "--option", "head=live")
    assert found.exit_code == 0
    assert found.stdout.startswith("lacking, version 1\nhas a card\n\nmode              NR\ntakes")
    assert "takes             head\n" in found.stdout
    assert "weights           not here\n" in found.stdout
    assert "operations" not in found.stdout
    last = "\n\nlacking: no weights; to get it: iqa-eval weights fetch lacking\n"
    assert found.stdout.endswith(last)


@pytest.mark.parametrize("name", ["control:constant", "nss:brisque"])
def test_our_own_cards_are_complete(name):
    from harness.registry import load_model

    shown = facts(load_model(name))
    assert shown["sees"] != "not stated"
    assert shown["trained on"] == "nothing"
