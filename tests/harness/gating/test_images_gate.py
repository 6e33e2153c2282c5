"""Pictures before and after: what regressed is seen, what cannot be compared is said."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from scipy import stats

from harness import cli, gate_images_command, registry
from harness.gating import Finding, Verdict
from harness.gating.images_effect import differences, effect
from harness.gating.images_gate import QUALITY, Outcome, gate_images
from harness.gating.images_page import render
from harness.gating.images_pairs import Folder, partners
from harness.gating.images_worst import WORST
from harness.images import DEFAULT_POLICY
from harness.model import Unavailable
from harness.settings import Settings
from tests.conftest import Difference, Sharpness

N = 24
HOSTILE = "<img src=x onerror=alert(1)> | `a`.png"


class Quality(Sharpness):
    """Sharpness, with the map that it is the mean of."""

    def quality_map(self, images: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return [image.float().diff(dim=2).abs().mean(0) for image in images]


class Psnr(Difference):
    """Of two equal pictures it is infinite."""

    def score_pair(self, images: Any, references: Any) -> torch.Tensor:
        return -10 * torch.log10(-super().score_pair(images, references) / 255**2)


class Flat(Sharpness):
    """Gives every picture one score."""

    def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.ones(len(images), dtype=torch.float64)


def picture(i: int, height: int = 32, width: int = 40) -> Image.Image:
    rng = np.random.default_rng(i)
    pixels = 128 + rng.normal(0, 10 + 2 * i, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def blurred(i: int) -> Image.Image:
    return picture(i).filter(ImageFilter.GaussianBlur(0.3 + 0.02 * i))


def fill(folder: Path, make: Callable[[int], Image.Image], suffix: str = ".png") -> Path:
    (folder / "deep").mkdir(parents=True)
    for i in range(N):
        make(i).save(folder / f"{'deep/' * (i % 2)}{i:02}{suffix}")
    return folder


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    return fill(tmp_path / "old", picture)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "cells", DEFAULT_POLICY, progress=False)


def about(outcome: Outcome, question: str, name: str) -> Finding:
    """The finding about a model, or the one about a picture."""
    (found,) = (
        f for f in outcome.report.findings if f.question == question and name in f.subject[:2]
    )
    return found


def test_the_same_pictures_pass_and_a_second_run_asks_no_model(baseline, tmp_path, settings):
    candidate, model = fill(tmp_path / "new", picture), Sharpness()
    first = gate_images(baseline, candidate, [model], settings)
    assert first.report.code == 0
    assert {f.verdict for f in first.report.findings} == {Verdict.SAME}
    assert first.worst == ()
    assert f"{N} of {N} pictures are the same file on both sides" in first.report.notes
    assert model.seen == N  # folders of equal bytes are one cell
    assert gate_images(candidate, baseline, [model], settings) == first
    assert model.seen == N


def test_blurred_pictures_regress_and_the_largest_damage_comes_first(baseline, tmp_path, settings):
    candidate, model = fill(tmp_path / "new", blurred), Sharpness()
    outcome = gate_images(baseline, candidate, [model], settings)
    assert outcome.report.code == 1
    found = about(outcome, QUALITY, "sharpness")
    assert found.verdict is Verdict.REGRESSED
    # The same by other means.
    score = [
        np.array([model.score([torch.from_numpy(np.array(make(i))).permute(2, 0, 1)]) for i in
                  range(N)]).ravel()
        for make in (picture, blurred)
    ]  # fmt: skip
    change = (score[1] - score[0]) / score[0].std(ddof=1)
    assert found.effect is not None
    assert found.effect.value == pytest.approx(change.mean())
    assert found.effect.before == pytest.approx(score[0].mean())
    expected = stats.bootstrap((change,), np.mean, method="percentile", rng=0).confidence_interval
    assert (found.effect.low, found.effect.high) == pytest.approx(tuple(expected), rel=0.05)
    assert f"better 0, worse {N}, equal 0" in found.why
    assert f"p = {2 * 0.5**N:.2g}" in found.why
    order = [int(Path(d.name).stem) for d in outcome.worst]
    assert order == list(np.argsort(change)[:WORST])
    assert any("among the worst: deep/23.png: sharpness" in note for note in outcome.report.notes)
    # The other way around it is better, and no model is asked again.
    seen = model.seen
    back = gate_images(candidate, baseline, [model], settings)
    assert (back.report.code, about(back, QUALITY, "sharpness").verdict) == (0, Verdict.BETTER)
    assert model.seen == seen


def test_a_small_drop_within_the_margin_passes(baseline, tmp_path, settings):
    candidate = fill(tmp_path / "new", blurred)
    outcome = gate_images(baseline, candidate, [Sharpness()], settings, margin=10)
    assert (outcome.report.code, about(outcome, QUALITY, "sharpness").verdict) == (
        0,
        Verdict.NO_WORSE,
    )


def test_where_it_is_open_the_pictures_that_a_margin_needs_are_told(baseline, tmp_path, settings):
    def other(i: int) -> Image.Image:
        return blurred(i) if i % 4 < 2 else picture(i + 3)

    candidate, model = fill(tmp_path / "new", other), Sharpness()
    open_ = gate_images(baseline, candidate, [model], settings, margin=0.001)
    found = about(open_, QUALITY, "sharpness")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert open_.report.outcome.startswith("passed, 1 open: too little data to tell")
    (n,) = re.findall(r"a margin of 0.001 SD needs about ([\d,]+) pictures", found.why)
    # With as many pictures as that, four of five tests would find a drop of the margin.
    sd = _changes(model, baseline, candidate).std(ddof=1)
    power = stats.norm.cdf(0.001 * np.sqrt(int(n.replace(",", ""))) / sd - stats.norm.ppf(0.975))
    assert power == pytest.approx(0.8, abs=0.01)
    sure = gate_images(baseline, candidate, [model], settings, margin=10)
    assert "needs about" not in about(sure, QUALITY, "sharpness").why


def _changes(model: Sharpness, baseline: Path, candidate: Path) -> np.ndarray:
    names = sorted(path.relative_to(baseline) for path in baseline.rglob("*.png"))
    before, after = (
        np.array([
            float(model.score([torch.from_numpy(np.array(Image.open(side / n))).permute(2, 0, 1)]))
            for n in names
        ])
        for side in (baseline, candidate)
    )  # fmt: skip
    return (after - before) / before.std(ddof=1)


def test_what_cannot_be_compared_is_a_row_with_a_reason(baseline, tmp_path, settings):
    candidate = fill(tmp_path / "new", picture)
    (candidate / "00.png").unlink()
    picture(2, 30).save(candidate / "02.png")
    whole = (candidate / "04.png").read_bytes()
    (candidate / "04.png").write_bytes(whole[: len(whole) // 2])
    (baseline / "06.png").write_bytes(b"no picture")
    picture(99).save(candidate / "99.png")
    outcome = gate_images(baseline, candidate, [Sharpness()], settings)
    reasons = {f.subject[1]: (f.verdict, f.why) for f in outcome.report.findings if f.why}
    gone = Verdict.NOT_COMPARABLE
    assert reasons["00.png"] == (gone, "no candidate has its name")
    assert reasons["02.png"] == (
        gone,
        "sizes differ: baseline 40 × 32, candidate 40 × 30 pixels",
    )
    assert reasons["04.png"][0] is gone
    assert reasons["04.png"][1].startswith("candidate: ")
    assert reasons["06.png"][1].startswith("baseline: ")
    assert reasons["99.png"][0] is Verdict.INCONCLUSIVE
    assert about(outcome, QUALITY, "sharpness").subject == ("sharpness", f"{N - 4} pictures")
    assert outcome.report.code == 2


@pytest.mark.parametrize("broken", ["old", "new", "both", "originals"])
def test_no_picture_of_a_side_that_can_be_read_is_not_comparable(
    baseline, tmp_path, settings, broken
):
    bad = tmp_path / "bad"
    bad.mkdir()
    for i in range(2):
        (bad / f"{2 * i:02}.png").write_bytes(b"no picture")
    old = bad if broken in ("old", "both") else baseline
    new = bad if broken in ("new", "both") else baseline
    models = [Difference(), Sharpness()]
    reference = bad if broken == "originals" else baseline
    outcome = gate_images(old, new, models, settings, reference=reference)
    assert outcome.report.code == 2
    whys = [f.why for f in outcome.report.about(QUALITY) if f.subject[1] == "0 pictures"]
    assert len(whys) == (1 if broken == "originals" else 2)
    assert all(why.startswith("scores of 0 pictures") for why in whys)


def test_a_picture_more_is_a_warning_and_fails_if_strict(baseline, tmp_path, settings):
    candidate = fill(tmp_path / "new", picture)
    picture(99).save(candidate / "99.png")
    for strict, code in ((False, 0), (True, 1)):
        outcome = gate_images(baseline, candidate, [Sharpness()], settings, strict=strict)
        assert outcome.report.code == code


def test_nothing_in_common_is_not_comparable(baseline, tmp_path, settings):
    candidate = tmp_path / "new"
    candidate.mkdir()
    picture(0).save(candidate / "other.png")
    outcome = gate_images(baseline, candidate, [Sharpness()], settings)
    assert outcome.report.code == 2
    assert about(outcome, QUALITY, "sharpness").why.startswith("scores of 0 pictures")


def test_models_that_compare_see_the_reference_others_do_not(baseline, tmp_path, settings):
    # Originals have another suffix; the candidate is nearer to them, and less sharp.
    reference = fill(tmp_path / "originals", blurred, ".bmp")
    candidate = fill(tmp_path / "new", lambda i: Image.blend(picture(i), blurred(i), 0.5))
    models = [Difference(), Sharpness()]
    outcome = gate_images(baseline, candidate, models, settings, reference=reference)
    assert about(outcome, QUALITY, "difference").verdict is Verdict.BETTER
    assert about(outcome, QUALITY, "sharpness").verdict is Verdict.REGRESSED
    assert outcome.report.code == 1
    assert outcome.worst[0].reference == reference / outcome.worst[0].name.replace("png", "bmp")
    assert models[1].seen == 2 * N  # and no reference
    (reference / "00.bmp").unlink()
    outcome = gate_images(baseline, candidate, models, settings, reference=reference)
    rows = [f for f in outcome.report.findings if f.subject == ("difference", "00.png")]
    assert [(f.verdict, f.why) for f in rows] == [
        (Verdict.NOT_COMPARABLE, "baseline: no reference has its name")
    ]


def test_without_loss_on_both_sides_a_picture_is_left_out(baseline, tmp_path, settings):
    reference = fill(tmp_path / "originals", picture)
    for folder, losses in ((baseline, range(1, N)), (tmp_path / "new", range(2, N))):
        if folder != baseline:
            fill(folder, picture)
        for i in losses:
            blurred(i).save(folder / f"{'deep/' * (i % 2)}{i:02}.png")
    outcome = gate_images(baseline, tmp_path / "new", [Psnr()], settings, reference=reference)
    rows = {f.subject[1]: f for f in outcome.report.about(QUALITY)}
    assert rows["00.png"].verdict is Verdict.SAME
    assert rows["00.png"].why == "both scores are inf: left out"
    assert rows["deep/01.png"].why == "candidate: the score is inf"
    assert f"{N - 2} pictures" in rows


def test_a_model_with_one_score_for_all_says_nothing(baseline, tmp_path, settings):
    candidate = fill(tmp_path / "new", blurred)
    outcome = gate_images(baseline, candidate, [Flat("flat")], settings)
    found = about(outcome, QUALITY, "flat")
    assert found.verdict is Verdict.NOT_COMPARABLE
    assert "no SD to measure in" in found.why


def test_holm_is_over_the_models(baseline, tmp_path, settings):
    candidate = fill(tmp_path / "new", blurred)
    models = [Sharpness(f"m{i}") for i in range(3)]
    outcome = gate_images(baseline, candidate, models, settings)
    found = [about(outcome, QUALITY, f"m{i}") for i in range(3)]
    assert [f.p_holm for f in found] == [min(1, 3 * f.effect.p) for f in found if f.effect]


def test_noise_of_the_machine_is_no_difference():
    before = np.arange(30.0)
    found = differences([str(i) for i in range(30)], before, before + 1e-7, tolerance=1e-6)
    assert found.signs == (0, 0, 30)
    assert found.sign_test == 1
    result = effect(found, 1)
    assert (result.value, result.low, result.high) == (0, 0, 0)


def test_few_pictures_have_a_t_interval_in_sds_beyond_two():
    before = np.arange(8.0)
    after = before - 10 + np.array([0.1, -0.2, 0.3, 0, 0.1, -0.1, 0.2, 0])
    found = differences(list("abcdefgh"), before, after, tolerance=0)
    result = effect(found, 1)
    expected = stats.ttest_rel(after, before)
    low, high = expected.confidence_interval()
    sd = before.std(ddof=1)
    assert (result.low, result.high) == pytest.approx((low / sd, high / sd))
    assert result.p == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(
    ("names", "others", "found", "lacking"),
    [
        (["a.png"], ["a.jpg", "a.png"], {"a.png": "a.png"}, set()),
        (["d/a.png"], ["d/a.jpg"], {"d/a.png": "d/a.jpg"}, set()),
        (["a.png"], ["d/a.png"], {}, {"a.png"}),
        (["a.png"], ["a.jpg", "a.webp"], {}, {"a.png"}),
        (["a.jpg", "a.png"], ["a.webp"], {}, {"a.jpg", "a.png"}),
        (["a.jpg", "a.png"], ["a.png"], {"a.png": "a.png"}, {"a.jpg"}),
        (["a.b.png"], ["a.png"], {}, {"a.b.png"}),
    ],
)
def test_partners_by_name(names, others, found, lacking):
    one, other = (Folder(Path(), tuple(each)) for each in (names, others))
    result = partners(one, other, what="candidate")
    assert (result.of, set(result.lacking)) == (found, lacking)


def test_versions_of_one_original_share_it():
    one, other = Folder(Path(), ("a.jpg", "a.webp")), Folder(Path(), ("a.png",))
    result = partners(one, other, what="reference", shared=True)
    assert result.of == {"a.jpg": "a.png", "a.webp": "a.png"}


def test_the_page_holds_all_it_shows_and_text_stays_text(baseline, tmp_path, settings):
    candidate = fill(tmp_path / "new", blurred)
    for folder, make in ((baseline, picture), (candidate, blurred)):
        make(60).save(folder / HOSTILE)
    models = [Quality("<script>alert(2)</script>"), Difference()]
    outcome = gate_images(baseline, candidate, models, settings, reference=baseline)
    page = render(outcome, models, DEFAULT_POLICY)
    assert "<script" not in page
    assert "<img" not in page
    assert HOSTILE in outcome.worst[0].name
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert page.count('<h2 id="picture-') == WORST
    assert page.count("<strong>difference: any</strong>") == WORST
    assert page.count("alert(2)&lt;/script&gt;: quality</strong>") == WORST
    assert page.count(": Reference&#34;") + page.count(': Reference"') == WORST
    assert "://" not in page


def test_a_map_that_fails_is_a_note_of_its_picture(baseline, tmp_path, settings):
    class Broken(Sharpness):
        def quality_map(self, images: Any) -> Any:
            raise RuntimeError("no <map> today")

    candidate, model = fill(tmp_path / "new", blurred), Broken()
    outcome = gate_images(baseline, candidate, [model], settings)
    page = render(outcome, [model], DEFAULT_POLICY)
    assert page.count("sharpness: RuntimeError: no &lt;map&gt; today") == WORST


class Maps(Difference):
    """No scores."""

    score_pair = None


MODELS = {
    "sharpness": Sharpness,
    "difference": Difference,
    "maps": Maps,
    "flat": lambda: Flat("flat"),
}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch, capsys, tmp_path) -> Run:
    def load(name: str, **options: Any) -> Any:
        if name == "absent":
            raise Unavailable("its weights are absent", "iqa-eval weights get absent")
        return MODELS[name]()

    monkeypatch.setattr(registry, "load_model", load)
    entries = registry.entries
    point = type("Point", (), {"load": lambda _: gate_images_command.gate_images})()
    ours = {"gate-images": point}
    monkeypatch.setattr(
        cli, "entries", lambda g: {**entries(g), **(ours if g == "commands" else {})}
    )

    def call(*words: object) -> tuple[int, str, str]:
        fixed = ("--cache", tmp_path / "cache", "--workers", 1)
        monkeypatch.setattr("sys.argv", ["iqa-eval", "gate-images", *map(str, (*words, *fixed))])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        said = capsys.readouterr()
        return int(stopped.value.code or 0), said.out, said.err

    return call


def test_the_command_writes_what_is_asked_for_and_its_code_says_the_outcome(
    run: Run, baseline, tmp_path
):
    candidate = fill(tmp_path / "new", blurred)
    files = [tmp_path / "out" / name for name in ("page.html", "summary.md", "junit.xml")]
    page, summary, junit = files
    code, said, _ = run(
        *("--baseline", baseline, "--candidate", candidate, "--models", "sharpness,absent"),
        *("--html", page, "--summary", summary, "--junit", junit, "--maps", "maps"),
    )
    assert code == 1
    assert said.endswith("gate: failed\n")
    assert f"The page: {page}" in said
    assert page.read_text("utf-8").count("<strong>difference: any</strong>") == WORST
    text = summary.read_text("utf-8")
    assert text.startswith("# ❌ iqa-eval gate-images: failed\n")
    assert "its weights are absent; to get it: iqa-eval weights get absent" in text
    root = ElementTree.parse(junit).getroot()
    assert (root.get("failures"), root.get("errors")) == ("1", "1")
    assert root.get("tests") == str(N + 2)
    code, said, _ = run("--baseline", baseline, "--candidate", baseline, "--models", "sharpness")
    assert (code, said.splitlines()[-1]) == (0, "gate: passed")
    code, _, _ = run("--baseline", baseline, "--candidate", baseline, "--models", "absent")
    assert code == 2


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--models", "difference"], "difference: compares a picture with its reference: give"),
        (["--models", "maps"], "difference: gives maps and no scores: name it as"),
        (["--models", "sharpness", "--maps", "maps"], "--maps are shown on the page: name its"),
        (["--models", "sharpness", "--maps", "flat", "--html", "p"], "flat: it makes no maps"),
        (["--models", ","], "--models: name at least one model"),
        (["--models", "sharpness", "--reference", "nowhere"], "nowhere: no such folder of images"),
        (["--models", "sharpness", "--html", "."], "--html .: a folder; name a file"),
        (["--models", "sharpness", "--junit", "."], "--junit .: a folder; name a file"),
        (["--models", "sharpness", "--margin", "inf"], "--margin inf: give a finite number"),
    ],
)
def test_what_cannot_be_asked_is_one_line(run: Run, baseline, words, error):
    code, said, errors = run("--baseline", baseline, "--candidate", baseline, *words)
    assert (code, said) == (2, "")
    assert error in errors
    assert errors.count("\n") == 1
