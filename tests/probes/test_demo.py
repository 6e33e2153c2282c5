"""The embedded datasets: balance, pairing, honest names."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest

from harness.contamination import contamination
from harness.model import TrainedOn
from harness.sample import Dataset
from probes.degradations import TYPES
from probes.demo import AREAS, demo, demo_full, demo_probes, demo_probes_full
from probes.masks import area_met
from probes.pseudo_labels import CONSTITUENTS, shipped
from probes.versions import demo_versions
from tests.conftest import card


@pytest.fixture(scope="module")
def probes() -> Dataset:
    return demo_probes()


@pytest.fixture(scope="module")
def labeled() -> Dataset:
    return demo()


def test_demo_is_balanced_over_contents_types_and_severities(labeled: Dataset) -> None:
    kept = len(TYPES) - len(shipped().left_out)
    by = {name: Counter(get(s) for s in labeled.samples) for name, get in GETTERS.items()}
    assert set(by["content"].values()) == {2 * kept}
    assert set(by["type"].values()) == {16}
    severities = by["severity"].values()
    assert len(severities) == 5
    assert max(severities) - min(severities) <= 0.25 * max(severities)


GETTERS = {
    "content": lambda s: s.content,
    "type": lambda s: s.damages[0].type,
    "severity": lambda s: s.damages[0].severity,
}


def test_demo_is_part_of_the_full_plan_with_the_same_labels(labeled: Dataset) -> None:
    full = {s.id: s for s in demo_full().samples}
    assert all(full[s.id] == s for s in labeled.samples)


def test_labels_are_called_pseudo_and_fall_with_severity(labeled: Dataset) -> None:
    assert labeled.label_kind == "pseudo"
    assert set(CONSTITUENTS) <= set(labeled.circular)
    labels: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for s in labeled.samples:
        assert 0 <= s.label <= 1
        labels.setdefault((s.content, s.damages[0].type), []).append(
            (s.damages[0].severity, s.label)
        )
    falling = [sorted(pair)[0][1] > sorted(pair)[1][1] for pair in labels.values()]
    assert sum(falling) / len(falling) > 0.99


def test_probes_come_in_complete_nested_ladders(probes: Dataset) -> None:
    ladders: dict[tuple, list] = {}
    for s in probes.samples:
        d = s.damages[0]
        ladders.setdefault((s.content, d.type, d.severity), []).append(s)
    assert all(len(ladder) == len(AREAS) for ladder in ladders.values())
    assert set(Counter(key[1] for key in ladders).values()) == {4}  # contents a type
    assert Counter(key[2] for key in ladders)[2] == Counter(key[2] for key in ladders)[4]
    for ladder in list(ladders.values())[::17]:
        alphas = [s.source.alpha() for s in sorted(ladder, key=lambda s: s.damages[0].area_asked)]
        for smaller, larger in pairwise(alphas):
            assert ((smaller >= 0.5) <= (larger >= 0.5)).all()


def test_the_area_that_a_probe_states_is_the_area_of_its_mask(probes: Dataset) -> None:
    for s in probes.samples[::23]:
        assert s.damages[0].area_met == pytest.approx(area_met(s.source.alpha()), abs=1e-9)
        assert abs(s.damages[0].area_met - s.damages[0].area_asked) <= 0.01


def test_every_probe_and_every_pristine_image_has_its_pair(probes: Dataset) -> None:
    assert {p.id for p in probes.pairs} == {image.id for image in probes.images}
    assert probes.head_dataset == "demo"
    assert probes.label_kind == "none"


def test_the_full_probe_plan_holds_the_part() -> None:
    full = {s.id for s in demo_probes_full().samples}
    assert len(full) == 8 * len(TYPES) * 2 * len(AREAS)
    assert {s.id for s in demo_probes().samples} < full


def test_another_seed_gives_other_images(probes: Dataset) -> None:
    assert demo_probes(seed=1).images_hash != probes.images_hash


@pytest.mark.parametrize("make", [demo_probes, demo_probes_full, demo_versions])
def test_a_head_that_was_fitted_on_demo_has_seen_these_photographs(
    make: Callable[[], Dataset],
) -> None:
    """Full-frame probes are pictures of demo."""
    for name in ("demo", "demo-full"):
        head = card("m", trained_on=(TrainedOn(name, role="pseudo", component="head"),))
        assert contamination(head, make()) == "images"
        assert contamination(head, make(), head=False) == "none"


def test_demo_and_its_full_plan_are_the_same_pictures() -> None:
    head = card("m", trained_on=(TrainedOn("demo", role="pseudo", component="head"),))
    assert contamination(head, demo()) == contamination(head, demo_full()) == "labels"
