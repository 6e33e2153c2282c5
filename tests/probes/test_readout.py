"""``representation`` on features whose content is known; no image is ever made."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from harness.model import ModelCard
from harness.protocols.base import Inputs, Measure, Need, Skip
from harness.sample import Damage, Dataset, Sample
from harness.store import Output
from probes.readout import REPRESENTATION
from probes.readout_table import readable, table_of

AREAS = (1 / 16, 1 / 4, 1.0)
TYPES = ("blur", "jpeg", "noise", "tint")
SHAPES = ("ellipse", "strip")
FEATURES = Need("features")


@dataclass(frozen=True)
class Mask:
    """A source that is never decoded: a damaged pixel at (x, y) of 40 × 20."""

    x: int = 0
    y: int = 0

    def fingerprint(self) -> str:
        return f"{self.x} {self.y}"

    def load(self, policy: object) -> None:
        raise AssertionError("a protocol decodes nothing")

    def alpha(self) -> np.ndarray:
        found = np.zeros((20, 40), np.float32)
        found[self.y, self.x] = 1
        return found


def _facts(severity: int, area: float, noise: float) -> tuple[tuple[str, str | float], ...]:
    psnr = 40 - 5 * severity + noise
    return (
        *(("local_psnr", psnr), ("local_ssim", 1 - severity / 6 + noise / 100)),
        *(("mse", area * 255**2 / 10 ** (psnr / 10)), ("visible", "yes")),
    )


def probe_set(contents: int = 8) -> Dataset:
    rng = np.random.default_rng(0)
    samples, references = [], []
    for c in range(contents):
        scene = f"scene{c:02}"
        references.append(Sample(f"pristine{c:02}", Mask(), scene))  # type: ignore[arg-type]
        for i in range(5):
            samples.append(
                Sample(
                    f"{scene}-dither{i}", Mask(), scene, damages=(Damage("dither", None, seed=i),),  # type: ignore[arg-type]
                    reference=f"pristine{c:02}", facts=(("role", "harmless"),),
                )
            )  # fmt: skip
        for kind in TYPES:
            for severity in (1, 3, 5):
                for area in AREAS:
                    x, y = int(rng.integers(40)), int(rng.integers(20))
                    shape = SHAPES[int(rng.integers(2))]
                    mask = json.dumps({"shape": shape, "seed": 40 * y + x}) if area < 1 else None
                    samples.append(
                        Sample(
                            f"{scene}-{kind}-{severity}-{area:g}", Mask(x, y), scene,  # type: ignore[arg-type]
                            damages=(Damage(kind, severity, mask, area, area),),
                            reference=f"pristine{c:02}",
                            facts=_facts(severity, area, float(rng.normal())),
                        )
                    )  # fmt: skip
        pair = (
            Damage("blur", 3, '{"shape": "strip"}', 1 / 16),
            Damage("jpeg", 3, '{"shape": "strip"}', 1 / 16),
        )
        samples.append(Sample(f"{scene}-two", Mask(), scene, damages=pair))  # type: ignore[arg-type]
        control = (("role", "control"), ("control", "band"))
        samples.append(replace(samples[-2], id=f"{scene}-band", facts=control))
    return Dataset("probes", tuple(samples), tuple(references))


def damaged(image: Sample) -> bool:
    return bool(image.damages) and image.fact("role") is None


def planted(dataset: Dataset, noise: float = 0.01) -> Output:
    """All there is to know, in the plain."""
    rng = np.random.default_rng(1)
    rows = []
    for image in dataset.images:
        code = np.zeros(12)
        if damaged(image):
            first = image.damages[0]
            for damage in image.damages:
                code[TYPES.index(damage.type)] = 1
            source = image.source
            assert isinstance(source, Mask)
            code[4], code[5] = 1, math.log2(sum(d.area_asked for d in image.damages))
            code[6], code[7] = source.x / 40, source.y / 20
            code[8 + TYPES.index(first.type)] = float(first.severity or 0)
        rows.append(code)
    features = np.array(rows) + noise * rng.normal(size=(len(rows), 12))
    return Output(tuple(i.id for i in dataset.images), features[:, None].astype(np.float32), {})


def random(dataset: Dataset, seed: int = 0) -> Output:
    values = np.random.default_rng(seed).normal(size=(len(dataset.images), 2, 24))
    return Output(tuple(i.id for i in dataset.images), values.astype(np.float32), {})


def evaluate(dataset: Dataset, output: Output) -> dict[tuple[str, str], Measure]:
    rows = REPRESENTATION.evaluate(
        Inputs(ModelCard("m", "1", "NR"), dataset, {FEATURES: output}, {}, seed=0)
    )
    found = {(row.metric, row.subset): row for row in rows}
    assert len(found) == len(rows)
    return found


def value(rows: dict[tuple[str, str], Measure], metric: str, subset: str) -> float:
    found = rows[metric, subset].value
    assert found is not None, rows[metric, subset].reason
    return found


def test_what_is_planted_is_read() -> None:
    dataset = probe_set()
    rows = evaluate(dataset, planted(dataset))
    for regime in ("regime=uniform", "regime=localized", "regime=mixed"):
        assert value(rows, "type_map", regime) > 0.95
        assert value(rows, "severity_r2", regime) > 0.95
        assert value(rows, "damaged_auroc", f"{regime} area=1/16") > 0.95
        assert value(rows, "local_psnr_r2", regime) > 0.8
        for metric in ("fr_psnr_srcc", "fr_local_ssim_srcc"):
            assert value(rows, metric, f"{regime} area=1/16") > 0.85  # noise ties severities
    row = rows["fr_psnr_srcc", "regime=mixed area=1"]
    assert (row.n_expected, row.n_scored) == (96, 96)  # damaged images alone
    assert row.ci_method is not None
    assert row.ci_method.endswith("widened × 1.53 since other contents make other heads")
    assert value(rows, "type_map", "regime=mixed damages=2") > 0.95
    for subset in ("regime=localized", "regime=mixed", "all", "fraction=100%"):
        assert value(rows, "log_area_r2", subset) > 0.98
    assert value(rows, "location_r2", "regime=localized area=1/4") > 0.95
    row = rows["type_map", "regime=mixed area=1/16"]
    assert (row.n_expected, row.n_scored, row.n_failed) == (96, 96, 0)
    assert row.marks == ("few contents (8)",)
    assert row.split == "4 folds of contents"
    assert ("log_area_r2", "regime=uniform") not in rows
    assert ("location_r2", "regime=localized area=1") not in rows


def test_random_features_are_at_chance() -> None:
    dataset = probe_set()
    rows = evaluate(dataset, random(dataset))
    for (metric, subset), row in rows.items():
        if subset.startswith("fraction") or metric.startswith(("type_prev", "type_chance")):
            continue
        assert row.value is not None
        if metric.endswith("_r2"):
            assert row.value < 0.05, (metric, subset)
        elif metric.endswith("_srcc"):
            assert abs(row.value) < 0.35, (metric, subset)
        elif metric == "damaged_auroc" and "type=" not in subset:
            assert 0.3 < row.value < 0.7, subset
    for subset in ("regime=uniform", "regime=localized", "regime=mixed", "all"):
        row = rows["type_map", subset]
        assert row.value == pytest.approx(value(rows, "type_chance", subset), abs=0.06)
        assert row.ci_low is not None
        assert row.ci_low < value(rows, "type_prevalence", subset)
    assert value(rows, "type_prevalence", "all") == pytest.approx(0.25)


def test_types_that_are_memorized_say_nothing_of_a_new_one() -> None:
    dataset = probe_set()
    rng = np.random.default_rng(2)
    code = np.zeros((len(dataset.images), 1, 8))
    for row, image in zip(code[:, 0], dataset.images, strict=True):
        if damaged(image):
            for damage in image.damages:
                row[TYPES.index(damage.type)] = 1
    code += 0.05 * rng.normal(size=code.shape)
    output = Output(tuple(i.id for i in dataset.images), code.astype(np.float32), {})
    rows = evaluate(dataset, output)
    assert value(rows, "damaged_auroc", "regime=mixed") > 0.99
    assert value(rows, "damaged_auroc", "regime=leave-one-type-out") < 0.75
    assert value(rows, "damaged_auroc", "regime=leave-one-shape-out") > 0.99
    # A feature that all types share is read of a new one, too.
    shared = evaluate(dataset, planted(dataset))
    assert value(shared, "damaged_auroc", "regime=leave-one-type-out area=1/16") > 0.95
    assert value(shared, "log_area_r2", "regime=leave-one-type-out type=jpeg") > 0.9
    assert value(shared, "log_area_r2", "regime=leave-one-shape-out shape=strip") > 0.95
    # Its alpha has met the new one: that is said, and of no other head.
    for (_, subset), row in shared.items():
        tuned = "alpha is tuned with the left-out level" in (row.reason or "")
        assert tuned == (row.value is not None and "leave-one" in subset)


def test_more_labels_are_read_better_and_repeats_spread() -> None:
    dataset = probe_set()
    rows = evaluate(dataset, planted(dataset, noise=0.6))
    curve = [value(rows, "type_map", f"fraction={share}%") for share in (1, 25, 100)]
    assert curve[0] < curve[1] < curve[2]
    assert curve[2] == value(rows, "type_map", "regime=mixed")
    assert value(rows, "type_map_split_sd", "fraction=5% area=1/4") > 0
    assert rows["type_map", "fraction=5%"].ci_method == (
        "mean of 5 repeats; their SD is a metric of its own"
    )
    assert ("type_map_split_sd", "fraction=100%") not in rows


def test_what_cannot_be_seen_and_calibrated_ladders_are_not_read() -> None:
    dataset = probe_set(1)
    (first, *_), clean = [s for s in dataset.samples if damaged(s)], dataset.references
    unseen = (("visible", "no"), ("mse", 0.1))
    others = (
        replace(first, id="invisible", facts=unseen),
        replace(first, id="pristine by another name", facts=(*unseen[:1], ("changed", "no"))),
        replace(first, id="calibrated", facts=(("ladder", "equal-energy"),)),
    )
    found = readable(replace(dataset, samples=(first, *others)))
    assert [s.id for s in found] == sorted(s.id for s in (first, *clean))


def test_the_whole_psnr_is_that_of_the_mse_and_clean_images_have_none() -> None:
    table = table_of(readable(probe_set(1))).set_index("id")
    asked = table.loc["scene00-jpeg-3-0.25"]
    assert asked["fr_psnr"] == pytest.approx(asked["local_psnr"] + 10 * math.log10(4))
    assert table.loc[~table["damaged"], ["fr_psnr", "fr_local_ssim"]].isna().all(axis=None)


def test_row_order_changes_nothing_and_failures_are_counted() -> None:
    dataset = probe_set()
    output = random(dataset)
    moved = Output(output.ids[::-1], output.values[::-1], {})
    other = replace(dataset, samples=dataset.samples[::-1])
    assert evaluate(dataset, output) == evaluate(other, moved)
    lost = output.ids.index("scene03-jpeg-1-0.25")
    values = output.values.copy()
    values[lost, 0, 0] = np.nan
    rows = evaluate(dataset, Output(output.ids, values, {}))
    row = rows["type_map", "regime=localized area=1/4"]
    assert (row.n_expected, row.n_scored, row.n_failed) == (96, 95, 1)
    assert row.reason == (
        "1 have no prediction; 1 failed: first scene03-jpeg-1-0.25: features are not finite"
    )
    assert rows["type_map", "regime=localized area=1/16"].reason is None


def test_what_cannot_be_read() -> None:
    dataset = probe_set()
    assert REPRESENTATION.needs(frozenset({"features"}), dataset, 0) == (FEATURES,)
    assert isinstance(REPRESENTATION.needs(frozenset({"score"}), dataset, 0), Skip)
    whole = replace(
        dataset, samples=tuple(s for s in dataset.samples if s.damages[0].area_asked == 1)
    )
    skipped = REPRESENTATION.needs(frozenset({"features"}), whole, 0)
    assert isinstance(skipped, Skip)
    assert skipped.reason.startswith("needs a probe set")
    output = random(dataset)
    same = Output(output.ids, np.ones_like(output.values), {})
    (row,) = evaluate(dataset, same).values()
    assert (row.metric, row.value, row.reason) == ("type_map", None, "features do not vary")
    few = probe_set(2)
    (row,) = evaluate(few, random(few)).values()
    assert row.reason == "at least 3 contents are needed, 2 can be used"


def test_sets_without_local_psnr_or_clean_images_lack_those_rows_alone() -> None:
    dataset = probe_set()
    bare = replace(
        dataset, references=(), samples=tuple(
            replace(s, facts=(), reference=None) for s in dataset.samples if damaged(s)
        ),
    )  # fmt: skip
    rows = evaluate(bare, planted(bare))
    assert not any(metric.startswith("local_psnr") for metric, _ in rows)
    assert value(rows, "type_map", "regime=mixed") > 0.95
    row = rows["damaged_auroc", "regime=mixed"]
    assert row.value is None
    assert row.reason is not None
    assert row.reason.startswith("no damaged or no clean image")
