"""Probe sets: what every sample says of itself, and that its pixels keep the promise."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.contamination import contamination
from harness.images import Decoded, DecodePolicy, Failure
from harness.model import TrainedOn
from harness.sample import Dataset, Sample
from probes.contents import folder
from probes.design import DESIGN
from probes.masks import area_met
from probes.render import Recipe
from probes.sets import probe_set, probes_default
from tests.conftest import card

SMALL = replace(
    DESIGN,
    types=("white-noise", "gaussian-blur", "darken"),
    shapes=("rectangle", "noise"),
    placements=("corner", "smooth"),
    two_draws=0.04,
)


def photograph(path: Path, seed: int, size: tuple[int, int]) -> None:
    """Texture on the left, a ramp on the right."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (size[0] // 4, size[1] // 4, 3))
    levels = np.kron(small, np.ones((4, 4, 1)))
    levels[:, size[1] // 2 :] = np.linspace(40, 200, size[0])[:, None, None]
    Image.fromarray(levels.astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photographs")
    for i, size in enumerate(((96, 128), (128, 96), (96, 96))):
        photograph(path / f"photo{i}.png", i, size)
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("cache")
        patch.setenv("IQA_EVAL_CACHE", str(path))
        yield path


@pytest.fixture(scope="module")
def probes(root: Path, cache: Path) -> Dataset:
    return probe_set("small", str(root), 500, 0, SMALL)


def pixels(sample: Sample) -> np.ndarray:
    decoded = sample.source.load(DecodePolicy())
    assert isinstance(decoded, Decoded)
    return decoded.image.numpy()


def alpha(sample: Sample) -> np.ndarray:
    found = sample.source.alpha()
    assert found is not None
    return found


def asked(sample: Sample) -> float:
    """The area of the sample's mask."""
    return min(damage.area_asked for damage in sample.damages)


def test_roles_fill_the_budget_and_harmless_changes_come_on_top(probes: Dataset) -> None:
    roles = Counter(s.fact("role") for s in probes.samples)
    assert roles["harmless"] == 3 * 9
    assert 500 - 14 < roles["probe"] + roles["control"] <= 500
    controls = Counter(s.fact("control") for s in probes.samples if s.fact("role") == "control")
    assert set(controls) == {"band", "complement", "two-draws"}
    assert {s.fact("ladder") for s in probes.samples} == {
        None, "plain", "equal-damage", "equal-energy",
    }  # fmt: skip
    assert {len(s.damages) for s in probes.samples if s.fact("role") == "probe"} == {1, 2, 3}


def test_ids_are_unique_names_and_every_image_has_its_pair(probes: Dataset) -> None:
    assert not any(":" in image.id for image in probes.images)
    assert len({p.id for p in probes.pairs}) == len(probes.samples) + 3
    moved = {s.id for s in probes.samples if s.fact("harmless") == "shift"}
    assert len(moved) == 3 * 4
    for pair in probes.pairs:  # a shift moves both pictures of a full-reference model
        assert pair.reference == (pair.id if pair.id in moved else pair.content)


def test_every_sample_states_its_conditions(probes: Dataset) -> None:
    for s in probes.samples:
        shape, placement = s.fact("shape"), s.fact("placement")
        if s.fact("role") == "harmless":
            assert (shape, placement) == ("whole", "whole")
        elif asked(s) == 1:
            assert (shape, placement) == ("whole", "whole")
            assert s.damages[0].mask is None
        elif asked(s) > 1 / 4:
            assert (shape, placement) == ("any", "any")
        else:
            # Where nothing is reached, the mask that was asked for is known all the same.
            masked = next(d for d in s.damages if d.mask is not None)
            recipe = json.loads(masked.mask or "")
            assert (recipe["shape"], recipe["placement"]) == (shape, placement)


def test_achieved_damage_is_measured_and_faint_probes_are_marked(probes: Dataset) -> None:
    for s in probes.samples:
        if isinstance(s.source.load(DecodePolicy()), Failure):
            assert s.fact("local_psnr") is None
            assert s.fact("visible") is None
            continue
        psnr, delta_e = s.fact("local_psnr"), s.fact("delta_e")
        assert isinstance(psnr, float)
        assert isinstance(delta_e, float)
        assert s.fact("visible") == ("no" if psnr > 45 and delta_e < 1 else "yes")
    assert {s.fact("visible") for s in probes.samples} >= {"no", "yes"}


def test_another_kind_of_processor_gives_the_same_hashes(probes: Dataset) -> None:
    def nudged(s: Sample) -> Sample:
        return replace(s, measured=tuple((name, n * (1 + 1e-6)) for name, n in s.measured))

    others = replace(probes, samples=tuple(map(nudged, probes.samples)))
    psnr = [d.samples[0].fact("local_psnr") for d in (probes, others)]
    assert psnr[0] != psnr[1]
    assert (others.labels_hash, others.images_hash) == (probes.labels_hash, probes.images_hash)


def test_probes_that_change_nothing_are_probes_like_any_other(probes: Dataset) -> None:
    pristine = {s.id: pixels(s) for s in probes.references}
    same = 0
    for s in probes.samples:
        if isinstance(s.source, Recipe):
            equal = np.array_equal(pixels(s), pristine[s.content])
            assert s.fact("changed") == ("no" if equal else "yes")
            if equal:
                facts = dict((*s.facts, *s.measured))
                assert [facts[name] for name in ("local_psnr", "delta_e", "mse", "visible")] == [
                    *(100.0, 0.0, 0.0, "no")
                ]
                assert facts["local_ssim"] == pytest.approx(1)
                json.dumps(facts, allow_nan=False)
                same += 1
        else:
            assert s.fact("changed") is None
    assert same >= 1  # nothing blurs where a photograph is flat
    # Every area of a ladder of one damage is there: none is lost because it changes nothing.
    assert all(
        isinstance(s.source, Recipe)
        for s in probes.samples
        if s.fact("ladder") == "plain" and len(s.damages) == 1
    )


def test_masks_of_a_ladder_are_nested_and_met(probes: Dataset) -> None:
    ladders = defaultdict(list)
    for s in probes.samples:
        if s.fact("role") == "probe" and s.fact("ladder") == "plain" and len(s.damages) == 1:
            ladders[s.id.rpartition("/")[0]].append(s)
    assert len(ladders) >= 10
    for rungs in list(ladders.values())[::3]:
        assert [asked(s) for s in rungs] == [float(area) for area in DESIGN.areas]
        masks = [alpha(s) >= 0.5 for s in rungs]
        for smaller, larger in pairwise(masks):
            assert not (smaller & ~larger).any()
        for s in rungs:
            assert s.damages[0].area_met == pytest.approx(area_met(alpha(s)))


def test_calibrated_samples_have_what_they_were_made_for(probes: Dataset) -> None:
    by_type, by_ladder = defaultdict(list), defaultdict(list)
    for s in probes.samples:
        if s.fact("visible") and s.fact("ladder") == "equal-damage":
            by_type[s.damages[0].type].append(s.fact("local_psnr"))
        if s.fact("visible") and s.fact("ladder") == "equal-energy":
            by_ladder[s.id.rpartition("/")[0]].append(s.fact("mse"))
    assert sum(map(len, by_type.values())) >= 10
    assert all(max(psnr) - min(psnr) <= 0.5 for psnr in by_type.values())
    assert sum(map(len, by_ladder.values())) >= 10
    assert all(max(mse) <= 1.05 * min(mse) for mse in by_ladder.values())


def test_ladders_say_whether_every_area_was_reached(probes: Dataset) -> None:
    ladders = defaultdict(list)
    for s in probes.samples:
        if s.fact("ladder") in ("equal-damage", "equal-energy"):
            ladders[s.id.rpartition("/")[0]].append(s)
        else:
            assert s.fact("complete") is None
    for rungs in ladders.values():
        reached = all(isinstance(s.source, Recipe) for s in rungs)
        assert {s.fact("complete") for s in rungs} == {"yes" if reached else "no"}
    assert {rungs[0].fact("complete") for rungs in ladders.values()} == {"yes", "no"}


def test_controls_damage_what_they_say(probes: Dataset) -> None:
    plain = {s.id: s for s in probes.samples if s.fact("role") == "probe"}
    pristine = {s.id: pixels(s) for s in probes.references}
    seen = Counter[str]()
    for s in [s for s in probes.samples if s.fact("role") == "control"]:
        control = str(s.fact("control"))
        base = plain[s.id.replace(f"/{control}/", "/plain/")]
        if not (s.fact("changed") == base.fact("changed") == "yes"):
            continue
        seen[control] += 1
        inside = alpha(base) >= 0.5
        assert s.damages[-1].type == base.damages[0].type
        assert s.damages[-1].severity == base.damages[0].severity
        if control == "complement":
            np.testing.assert_allclose(alpha(s), 1 - alpha(base), atol=1e-6)
        elif control == "band":
            met = alpha(s) > 0
            assert s.damages[0].area_met == pytest.approx(met.mean())
            assert (met & inside).any()
            assert (met & ~inside).any()
        else:
            full = plain[base.id.rpartition("/")[0] + "/1-1"]
            changed = (pixels(s) != pixels(full)).any(0)
            assert changed[alpha(base) == 1].mean() > 0.5  # drawn anew
            assert not changed[alpha(base) == 0].any()
        assert (pixels(s) != pristine[s.content]).any()
    assert min(seen[control] for control in ("band", "complement", "two-draws")) >= 5


def test_other_damages_lie_elsewhere_and_the_first_also_stands_alone(probes: Dataset) -> None:
    plain = {s.id: s for s in probes.samples if len(s.damages) == 1}
    together = [s for s in probes.samples if len(s.damages) > 1 and s.fact("control") is None]
    found = Counter()
    for s in together:
        others = "-".join(d.type for d in s.damages[1:])
        base = plain[s.id.replace(f"/with-{others}/", "/plain/")]
        assert base.damages[0] == s.damages[0]
        assert len({d.type for d in s.damages}) == len(s.damages)
        if not s.fact("visible"):
            assert "no room for" in s.source.load(DecodePolicy()).reason  # type: ignore[union-attr]
            continue
        each = [alpha(replace(base, source=replace(base.source, damages=(d,)))) for d in s.damages]  # type: ignore[type-var]
        assert (np.sum([one > 0 for one in each], axis=0) <= 1).all()
        for damage, one in zip(s.damages, each, strict=True):
            assert damage.area_met == pytest.approx(area_met(one))
            assert damage.area_asked == asked(s)
        found[len(s.damages)] += 1
    assert min(found[2], found[3]) >= 3


def test_the_second_load_renders_nothing(
    root: Path, probes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from probes import render

    def never(*_: object) -> None:
        raise AssertionError("rendered again")

    monkeypatch.setattr(render, "degrade", never)
    monkeypatch.setattr(render, "change", never)
    again = probe_set("small", str(root), 500, 0, SMALL)
    assert again.images_hash == probes.images_hash
    assert again.labels_hash == probes.labels_hash


def test_heads_are_fitted_on_kadid10k_where_it_is(
    root: Path, probes: Dataset, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def named(**options: str) -> str | None:
        return probe_set("small", str(root), 500, 0, SMALL, **options).head_dataset  # type: ignore[arg-type]

    monkeypatch.chdir(tmp_path)
    assert named() == "demo"
    images = tmp_path / "data" / "KADID-10k" / "kadid10k" / "Images"
    images.mkdir(parents=True)
    (images.parent / "dmos.csv").write_text("dist_img,ref_img,dmos,var\n")
    assert named() == "demo"  # no images
    (images / "I01_01_01.png").write_bytes(b"never read")
    assert named() == "kadid10k"
    assert named(head="demo") == "demo"
    assert named(head="labels.csv") == "labels.csv"


def test_a_large_folder_is_sampled_by_name(root: Path, cache: Path, tmp_path: Path) -> None:
    from probes.sets import photographs

    for i in range(7):
        photograph(tmp_path / f"a:{i}.png", i, (640, 1024))
    design = replace(SMALL, max_contents=4)
    found = photographs(str(tmp_path), design, seed=0)
    assert len(found) == 4
    assert list(found) == sorted(found)
    assert not any(":" in name for name in found)
    assert all(max(c.image().shape) == 512 for c in found.values())
    photograph(tmp_path / "a:7.png", 7, (640, 1024))
    assert len(set(found) & set(photographs(str(tmp_path), design, seed=0))) >= 3
    assert set(photographs(str(root), design, seed=0)) == {c.id for c in folder(root)}


def test_photographs_that_cannot_be_used_are_named(tmp_path: Path, cache: Path) -> None:
    photograph(tmp_path / "tiny.png", 0, (32, 64))
    with pytest.raises(ValueError, match=r"'tiny' is 64 × 32 pixels.*at least 64"):
        probes_default(root=str(tmp_path))
    (tmp_path / "tiny.png").rename(tmp_path / "small.png")
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    photograph(tmp_path / "short.png", 1, (40, 96))
    with pytest.raises(ValueError, match=r"'broken': .*'short' is 96 × 40.*mend or take"):
        probes_default(root=str(tmp_path))
    with pytest.raises(FileNotFoundError, match="no such folder"):
        probes_default(root=str(tmp_path / "absent"))


def test_photographs_that_would_be_one_are_named(tmp_path: Path, cache: Path) -> None:
    for i, name in enumerate(("a:b", "a_b")):
        photograph(tmp_path / f"{name}.png", i, (96, 128))
    with pytest.raises(ValueError, match=r"'a:b' and 'a_b' would both be called 'a_b': rename"):
        probes_default(root=str(tmp_path))
    (tmp_path / "a:b.png").rename(tmp_path / "other.png")
    (tmp_path / "copy.png").write_bytes((tmp_path / "other.png").read_bytes())
    with pytest.raises(ValueError, match=r"'copy' and 'other' are one photograph: mend"):
        probes_default(root=str(tmp_path))


def test_a_head_that_was_fitted_on_demo_has_seen_the_embedded_photographs_and_no_others(
    probes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probes.sets.measured", lambda samples: {})  # which takes its time
    design = replace(SMALL, harmless=(), equal_damage=0, equal_energy=0)
    head = card("m", trained_on=(TrainedOn("demo", role="pseudo", component="head"),))
    embedded = probe_set("small", None, 500, 0, design)
    assert contamination(head, embedded) == "images"
    assert contamination(head, embedded, head=False) == "none"
    assert contamination(head, probes) == "none"


@pytest.mark.slow
def test_the_embedded_set_is_calibrated_over_all_types(cache: Path) -> None:
    probes = probes_default(budget=1500)
    assert 1500 - 14 < len(probes.samples) - 8 * 9 <= 1500
    assert {s.damages[0].type for s in probes.samples if s.fact("ladder")} == set(DESIGN.types)
    psnr = defaultdict(list)
    for s in probes.samples:
        if s.fact("ladder") == "equal-damage" and s.fact("visible"):
            psnr[s.damages[0].type].append(s.fact("local_psnr"))
    assert all(max(values) - min(values) <= 0.5 for values in psnr.values())
