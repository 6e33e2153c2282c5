"""The contact sheet."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from harness.images import Failure
from harness.sample import Damage, Dataset, Sample
from probes.achieved import Achieved
from probes.contents import embedded
from probes.demo import demo_probes
from probes.gallery import CAPTION, _did, _kind, _spread, contact_sheet
from probes.masks import MaskRecipe
from probes.render import Recipe, mask_json


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IQA_EVAL_CACHE", str(tmp_path / "cache"))


class Unreachable:
    def fingerprint(self) -> str:
        return "unreachable"

    def load(self, policy: object) -> Failure:
        return Failure("equal energy: severity 5 is not enough at 1/64")

    def alpha(self) -> None:
        return None


def test_the_contact_sheet_is_a_picture_with_a_caption_and_the_same_every_time(
    tmp_path: Path,
) -> None:
    dataset = demo_probes()
    for name in ("a", "b"):
        contact_sheet(dataset, tmp_path / name / "contact_sheet.png", rows=2)
    first = tmp_path / "a" / "contact_sheet.png"
    assert first.read_bytes() == (tmp_path / "b" / "contact_sheet.png").read_bytes()
    assert (tmp_path / "a" / "contact_sheet.txt").read_text().strip() == CAPTION
    with Image.open(first) as sheet:
        assert sheet.width > 1000
        assert len(sheet.convert("RGB").getcolors(1 << 24)) > 1000  # photographs, not blank cells


def test_rows_differ_in_content_and_type_and_hold_a_whole_ladder() -> None:
    ladders = _spread(demo_probes(), 8)
    assert len({ladder[0].content for ladder in ladders}) == 8
    assert len({ladder[0].distortion for ladder in ladders}) == 8
    for ladder in ladders:
        assert [s.damages[0].area_asked for s in ladder] == [1 / 64, 1 / 16, 1 / 4, 1]
        assert len({(s.content, s.distortion, s.damages[0].severity) for s in ladder}) == 1


def kinds() -> Dataset:
    """A ladder of each kind, of two areas."""
    content, samples = embedded()[0], []
    for kind in ("plain", "equal-energy", "band", "two-draws", "several"):
        for area in (1 / 64, 1 / 4):
            part = "band" if kind == "band" else "inside"
            mask = mask_json(MaskRecipe("ellipse", area, part=part, seed=3))
            damages = (Damage("jitter", 4, mask=mask, area_asked=area),)
            if kind == "two-draws":
                damages = (Damage("jitter", 4), replace(damages[0], order=1))
            if kind == "several":
                other = mask_json(MaskRecipe("rectangle", area, seed=9))
                damages += (Damage("darken", 4, mask=other, area_asked=area, order=1),)
            control = kind if kind in ("band", "two-draws") else None
            fact = ("control", kind) if control else ("ladder", kind)
            recipe = Recipe(content, damages, "two-draws" if kind == "two-draws" else None)
            lost = kind == "equal-energy" and area < 0.1
            if lost:
                damages = (replace(damages[0], severity=None),)
            samples.append(
                Sample(
                    f"a/{kind}/{area}",
                    Unreachable() if lost else recipe,
                    content.id,
                    damages=damages,
                    facts=(fact,),
                )
            )
    return Dataset("kinds", tuple(samples))


def test_every_kind_of_ladder_has_its_row_and_what_cannot_be_reached_its_reason(
    tmp_path: Path,
) -> None:
    ladders = _spread(kinds(), 9)
    assert sorted(_kind(ladder[0]) for ladder in ladders) == [
        *("band control", "equal-energy ladder", "plain ladder", "several damages"),
        "two-draws control",
    ]
    assert {len(ladder) for ladder in ladders} == {2}
    contact_sheet(kinds(), tmp_path / "sheet.png", rows=5)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.height > 1000


def test_a_cell_says_what_its_damage_did() -> None:
    assert _did(Achieved(31.26, 0.9, 2.0, 4.0)) == "\nlocal PSNR 31.3 dB"
    assert _did(Achieved(100.0, 1.0, 0.0, 0.0)) == "\nalters no pixel here"
    assert _did(None) == ""


def test_a_dataset_without_ladders_is_refused(tmp_path: Path) -> None:
    sample = replace(demo_probes().samples[0], reference=None)
    with pytest.raises(ValueError, match="nothing to show"):
        contact_sheet(Dataset("one", (sample,)), tmp_path / "sheet.png")
