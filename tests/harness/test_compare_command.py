"""Two versions of one picture: what is said of them, and what is refused in one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from harness import alignment, cli, compare_command, registry
from harness.judging import Verdict, judge, require_comparing, strongest_window
from harness.reports.compare_pictures import overlay, scale_end
from harness.reports.compare_words import Channel, channels, summary
from tests.conftest import Difference, Sharpness, card

Run = Callable[..., tuple[int, str, str]]


class Signed:
    """Brighter and redder, with a sign: 0.5 + 0.5 × the difference; darker counts as better."""

    def __init__(self) -> None:
        self.card = card("signed", mode="FR", map_channels=("bright-ness", "red", "nothing"))

    def distortion_map(
        self, images: Sequence[torch.Tensor], references: Sequence[torch.Tensor]
    ) -> list[torch.Tensor]:
        maps = []
        for image, reference in zip(images, references, strict=True):
            apart = (image.float() - reference.float()) / 255
            red = apart[0] - apart[1]
            maps.append(0.5 + 0.5 * torch.stack([apart[1], red, 0 * red]).clamp(-1, 1))
        return maps

    def score_pair(
        self, images: Sequence[torch.Tensor], references: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        pairs = zip(images, references, strict=True)
        return torch.stack([(r.double() - i.double()).mean() for i, r in pairs])


class Broken:
    """Raises, or returns what it must not."""

    def __init__(self, result: Any) -> None:
        self.card, self.result = card("broken", mode="FR", map_channels=("any",)), result

    def distortion_map(self, images: Sequence[torch.Tensor], references: object) -> Any:
        if isinstance(self.result, Exception):
            raise self.result
        return [self.result]


MODELS = {"signed": Signed, "difference": Difference, "sharpness": Sharpness}


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """Gray; the test's top left ninth is brighter, the reference's bottom right one is red."""
    test, reference = (torch.full((3, 60, 90), 100, dtype=torch.uint8) for _ in range(2))
    test[:, :20, :30] = 200
    reference[0, 40:, 60:] = 250
    return test, reference


def save(path: Path, image: torch.Tensor) -> Path:
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    test, reference = pair()
    return save(tmp_path / "test.png", test), save(tmp_path / "reference.png", reference)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def load(name: str, **options: Any) -> object:
        if options:
            raise ValueError(f"{name} has no option {next(iter(options))!r}")
        return MODELS[name]()

    monkeypatch.setattr(registry, "load_model", load)
    # All that varies in these pictures is their damage.
    monkeypatch.setattr(alignment, "misaligned", lambda *pair: None)
    entries = registry.entries

    def with_ours(group: str) -> Any:
        point = type("Point", (), {"load": lambda _: compare_command.compare_images})()
        ours = {"compare-images": point} if group == "commands" else {}
        return {**entries(group), **ours}

    monkeypatch.setattr(cli, "entries", with_ours)

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["iqa-eval", "compare-images", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        said = capsys.readouterr()
        return int(stopped.value.code or 0), said.out, said.err

    return call


def test_the_command_writes_the_page_and_says_what_it_found(run: Run, files, tmp_path: Path):
    out = tmp_path / "new" / "page.html"
    code, said, errors = run(*files, "--model", "signed,difference", "--out", out)
    assert (code, errors) == (0, "")
    assert "signed: The test image is judged " in said
    assert "The test image has more bright ness in 11\N{NO-BREAK SPACE}% of the picture, " in said
    assert "difference: Likeness of the test image to the reference: " in said
    assert said.endswith(f"The page: {out}\n")
    page = out.read_text("utf-8")
    assert page.index(">signed</h2>") < page.index(">difference</h2>")
    assert "test.png beside reference.png" in page


def test_a_pair_that_does_not_lie_pixel_upon_pixel_is_warned_of(
    run: Run, files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(alignment, "misaligned", lambda *pair: "it looks <b>shifted</b>")
    out = tmp_path / "page.html"
    code, _, errors = run(*files, "-m", "signed", "--out", out)
    assert (code, errors) == (0, "warning: it looks <b>shifted</b>\n")
    assert "Take care:</strong> it looks &lt;b&gt;shifted&lt;/b&gt;." in out.read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["{test}", "{small}", "-m", "signed"], "{test} is 90 × 60 pixels, {small} 30 × 20: two"),
        (["{test}", "{text}", "-m", "signed"], "{text}: "),
        (["{test}", "{absent}", "-m", "signed"], "{absent}: file not found"),
        (["{test}", "{reference}", "-m", "sharpness"], "sharpness: compares no two images"),
        (["{test}", "{reference}", "-m", "signed", "--option", "a=1"], "signed has no option 'a'"),
        (
            ["{test}", "{reference}", "-m", "signed,difference", "--option", "a=1"],
            "--option is for one model; write --model-option MODEL.NAME=VALUE",
        ),
        (["{test}", "{reference}", "-m", ","], "--model: name at least one model"),
        (["{test}", "{reference}", "-m", "signed", "--out", "{test}"], "--out {test}: that is one"),
        (["{test}", "{reference}", "-m", "signed", "--out", "{folder}"], "--out {folder}: a fold"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(
    words: list[str], error: str, run: Run, files, tmp_path: Path
):
    (tmp_path / "text.png").write_text("no picture")
    names = {
        "test": files[0],
        "reference": files[1],
        "small": save(tmp_path / "small.png", pair()[0][:, ::3, ::3]),
        "text": tmp_path / "text.png",
        "absent": tmp_path / "absent.png",
        "folder": tmp_path,
    }
    before = files[0].read_bytes()
    given = [word.format(**names) for word in words]
    if "--out" not in given:
        given += ["--out", str(tmp_path / "page.html")]
    code, said, errors = run(*given)
    assert (code, said) == (2, "")
    assert errors.startswith(f"iqa-eval: {error.format(**names)}")
    assert errors.count("\n") == 1
    assert not (tmp_path / "page.html").exists()
    assert files[0].read_bytes() == before


@pytest.mark.parametrize("second", ["{absent}", "{text}", "{small}"])
def test_images_are_looked_at_before_a_model_is_loaded(
    second: str, run: Run, files, tmp_path: Path, monkeypatch
):
    (tmp_path / "text.png").write_text("no picture")
    small = save(tmp_path / "small.png", pair()[0][:, ::3, ::3])
    path = second.format(absent=tmp_path / "a.png", text=tmp_path / "text.png", small=small)
    loaded: list[str] = []
    monkeypatch.setattr(registry, "load_model", lambda name, **_: loaded.append(name))
    code, _, errors = run(files[0], path, "-m", "signed", "--out", tmp_path / "page.html")
    assert (code, errors.count("\n"), loaded) == (2, 1, [])
    assert path in errors


def test_an_image_larger_than_a_model_takes_is_refused_with_its_name(
    run: Run, files, tmp_path: Path, monkeypatch
):
    def modest() -> Signed:
        model = Signed()
        model.card = replace(model.card, max_pixels=5000)
        return model

    monkeypatch.setitem(MODELS, "signed", modest)
    code, _, errors = run(*files, "-m", "signed", "--out", tmp_path / "page.html")
    assert code == 2
    assert errors.startswith("iqa-eval: signed: 90 × 60 pixels: more than the model takes")


def test_what_takes_long_is_announced(run: Run, files, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(compare_command, "_PATIENCE", 0.0)
    _, _, errors = run(*files, "--model", "signed", "--out", tmp_path / "page.html")
    assert "asking signed …" in errors.splitlines()


def test_a_model_that_compares_nothing_is_told_what_would():
    model = Sharpness()
    with pytest.raises(ValueError, match=r"sharpness: compares no two .* sliding:sharpness comp"):
        require_comparing(model)
    model.quality_map = lambda images: []  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="change:sharpness compares its maps"):
        require_comparing(model)
    require_comparing(Difference())


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (RuntimeError("no\nmemory"), "broken: RuntimeError: no memory"),
        (ValueError("too small"), "broken: too small"),
        (torch.zeros(2, 4, 4), "broken: distortion_map returned .2, 4, 4.; the card names 1 chan"),
        (torch.full((1, 4, 4), 1.5), "broken: distortion_map returned values outside"),
        (torch.full((1, 4, 4), torch.nan), "broken: distortion_map returned values outside"),
    ],
)
def test_what_a_model_gets_wrong_is_one_line_with_its_name(result: Any, error: str):
    with pytest.raises(ValueError, match=f"^{error}"):
        judge(Broken(result), *pair())


def test_a_direction_is_claimed_only_where_exchanging_the_images_turns_it():
    found = judge(Signed(), *pair())
    assert found.directed
    assert found.score is not None
    assert (found.score.directed, found.score.same) == (True, 0)
    mean = (pair()[0].double() - pair()[1].double()).mean()
    assert found.score.value == pytest.approx(-mean)
    told = " ".join(summary(found))
    assert "The test image is judged worse than the reference: s = −" in told
    assert "Scores compare versions of one scene only." in told

    found = judge(Difference(), *pair())
    assert found.score is not None
    assert (found.directed, found.score.directed) == (False, False)
    told = " ".join(summary(found))
    assert "does not say which of the two is better" in told
    assert "judged" not in told
    assert "do not turn around" in told


def test_one_picture_twice():
    test, _ = pair()
    found = judge(Signed(), test, test)
    told = " ".join(summary(found))
    assert "The two are judged equal: s = 0." in told
    assert "The maps show nothing above their limit" in told
    shown, faint = channels(found)
    assert (len(shown), len(faint)) == (1, 2)


def test_channels_are_sorted_by_what_they_say_and_the_faint_ones_apart():
    found = judge(Signed(), *pair())
    shown, faint = channels(found)
    assert [channel.name for channel in shown] == ["red", "bright-ness"]
    assert [channel.name for channel in faint] == ["nothing"]
    red, bright = shown
    assert (red.test.share, bright.reference.share) == (0, 0)
    assert red.reference.share == bright.test.share == pytest.approx(1 / 9)
    assert (red.reference.place, bright.test.place) == ("mostly bottom right", "mostly top left")
    assert faint[0].sentences == "Nowhere more than 0.05 away from 0.5."


def test_a_map_with_two_ends_names_them_and_specks_are_not_told():
    maps = np.full((2, 60, 90), 0.5, np.float32)
    maps[:, :20], maps[:, 59, :20] = 0.9, 0.1
    types = (("blur", "gaussian-blur", 1), ("blur", "high-sharpen", -1), ("jpeg", "jpeg", 1))
    found = card("m", map_channels=("blur", "jpeg"), channel_types=types)
    shown, _ = channels(Verdict(found, maps=maps, directed=True))
    assert [c.ends for c in shown] == ["Up with gaussian blur, down with high sharpen.", ""]
    third = "33\N{NO-BREAK SPACE}% of the picture, mostly at the top"
    assert {c.sentences for c in shown} == {f"Test has more: {third}."}
    maps[:] = 0.5
    maps[0, 59, :20] = 0.1  # a speck alone is told
    shown, _ = channels(Verdict(found, maps=maps, directed=True))
    assert shown[0].sentences.startswith("Reference has more: under 1")


def test_the_strongest_is_told_first_not_the_widest():
    maps = np.full((2, 60, 90), 0.5, np.float32)
    maps[0], maps[1, :20] = 0.57, 0.95
    told = summary(Verdict(card("m", map_channels=("wide", "strong")), maps=maps, directed=True))
    assert told[0].startswith("The test image has more strong in 33")


@pytest.mark.parametrize(
    ("rows", "columns", "place"),
    [
        (slice(20, 40), slice(30, 60), "mostly in the center"),
        (slice(0, 20), slice(0, 90), "mostly at the top"),
        (slice(0, 60), slice(60, 90), "mostly on the right"),
        (slice(20, 40), slice(0, 90), "mostly across the middle"),
        (slice(0, 60), slice(0, 89), "spread over it"),
    ],
)
def test_places_in_words(rows: slice, columns: slice, place: str):
    maps = np.full((1, 60, 90), 0.5, np.float32)
    maps[0, rows, columns] = 0.8
    (channel,), _ = channels(Verdict(card("m", map_channels=("any",)), maps=maps))
    assert isinstance(channel, Channel)
    assert channel.test.place == place


def test_many_channels_are_counted_rather_than_told():
    maps = np.full((5, 8, 8), 0.9, np.float32)
    told = summary(Verdict(card("m", map_channels=tuple("abcde")), maps=maps, directed=True))
    assert told == [
        "The test image has more a, b and c in the whole picture; more in 2 other maps."
    ]
    maps[:2, 4:] = 0.5
    told = summary(Verdict(card("m", map_channels=tuple("abcde")), maps=maps, directed=True))
    assert told == [
        "The test image has more c, d and e in the whole picture; "
        "more a and b in 50\N{NO-BREAK SPACE}% of the picture, mostly at the top."
    ]


def test_color_says_the_direction_and_its_opacity_how_much():
    import base64
    import io

    maps = np.array([[[0.5, 0.55, 0.45], [0.6, 0.4, 0.505]]], np.float32)
    assert scale_end(maps) == 0.1
    assert scale_end(maps[:, :1]) == 0.05
    data = base64.b64decode(overlay(maps[0], 0.1).removeprefix("data:image/png;base64,"))
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.array(image).astype(int)
    alpha = pixels[..., 3]
    assert alpha[0, 0] == 0
    assert alpha[1, 0] == alpha[1, 1] == round(255 * 0.85)
    assert alpha[0, 1] == pytest.approx(alpha[1, 0] / 2, abs=1)
    assert (pixels[..., 0] > pixels[..., 2]).tolist() == [[True, True, False], [True, False, True]]


def test_the_strongest_place_lies_amid_its_window_and_inside_the_picture():
    strength = np.zeros((300, 500))
    strength[140:160, 240:260] = 1
    top, left, height, width = strongest_window(strength, 3000, 5000, 384)
    assert (height, width) == (384, 384)
    assert abs(top + 192 - 1500) < 30
    assert abs(left + 192 - 2500) < 30
    strength[:] = 0
    strength[0, -1] = 1
    assert strongest_window(strength, 3000, 5000, 384) == (0, 5000 - 384, 384, 384)
    assert strongest_window(strength, 30, 50, 384) == (0, 0, 30, 50)
