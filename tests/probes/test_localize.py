"""``localization`` on maps whose answer is known, and through the whole harness."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import harness
from harness.images import Decoded, DecodePolicy
from harness.model import ModelCard, operations
from harness.protocols.base import Inputs, Measure, Need, Skip
from harness.reducers import REDUCERS
from harness.registry import UnknownName, load_protocol
from harness.sample import Damage, Dataset, Pair, Sample
from harness.store import Output
from probes.change import Change
from probes.localize import APPEARANCE, CHANGE, LOCALIZATION
from probes.measures.localization import iou_elsewhere, localization
from tests.conftest import card

QUALITY = Need("quality_map", reducer=APPEARANCE.name)
DISTORTION = Need("distortion_map", reducer=CHANGE.name)
MAPS = frozenset({"quality_map", "distortion_map"})
HEIGHT, WIDTH = 48, 64
METRICS = ("auroc", "ap", "iou_oracle", "iou", "pointing")
Map = Callable[[Sample, np.ndarray], np.ndarray]


class Patch:
    """A gray image with a darker rectangle of ``area`` at a place that the seed draws."""

    def __init__(self, area: float, seed: int = 0, scene: int | None = None) -> None:
        self.scene = scene  # draws tiles of 8 px, each of its own gray
        side = int(HEIGHT * area**0.5), int(WIDTH * area**0.5)
        rng = np.random.default_rng(seed)
        top, left = (int(rng.integers(0, n - s + 1)) for n, s in zip((48, 64), side, strict=True))
        self.mask = np.zeros((HEIGHT, WIDTH), np.float32)
        self.mask[top : top + side[0], left : left + side[1]] = 1

    def fingerprint(self) -> str:
        return f"{self.scene} {np.flatnonzero(self.mask).tolist()}"

    def load(self, policy: DecodePolicy) -> Decoded:
        base = np.full((HEIGHT // 8, WIDTH // 8), 200.0)
        if self.scene is not None:
            base = np.random.default_rng(self.scene).uniform(101, 255, base.shape)
        gray = torch.from_numpy(base.repeat(8, 0).repeat(8, 1) - 100 * self.mask).to(torch.uint8)
        return Decoded(gray.expand(3, -1, -1).clone())

    def alpha(self) -> np.ndarray:
        return self.mask


AREAS = (1 / 64, 1 / 16, 1 / 4)
FACTS = (("role", "probe"), ("ladder", "plain"), ("visible", "yes"))


def probe_set(n_contents: int = 6, flat: bool = True) -> Dataset:
    """Two types × three areas, shapes in turn, each paired with the pristine image."""
    samples, references = [], []
    for c in range(n_contents):
        scene = None if flat else c
        pristine = Sample(f"{c:02}", Patch(0, scene=scene), f"scene{c:02}")
        references.append(pristine)
        for i, kind in enumerate(("blur", "jpeg")):
            for k, area in enumerate(AREAS):
                shape = ("ellipse", "strip", "any")[(c + k) % 3]
                facts = (*FACTS, ("shape", shape))
                damage = Damage(kind, 2.0 + i, area_asked=area, area_met=area)
                name, source = f"{c:02}-{kind}-{k}", Patch(area, 10 * c + i, scene)
                samples.append(
                    Sample(
                        name, source, pristine.content, damages=(damage,), reference=pristine.id,
                        facts=facts,
                    )
                )  # fmt: skip
    pairs = tuple(Pair(f"pair {s.id}", s.id, str(s.reference), s.content) for s in samples)
    return Dataset("probes", tuple(samples), tuple(references), explicit_pairs=pairs)


def seen(dataset: Dataset, damage: Map, failures: Mapping[str, str] | None = None) -> Output:
    """What the reducer keeps of quality maps that are the negative of ``damage``."""
    failures = failures or {}
    images = [image for image in dataset.images if image.id not in failures]
    rows = [
        APPEARANCE.reduce(-damage(i, np.asarray(i.source.alpha()))[None], i.source.alpha())[0]
        for i in images
    ]
    return Output(tuple(i.id for i in images), np.stack(rows), failures)


def evaluate(dataset: Dataset, outputs: Mapping[Need, Output]) -> dict[tuple[str, str], Measure]:
    measures = LOCALIZATION.evaluate(Inputs(ModelCard("m", "1", "NR"), dataset, outputs, {}, 0))
    found = {(m.metric, m.subset): m for m in measures}
    assert len(found) == len(measures)
    return found


def true_mask(sample: Sample, mask: np.ndarray) -> np.ndarray:
    return mask


def random_map(sample: Sample, mask: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(sum(sample.id.encode()))
    return (mask + 3 * rng.random(mask.shape)).astype(np.float32)


def test_the_true_mask_is_perfect_its_negative_the_worst_and_a_constant_at_chance() -> None:
    dataset = probe_set()
    rows = evaluate(dataset, {QUALITY: seen(dataset, true_mask)})
    assert {rows[name, "all"].value for name in METRICS} == {1.0}
    assert rows["auroc", "type=jpeg area=1/64"].value == 1
    worst = evaluate(dataset, {QUALITY: seen(dataset, lambda s, mask: -mask)})
    assert worst["auroc", "all"].value == 0
    flat = evaluate(dataset, {QUALITY: seen(dataset, lambda s, mask: 0 * mask)})
    for area, text in zip(AREAS, ("1/64", "1/16", "1/4"), strict=True):
        where = f"area={text}"
        assert flat["auroc", where].value == 0.5
        assert flat["mask_share", where].value == pytest.approx(area)
        for name in ("ap", "iou_oracle", "iou"):
            assert flat[name, where].value == pytest.approx(area)
        assert flat["pointing", where].value == flat["pointing_chance", where].value
        assert flat["pointing_chance", where].value > area


def test_rows_are_means_over_contents_of_what_each_map_says() -> None:
    dataset = probe_set()
    output = seen(dataset, random_map, {"03-jpeg-1": "too large"})
    rows = evaluate(dataset, {QUALITY: output})
    done = [s for s in dataset.samples if s.id in output.ids]
    maps = {s.id: localization(random_map(s, m := s.source.alpha()), m) for s in done}
    contents = np.array([s.content for s in done])
    found = list(maps.values())
    ious = iou_elsewhere(
        np.stack([f.thresholds for f in found]), np.stack([f.ious for f in found]), contents
    )
    values = {"iou": ious} | {
        name: np.array([getattr(f, name) for f in found]) for name in METRICS if name != "iou"
    }
    subsets = {
        "all": lambda s: True,
        "area=1/16": lambda s: s.damages[0].area_asked == 1 / 16,
        "severity=3": lambda s: s.damages[0].type == "jpeg",
        "shape=strip": lambda s: s.fact("shape") == "strip",
    }
    for subset, belongs in subsets.items():
        here = np.array([belongs(s) for s in done])
        for name in METRICS:
            row, value = rows[name, subset], values[name]
            means = [value[here & (contents == c)].mean() for c in np.unique(contents[here])]
            assert row.value == pytest.approx(np.mean(means))
            if np.ptp(means) > 0:
                assert 0 <= row.ci_low < row.value < row.ci_high <= 1
            assert row.scores == pytest.approx(dict(zip(maps, value, strict=True)))
            assert row.n_scored == here.sum()
            assert row.n_expected - row.n_failed == row.n_scored
            assert row.marks == ("few contents (6)",)
    row = rows["auroc", "type=jpeg area=1/16"]
    assert (row.n_expected, row.n_failed) == (6, 1)
    assert row.reason == "1 failed: first 03-jpeg-1: too large"
    assert ("ap", "type=jpeg area=1/16") not in rows
    assert not any("placement=" in subset or "=any" in subset for _, subset in rows)


def test_change_is_more_damage_in_any_channel_and_less_comes_last() -> None:
    mask = Patch(1 / 16).mask
    maps = np.full((2, HEIGHT, WIDTH), 0.5, np.float32)
    even = np.arange(WIDTH) % 2 == 0
    maps[0] += 0.2 * mask * even
    maps[1] += 0.3 * mask * ~even
    row = dict(zip(CHANGE.statistics, CHANGE.reduce(maps, mask)[0], strict=True))
    assert (row["auroc"], row["ap"], row["iou_oracle"], row["pointing"]) == (1, 1, 1, 1)
    assert CHANGE.reduce(maps, mask).shape == (1, len(CHANGE.statistics))
    row = dict(zip(CHANGE.statistics, CHANGE.reduce(1 - maps[:1] * mask, mask)[0], strict=True))
    assert row["auroc"] == 0


def test_both_readings_stand_side_by_side_and_pairs_find_their_probe() -> None:
    dataset = probe_set()
    change = seen(dataset, true_mask)
    pairs = {p.test: p.id for p in dataset.pairs}
    kept = [name for name in change.ids if name in pairs]
    change = Output(tuple(pairs[name] for name in kept), change.at(kept), {})
    appearance = seen(dataset, random_map)
    rows = evaluate(dataset, {QUALITY: appearance, DISTORTION: change})
    assert rows["change_auroc", "all"].value == 1
    assert rows["change_auroc", "all"].n_scored == len(dataset.samples)
    assert rows["auroc", "all"].value < 1
    # The chances belong to the masks: they stand there once, also of a model of one reading.
    assert [subset for metric, subset in rows if metric == "mask_share"].count("all") == 1
    alone = evaluate(dataset, {DISTORTION: change})
    assert alone["mask_share", "all"].value == rows["mask_share", "all"].value
    assert ("auroc", "all") not in alone
    assert alone["change_iou", "all"].value == 1


def test_only_plain_visible_probes_of_a_part_count_and_several_damages_apart() -> None:
    dataset = probe_set(3)
    first = dataset.samples[0]

    def like(name: str, **changes: object) -> Sample:
        return replace(first, id=name, **changes)  # type: ignore[arg-type]

    def facts(**changed: str) -> tuple[tuple[str, str], ...]:
        return tuple({**dict(first.facts), **changed}.items())  # type: ignore[arg-type]

    two = (first.damages[0], replace(first.damages[0], type="jpeg", order=1))
    more = (
        like("whole", damages=(replace(first.damages[0], area_asked=1.0),)),
        like("control", facts=facts(role="control")),
        like("harmless", facts=facts(role="harmless")),
        like("energy", facts=facts(ladder="equal-energy")),
        like("unseen", facts=facts(visible="no")),
        like("none", damages=()),
        like("two", damages=two),
    )
    larger = replace(dataset, samples=dataset.samples + more)
    rows = evaluate(larger, {QUALITY: seen(larger, true_mask)})
    assert rows["auroc", "all"].n_expected == len(dataset.samples)
    assert rows["auroc", "damages=2"].n_expected == 1
    assert sorted(rows["auroc", "all"].scores) == sorted([*(s.id for s in dataset.samples), "two"])
    only = replace(dataset, samples=more, explicit_pairs=())
    rows = evaluate(only, {QUALITY: seen(only, true_mask)})
    row = rows["auroc", "all"]
    assert (row.value, row.reason) == (None, "no probe has a single damage")


@pytest.mark.parametrize("level", [0, 1])
def test_a_mask_with_one_side_is_no_number_but_a_reason(level: int) -> None:
    dataset = probe_set(3)
    for sample in dataset.samples[:2]:
        sample.source.mask[:] = level  # type: ignore[attr-defined]
    rows = evaluate(dataset, {QUALITY: seen(dataset, true_mask)})
    row = rows["auroc", "all"]
    assert (row.value, row.n_failed) == (1, 2)
    assert "the mask is empty or the whole image" in str(row.reason)
    row = rows["auroc", "area=1/64"]
    assert row.n_failed == 1
    for sample in dataset.samples:
        sample.source.mask[:] = level  # type: ignore[attr-defined]
    for row in evaluate(dataset, {QUALITY: seen(dataset, true_mask)}).values():
        assert row.value is None
        assert "the mask is empty or the whole image" in str(row.reason)


def test_of_one_content_there_is_no_threshold_of_others() -> None:
    dataset = probe_set(1)
    rows = evaluate(dataset, {QUALITY: seen(dataset, random_map)})
    row = rows["iou", "all"]
    assert (row.value, row.scores) == (None, None)
    assert "chosen on other contents" in str(row.reason)
    assert rows["iou_oracle", "all"].value is not None


def test_what_it_needs_and_why_it_may_not_apply() -> None:
    dataset = probe_set(2)
    assert LOCALIZATION.needs(MAPS, dataset, 0) == (QUALITY, DISTORTION)
    assert LOCALIZATION.needs(frozenset({"score", "quality_map"}), dataset, 0) == (QUALITY,)
    alone = replace(dataset, explicit_pairs=())
    assert LOCALIZATION.needs(MAPS, alone, 0) == (QUALITY,)
    for offered, on, words in (
        ({"score"}, dataset, "sliding:NAME makes one"),
        ({"score_pair"}, dataset, "sliding:NAME makes one"),
        ({"features"}, dataset, "gives no map"),
        ({"distortion_map"}, alone, "has no references"),
        (MAPS, replace(alone, samples=()), "needs a probe set"),
    ):
        found = LOCALIZATION.needs(frozenset(offered), on, 0)
        assert isinstance(found, Skip)
        assert words in found.reason


class Dark:
    """Where it is darker than 150 it looks bad: on these probes, the true mask."""

    def __init__(self) -> None:
        self.card = card("dark", map_channels=("drop",))

    def quality_map(self, images: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return [(image[0] >= 150).float() for image in images]

    def distortion_map(
        self, images: Sequence[torch.Tensor], references: Sequence[torch.Tensor]
    ) -> list[torch.Tensor]:
        return [
            0.5 + (r.float() - i.float()).clamp(0, 255)[:1] / 512
            for i, r in zip(images, references, strict=True)
        ]


class Luminance:
    def __init__(self) -> None:
        self.card = card("luminance")

    def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.stack([image.double().mean() for image in images])


class Mapped:
    """A quality map of each image, made by ``quality(pixels [H, W])``."""

    def __init__(self, name: str, quality: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.card, self.quality = card(name), quality

    def quality_map(self, images: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return [self.quality(image[0].float()) for image in images]


def noise(pixels: torch.Tensor) -> torch.Tensor:
    """Drawn by the very pixels: as if at random, and the same every time."""
    seed = int((pixels.double() * torch.arange(pixels.numel()).reshape(pixels.shape)).sum())
    return torch.rand(12, 16, generator=torch.Generator().manual_seed(seed))


def test_quality_maps_beside_those_of_the_pristine_images(tmp_path: Path) -> None:
    """Darkening in scenes with dark parts of their own."""
    models = [
        Mapped("luma", lambda pixels: pixels),
        Mapped("contrary", lambda pixels: -pixels),
        Mapped("random", noise),
        Mapped("constant", torch.ones_like),
    ]
    changes = [
        Change(m, replace(m.card, name=f"change:{m.card.name}", map_channels=("drop",)))
        for m in models
    ]
    frame = harness.run(
        changes, [probe_set(24, flat=False)], ["localization"],
        cache=tmp_path, workers=1, progress=False,
    )  # fmt: skip
    rows = frame[frame.subset == "all"].set_index(["model", "metric"])
    luma = rows.value["change:luma"]
    assert {luma[f"change_{name}"] for name in METRICS} == {1.0}
    assert luma["auroc"] < 0.95  # a dark tile is as dark as some that were darkened
    assert luma["ap"] < 0.9
    contrary = rows.value["change:contrary"]  # sees where, and takes it for the better
    assert contrary["change_auroc"] == 0
    assert contrary["auroc"] == pytest.approx(1 - luma["auroc"])
    random = rows.loc["change:random"]
    for name in ("auroc", "change_auroc"):
        assert random.ci_low[name] < 0.5 < random.ci_high[name]
        assert random.ci_high[name] - random.ci_low[name] < 0.15
    constant = rows.value["change:constant"]
    for prefix in ("", "change_"):
        assert constant[f"{prefix}auroc"] == 0.5
        assert constant[f"{prefix}pointing"] == pytest.approx(constant["pointing_chance"])
        assert constant[f"{prefix}ap"] == pytest.approx(constant["mask_share"])


def test_from_images_to_rows(tmp_path: Path) -> None:
    """Through the store, with the reducers found by their entry points."""
    sliding = harness.load_model("sliding:control:luminance", window=8, stride=4)
    assert operations(sliding) == {"quality_map", "distortion_map"}
    frame = harness.run(
        [Dark(), sliding, Luminance()], [probe_set()], ["localization"],
        cache=tmp_path, workers=1, progress=False,
    )  # fmt: skip
    rows = frame[frame.subset == "all"].set_index(["model", "metric"])
    for name in METRICS:
        assert rows.value["dark", name] == rows.value["dark", f"change_{name}"] == 1
    coarse = rows.value["sliding:control:luminance"]
    assert 0.9 < coarse["auroc"] < 1  # its cells cross the edges of masks
    assert coarse["auroc"] == pytest.approx(coarse["change_auroc"])  # the pristine one is flat
    assert coarse["pointing"] == 1
    assert coarse["iou"] > 4 * coarse["mask_share"] / 3
    assert "sliding:NAME makes one" in rows.reason["luminance", "auroc"]


def test_reducers_of_a_package_are_found_by_name_and_version() -> None:
    assert REDUCERS["localize@1"] is APPEARANCE
    assert REDUCERS["localize-change@2"] is CHANGE
    assert load_protocol("localization") is LOCALIZATION
    REDUCERS.pop("localize@1")
    assert REDUCERS["localize@1"] is APPEARANCE
    with pytest.raises(ValueError, match="no reducer 'localize@9' here, but 'localize@1'"):
        REDUCERS["localize@9"]
    with pytest.raises(UnknownName, match="unknown reducer 'locolize'; did you mean localize"):
        REDUCERS["locolize@1"]
