"""Rows of ``sensitivity`` on sets that are made for one question each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from harness.model import UNKNOWN, ModelCard, TrainedOn
from harness.protocols.base import Inputs, Measure, Need
from harness.sample import Damage, Dataset, Pair, Sample
from harness.source import FileSource
from harness.store import Output
from probes.coverage_probes import coverage_probes
from probes.masks import MaskRecipe
from probes.render import mask_json
from probes.sensitivity import sensitivity

NOWHERE = FileSource(None)  # type: ignore[arg-type]
SCORE, PAIR = Need("score"), Need("score_pair")
AREAS = (1 / 64, 1 / 16, 1 / 4, 1.0)
TEXT = dict(zip(AREAS, ("1/64", "1/16", "1/4", "1"), strict=True))
Rows = dict[tuple[str, str], Measure]


def probe(
    content: str, area: float, form: str = "rectangle", type: str = "jpeg", severity: float = 3,
    part: str = "inside", name: str = "", **facts: Any,
) -> Sample:  # fmt: skip
    recipe = MaskRecipe(form, area, seed=1, part=part)  # type: ignore[arg-type]
    mask = None if area == 1 else mask_json(recipe)
    damage = Damage(type, severity, mask, area, area)
    label = f"{content}/{type}/{severity}/{form}/{part}/{name}/{area:g}"
    told = tuple({"role": "probe", **facts}.items())
    return Sample(label, NOWHERE, content, damages=(damage,), reference=content, facts=told)


def harmless(content: str) -> list[Sample]:
    damages = [Damage("dither", None, seed=k) for k in range(4)]
    facts = (("role", "harmless"), ("harmless", "dither"))
    return [
        Sample(
            f"{content}/h{d.seed}", NOWHERE, content, damages=(d,), reference=content, facts=facts
        )
        for d in damages
    ]


def set_of(
    ladder: Callable[[str], Iterable[Sample]], n_contents: int = 8, null: bool = True
) -> Dataset:
    contents = [f"c{c:02}" for c in range(n_contents)]
    samples = [s for c in contents for s in (*(harmless(c) if null else ()), *ladder(c))]
    references = tuple(Sample(c, NOWHERE, c) for c in contents)
    pairs = [Pair(s.id, s.id, s.content, s.content) for s in samples]
    pairs += [Pair(c, c, c, c) for c in contents]
    return Dataset("d", tuple(samples), references, explicit_pairs=tuple(pairs))


def evaluate(
    dataset: Dataset,
    drop: Callable[[Sample], float],
    card: ModelCard | None = None,
    need: Need = SCORE,
    level: Callable[[str], float] = lambda content: float(content[1:]) % 3,
    lost: Sequence[str] = (),
) -> Rows:
    """A harmless change moves the score by at most 0.01; other damage by ``drop``."""
    score = {r.id: level(r.id) for r in dataset.references}
    for i, sample in enumerate(dataset.samples):
        null = sample.fact("role") == "harmless"
        score[sample.id] = score[sample.content] - (0.01 * (i % 7) / 7 if null else drop(sample))
    ids = tuple(name for name in score if name not in lost)
    output = Output(ids, np.array([score[name] for name in ids]), dict.fromkeys(lost, "lost"))
    card = card or ModelCard("m", "1", "NR")
    rows = sensitivity().evaluate(Inputs(card, dataset, {need: output}, {}, 0))
    found = {(row.metric, row.subset): row for row in rows}
    assert len(found) == len(rows)
    return found


def by_area(sample: Sample) -> float:
    return sample.damages[0].area_asked


def test_what_nobody_sees_enters_the_response_and_not_detection() -> None:
    """Half of the masks of 1/64 lie where the damage changes nothing."""

    def ladder(content: str) -> Iterable[Sample]:
        for area in AREAS:
            flat = area == 1 / 64
            yield probe(content, area, name="textured", visible="yes", changed="yes")
            if area < 1:
                told = {"visible": "no", "changed": "no"} if flat else {"visible": "yes"}
                yield probe(content, area, "ellipse", name="flat", **told)

    dataset = set_of(ladder)
    rows = evaluate(dataset, lambda s: by_area(s) * (s.fact("visible") != "no"))
    assert rows["response_ratio", "area=1/64"].value == pytest.approx(1 / 128)
    assert rows["response_ratio", "area=1/16"].value == pytest.approx(1 / 16)
    assert rows["response", "area=1/64"].n_scored == 16
    assert rows["detected", "area=1/64"].n_expected == 8
    assert rows["detected", "area=1/64"].value == 1
    assert rows["paired_accuracy", "area=1/64"].n_expected == 8
    assert rows["lsi", "all"].n_scored == len(dataset.samples) - 4 * 8
    assert not any(metric.startswith("invisible") for metric, _ in rows)  # identities control none


def test_negative_controls_move_their_limits() -> None:
    def ladder(content: str) -> Iterable[Sample]:
        yield from (probe(content, area, visible="yes", changed="yes") for area in AREAS)
        yield probe(content, 1 / 4, severity=1, visible="no", changed="yes")
        yield probe(content, 1 / 16, severity=1, visible="no", changed="no")

    rows = evaluate(set_of(ladder), lambda s: 0.0 if s.damages[0].severity == 1 else 5.0)
    assert (rows["invisible_detected", "all"].value, rows["invisible_response", "all"].value) == (
        0,
        0,
    )
    assert rows["invisible_detected", "all"].n_expected == 8

    def some(sample: Sample) -> float:
        return 1.0 if sample.damages[0].severity != 1 else 0.02 * (sample.content < "c04")

    row = evaluate(set_of(ladder), some)["invisible_detected", "all"]
    assert row.value == 0.5
    assert "limits found anew" in str(row.ci_method)


@pytest.mark.parametrize("reached", [8, 3, 0])
def test_calibrated_ladders_are_the_same_at_all_areas(reached: int) -> None:
    """Ladders with gaps go unnoticed: if they counted, detection would seem to fall."""

    def whole(content: str) -> bool:
        return content < f"c{reached:02}"

    def ladder(content: str) -> Iterable[Sample]:
        yield from (probe(content, area) for area in AREAS)
        for area in AREAS:
            yield probe(
                content, area, name="energy", ladder="equal-energy",
                complete="yes" if whole(content) else "no",
            )  # fmt: skip

    def drop(sample: Sample) -> float:
        if sample.fact("ladder") is None:
            return 5 * by_area(sample)
        return 2.0 if whole(sample.content) else 0.0

    dataset = set_of(ladder)
    gaps = [
        s.id for s in dataset.samples
        if s.fact("complete") == "no" and s.damages[0].area_asked < 1 / 4
    ]  # fmt: skip
    rows = evaluate(dataset, drop, lost=gaps)
    for metric, areas in (("detected", AREAS), ("response_ratio", AREAS[:-1])):
        for area in areas:
            row = rows[metric, f"ladder=equal-energy area={TEXT[area]}"]
            counts = row.n_expected, row.n_scored, row.n_failed
            if reached:
                assert row.value == pytest.approx(1)
                assert counts == (reached, reached, 0)
                told = f"{reached} of 8 ladders: those that reach every area"
                assert (told in str(row.reason)) == (reached < 8)
                assert row.marks == (f"few contents ({reached})",)
            else:
                assert (row.value, counts) == (None, (0, 0, 0))
                assert row.reason == "none of 8 ladders can reach every area"


def shapes(content: str) -> Iterable[Sample]:
    """Shapes and placements are balanced up to 1/16, as their facts say."""
    for type in ("jpeg", "white-noise"):
        for shape in ("rectangle", "strip"):
            for area in AREAS[:-1]:
                placed = area <= 1 / 16
                yield probe(
                    content, area, shape, type, shape=shape if placed else "any",
                    placement="center" if placed else "any",
                )  # fmt: skip
        yield probe(content, 1.0, "rectangle", type)


TRAINED = ModelCard(
    "m", "1", "NR", trained_on=(TrainedOn("photos"),),
    trained_degradations=("jpeg",), trained_masks=("rectangle", "cell"),
)  # fmt: skip


def strip(sample: Sample) -> bool:
    return '"strip"' in str(sample.damages[0].mask)


def test_masks_seen_in_training_are_set_apart() -> None:
    """Blind to the extent in the shapes of its training, proportional to the area elsewhere."""
    dataset = set_of(shapes)
    rows = evaluate(dataset, lambda s: by_area(s) if strip(s) else 1.0, TRAINED)
    assert rows["lsi", "mask_seen=yes"].value == pytest.approx(1)
    assert rows["lsi", "mask_seen=no"].value == pytest.approx(0.2734, abs=1e-4)
    assert rows["lsi", "mask_seen=no"].n_scored == 8 * 2 * 4
    for told in ("yes", "no"):
        row = rows["detected", f"mask_seen={told} area=1/4"]  # where shapes are not balanced, too
        assert (row.value, row.n_expected) == (1, 16)
    assert ("detected", "mask_seen=no area=1") not in rows
    for card in (None, ModelCard("m", "1", "NR", trained_on=())):
        rows = evaluate(set_of(shapes, null=False), by_area, card)
        assert not any("seen=" in subset for _, subset in rows)


def test_what_was_not_trained_on_is_marked() -> None:
    rows = evaluate(set_of(shapes), lambda s: 5 * by_area(s), TRAINED)
    marked = {key for key, row in rows.items() if "held out" in row.marks}
    assert marked
    assert marked == {
        key for key in rows if {"type=white-noise", "shape=strip"} & set(key[1].split())
    }
    assert ("threshold", "type=white-noise severity=3") in marked
    assert ("detected", "shape=strip area=1/64") in marked
    unknown = ModelCard(
        "m", "1", "NR", trained_on=(TrainedOn(UNKNOWN),), trained_degradations=("jpeg",)
    )
    for card in (None, unknown, ModelCard("m", "1", "NR", trained_on=(TrainedOn("photos"),))):
        rows = evaluate(set_of(shapes, null=False), by_area, card)
        assert not any("held out" in row.marks for row in rows.values())


def test_rows_by_shape_and_placement_are_of_placed_areas_and_cells_of_few_contents_say_so() -> None:
    rows = evaluate(set_of(shapes, 24), lambda s: 5 * by_area(s))
    for cell in ("shape", "placement"):
        found = {subset for _, subset in rows if f"{cell}=" in subset}
        assert found
        assert {subset.split("area=")[1] for subset in found} == {"1/64", "1/16"}
        assert not any("any" in subset or "whole" in subset for subset in found)
    assert rows["threshold", "type=jpeg severity=3"].marks == ()

    def rare(content: str) -> Iterable[Sample]:
        yield from shapes(content)
        if content < "c03":
            yield from (probe(content, area, type="avif", severity=2) for area in AREAS)

    rows = evaluate(set_of(rare, 24), lambda s: 5 * by_area(s))
    for key in (
        ("threshold", "type=avif severity=2"),
        ("detected", "type=avif area=1/64"),
        ("response_ratio", "type=avif area=1/64"),
        ("lsi", "type=avif"),
    ):
        assert rows[key].marks == ("few contents (3)",)


def test_a_band_stands_beside_the_filled_masks_it_belongs_to() -> None:
    def ladder(content: str) -> Iterable[Sample]:
        for area in AREAS:
            yield probe(content, area)
            yield probe(content, area, severity=5)  # has no band: does not count beside it
            if area < 1:
                yield probe(content, area, part="band", role="control", control="band")

    def drop(sample: Sample) -> float:
        if sample.fact("control"):
            return 0.0
        return 0.0 if sample.damages[0].severity == 5 else 3 * (sample.content < "c06")

    dataset = set_of(ladder)
    lost = [s.id for s in dataset.samples if s.id.startswith("c07/jpeg/3/rectangle/inside")]
    rows = evaluate(dataset, drop, lost=lost)
    for area in AREAS[:-1]:
        band, filled = (
            rows[metric, f"area={TEXT[area]}"]
            for metric in ("band_detected", "band_partner_detected")
        )
        assert (band.value, filled.value) == (0, pytest.approx(6 / 7))
        counts = {(m.n_expected, m.n_scored, m.n_failed) for m in (band, filled)}
        assert counts == {(8, 7, 1)}


def test_where_a_full_reference_model_starts_is_said() -> None:
    dataset = set_of(shapes, null=False)

    def told(rows: Rows) -> set[str | None]:
        return {rows[key].reason for key in (("response_ratio", "area=1/16"), ("lsi", "type=jpeg"))}

    same = "full-reference: Δ is counted from the score of the pristine image with itself "
    same += "(80 for every content)"
    rows = evaluate(dataset, by_area, need=PAIR, level=lambda content: 80.0)
    assert rows["response_ratio", "area=1/16"].reason == same
    assert str(rows["lsi", "type=jpeg"].reason).endswith(same)
    assert rows["response", "area=1/16"].reason is None
    for need, level in ((PAIR, lambda c: float(c[1:])), (SCORE, lambda content: 80.0)):
        rows = evaluate(dataset, by_area, need=need, level=level)
        assert not any("full-reference" in str(row.reason) for row in rows.values())


def test_why_nothing_is_known_of_the_view_is_said() -> None:
    dataset, seen = set_of(lambda c: (probe(c, area) for area in AREAS)), coverage_probes("128x96")
    output, noise = (
        Output(
            tuple(i.id for i in d.images), np.random.default_rng(0).normal(size=len(d.images)), {}
        )
        for d in (dataset, seen)
    )
    found = sensitivity(coverage="view").evaluate(
        Inputs(
            ModelCard("m", "1", "NR"),
            dataset,
            {SCORE: output, Need("score", "view"): noise},
            {"view": seen},
            0,
        )
    )
    rows = [row for row in found if row.metric in ("in_view", "detected_in_view")]
    assert {row.subset for row in rows} == {f"area={text}" for text in TEXT.values()}
    assert {(row.value, row.reason) for row in rows} == {
        (None, "its output is not repeatable: measure with iqa-eval coverage MODEL")
    }
