"""A gallery on disk: pictures, masks, index, and that responses follow from it and the scores."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from harness.images import DecodePolicy
from harness.model import ModelCard
from harness.protocols.base import Inputs, Need
from harness.sample import Damage, Dataset, Sample
from harness.site.probe_gallery import read_gallery
from harness.site.probe_scores import limits_of, spread_of
from harness.store import Output
from probes import demo
from probes.contents import embedded
from probes.demo import demo_probes
from probes.gallery_files import write_gallery
from probes.gallery_pictures import layer, outline
from probes.measures.detection import detections
from probes.observed import observed
from probes.probe_command import app
from probes.render import Recipe, pristine
from probes.sensitivity import sensitivity
from probes.trained import trained


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IQA_EVAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """One ladder of each of two contents and types, and harmless changes."""
    whole = demo_probes()
    contents = {content.id: content for content in embedded()[:2]}
    ladders = {s.content: s.id.rpartition("/")[0] for s in whole.samples if s.content in contents}
    samples = [
        sample
        for sample in whole.samples
        if sample.id.rpartition("/")[0] == ladders.get(sample.content)
        and sample.damages[0].area_asked != 1 / 16
    ]
    assert len({s.damages[0].type for s in samples}) == 2
    for name, content in contents.items():
        damage = Damage("dither", None)
        facts = (("role", "harmless"), ("harmless", "dither"))
        samples.append(
            Sample(
                *(f"{name}/harmless/dither/0", Recipe(content, (damage,)), name),
                damages=(damage,), reference=name, facts=facts,
            )
        )  # fmt: skip
    references = tuple(r for r in whole.references if r.id in contents)
    return Dataset("small", tuple(samples), references)


@pytest.fixture(scope="module")
def first(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("gallery") / "probes"
    write_gallery(dataset, out, workers=1)
    return out


def test_a_gallery_is_the_same_every_time_and_tells_all(
    dataset: Dataset, first: Path, tmp_path: Path
) -> None:
    second = tmp_path / "b"
    size = write_gallery(dataset, second, workers=2)
    files = {p.relative_to(first): p.read_bytes() for p in first.rglob("*") if p.is_file()}
    assert files == {
        p.relative_to(second): p.read_bytes() for p in second.rglob("*") if p.is_file()
    }
    assert size == sum(map(len, files.values()))
    index = json.loads((first / "index.json").read_text())
    assert index["dataset"]["images_hash"] == dataset.images_hash
    assert str(first.parent) not in str(index)
    by_id = {probe["id"]: probe for probe in index["probes"]}
    shown = [s for s in dataset.samples if s.fact("role") != "harmless"]
    assert by_id.keys() >= {sample.id for sample in shown}
    for sample in shown:
        told, damage = by_id[sample.id], sample.damages[0]
        assert (told["types"], told["severity"]) == ([damage.type], damage.severity)
        assert told["damaged"] == pytest.approx(damage.area_met, abs=1e-5)
        assert (told["outlines"] == []) == (damage.area_asked == 1)
        assert (first / told["file"]).is_file()
    for content in embedded()[:2]:
        assert f"{content.id}: {content.license}" in index["attribution"]
    assert read_gallery(first).probes == tuple(index["probes"])


def test_a_layer_over_the_photograph_is_the_probe(dataset: Dataset) -> None:
    sample = next(s for s in dataset.samples if s.damages[0].area_asked == 1 / 4)
    assert isinstance(sample.source, Recipe)
    drawn = layer(sample.source)
    with Image.open(io.BytesIO(drawn.picture)) as picture:
        found = np.array(picture.convert("RGBA"))
    covered = sample.source.alpha() > 0
    assert np.array_equal(found[..., 3] > 0, covered)
    whole = sample.source.load(DecodePolicy()).image.permute(1, 2, 0).numpy()  # type: ignore[union-attr]
    before = pristine(sample.source.content).permute(1, 2, 0).numpy()
    seen = np.where(covered[..., None], found[..., :3], before).astype(int)
    assert np.abs(seen - whole)[covered].mean() < 8  # as far as WebP goes
    assert np.array_equal(seen[~covered], whole[~covered])


def test_an_outline_encloses_the_mask_also_at_the_border() -> None:
    mask = np.zeros((90, 120), np.float32)
    mask[:40, 70:] = 1  # at a corner
    mask[10:20, 90:100] = 0  # with a hole
    mask[60:80, 5:25] = 1
    points = [
        [tuple(map(float, point.split())) for point in part.rstrip("Z").split("L")]
        for part in outline(mask).split("M")[1:]
    ]
    assert len(points) == 3
    drawn = np.zeros(mask.shape, bool)
    for part in points:
        picture = Image.new("1", (120 * 4, 90 * 4))
        ImageDraw.Draw(picture).polygon([(4 * x, 4 * y) for x, y in part], fill=1)
        drawn ^= np.array(picture)[2::4, 2::4]
    assert (drawn != (mask > 0)).sum() <= 4  # corners, cut by half a pixel
    assert outline(np.zeros((9, 9), np.float32)) == ""


def test_an_earlier_gallery_is_replaced_and_other_things_are_not(
    dataset: Dataset, first: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(first, out)
    (out / "pictures" / "mine.webp").write_bytes(b"mine")
    left = tuple(s for s in dataset.samples if s.content == dataset.samples[0].content)
    write_gallery(replace(dataset, samples=left), out, workers=1)
    gallery = read_gallery(out)
    kept = {path.name for path in (out / "pictures").iterdir()}
    assert kept == {Path(name).name for name in gallery.pictures} | {"mine.webp"}
    (out / "index.json").write_text("[]")
    with pytest.raises(ValueError, match="another --out"):
        write_gallery(dataset, out, workers=1)
    assert (out / "index.json").read_text() == "[]"


def test_the_command(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "demo_probes", lambda seed=0, root=None: dataset)
    out = tmp_path / "set"
    made = CliRunner().invoke(
        app, ["gallery", "demo-probes", "--out", str(out), "--workers", "1", "--per", "2"]
    )
    assert made.exit_code == 0, made.output
    assert made.stdout.startswith(f"{out}  0.")
    assert read_gallery(out).name == "small"


def test_responses_and_limits_are_those_of_the_protocol(dataset: Dataset, first: Path) -> None:
    """The page counts from a record's scores what the protocol counts from a model's."""
    gallery = read_gallery(first)
    rng = np.random.default_rng(3)
    output = Output(tuple(i.id for i in dataset.images), rng.normal(40, 3, len(dataset.images)), {})
    scores = dict(zip(output.ids, output.values.tolist(), strict=True))
    spread = spread_of(scores, gallery)
    assert spread is not None
    card = ModelCard("m", "1", "NR")
    inputs = Inputs(card, dataset, {Need("score"): output}, {}, seed=0)
    rows = {(r.metric, r.subset): r for r in sensitivity().evaluate(inputs)}
    for area in ("1/64", "1/4", "1"):
        here = [p for p in gallery.probes if p["area"] == area and p["kind"] == "plain"]
        moved = [(scores[p["content"]] - scores[p["id"]]) / spread for p in here]
        assert rows["response", f"area={area}"].value == pytest.approx(np.mean(moved))
    table = observed(dataset.samples, output, spread, trained(card, None))
    found = detections(table)
    limits = limits_of(scores, gallery, spread)
    assert limits == pytest.approx((found.limits / spread).to_dict())
    held = (table["response"].abs() > table["content"].map(limits)).to_numpy()
    assert held.tolist() == found.detected.astype(bool).tolist()
