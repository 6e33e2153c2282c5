"""``relational`` on maps and scores whose answers are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.model import ModelCard, TrainedOn
from harness.protocols.base import Inputs, Measure, Need, Skip
from harness.sample import Damage, Dataset, Pair, Sample
from harness.store import Output
from probes.measures.distortion import target
from probes.relational import MAPS, POINTS, RELATIONAL, SCORES
from probes.relational_maps import DAMAGES_TOLD, LATTICE, claims
from probes.trained import kind
from tests.conftest import card as plain_card

SHAPE = (24, 32)
# Two types of a signed channel, and one of its own; "webp" has none.
CARD = plain_card(
    "oracle",
    mode="FR",
    map_channels=("brightness", "jpeg", "white-noise"),
    channel_types=(
        ("brightness", "brighten", 1),
        ("brightness", "darken", -1),
        ("jpeg", "jpeg", 1),
        ("white-noise", "white-noise", 1),
    ),
    trained_on=(TrainedOn("photographs"),),
    trained_degradations=("brighten", "darken", "jpeg", "white-noise"),
)
BLIND = plain_card("blind", mode="FR", map_channels=("difference",))
Map = Callable[[Sample], np.ndarray]


class Places:
    """A source that knows where each of its damages is."""

    def __init__(self, *masks: np.ndarray) -> None:
        self.masks = masks

    def fingerprint(self) -> str:
        return str([np.flatnonzero(mask).tolist() for mask in self.masks])

    def load(self, policy: Any) -> Any:
        raise AssertionError("no pixels are asked for")

    def alpha(self) -> np.ndarray:
        return np.maximum.reduce([np.zeros(SHAPE, np.float32), *self.masks])

    def alphas(self) -> tuple[np.ndarray, ...]:
        return self.masks


def box(place: int) -> np.ndarray:
    mask = np.zeros(SHAPE, np.float32)
    top, left = 12 * (place // 2), 16 * (place % 2)
    mask[top + 1 : top + 9, left + 2 : left + 13] = 1
    return mask


def probe(content: int, *damages: tuple[str, float]) -> Sample:
    made = tuple(
        Damage(t, s, mask=f"{content}-{k}", area_asked=1 / 4, order=k)
        for k, (t, s) in enumerate(damages)
    )
    name = f"{content}/" + "+".join(f"{t}-{s:g}" for t, s in damages)
    masks = (box((content + k) % 4) for k in range(len(damages)))
    pristine = f"{content}"
    return Sample(name, Places(*masks), pristine, damages=made, reference=pristine)


TYPES = ("brighten", "darken", "jpeg", "white-noise")


def probe_set(contents: int = 3) -> Dataset:
    samples = [
        probe(c, *damages)
        for c in range(contents)
        for damages in (
            *([(t, s)] for t in (*TYPES, "webp") for s in (2.0, 4.0)),
            [("darken", 3.0), ("jpeg", 5.0)],
            [("white-noise", 1.0), ("brighten", 4.0)],
        )
    ]
    pristine = tuple(Sample(f"{c}", Places(), f"{c}") for c in range(contents))
    return Dataset("probes", tuple(samples), pristine)


def oracle(sample: Sample) -> np.ndarray:
    """The true target of each channel of CARD."""
    masks, severities = sample.source.alphas(), [d.severity for d in sample.damages]  # type: ignore[attr-defined]
    about = claims(CARD)
    channels = []
    for i in range(3):
        own = [about.get(d.type, (-1, 0)) for d in sample.damages]
        signs = [sign if channel == i else 0 for channel, sign in own]
        channels.append(target(signs, masks, severities))
    return np.stack(channels).astype(np.float32)


def difference(sample: Sample) -> np.ndarray:
    """As |t − r|: somewhat above 0.5 wherever there is any damage."""
    terms = (
        d.severity * mask
        for d, mask in zip(sample.damages, sample.source.alphas(), strict=True)  # type: ignore[attr-defined]
    )
    return 0.5 + 0.02 * sum(terms, np.zeros(SHAPE, np.float32))[None]


def maps_of(dataset: Dataset, make: Map, failures: Mapping[str, str] | None = None) -> Output:
    failures = failures or {}
    done = [s for s in dataset.samples if s.id not in failures]
    rows = np.stack([DAMAGES_TOLD.of(make(s), s).ravel() for s in done])
    return Output(tuple(s.id for s in done), rows, failures)


def evaluate(
    dataset: Dataset, outputs: Mapping[Need, Output], card: ModelCard = CARD
) -> dict[tuple[str, str], Measure]:
    found = RELATIONAL.evaluate(Inputs(card, dataset, outputs, {}, 0))
    rows = {(m.metric, m.subset): m for m in found}
    assert len(rows) == len(found)
    return rows


def test_the_true_target_is_perfect() -> None:
    dataset = probe_set()
    rows = evaluate(dataset, {MAPS: maps_of(dataset, oracle)})
    for subset in ("all", "seen=yes", "type=darken", "area=1/4", "severity=2", "damages=2"):
        for metric in ("auroc", "iou", "type_accuracy", "direction_accuracy"):
            if metric == "iou" or (metric, subset) in rows:
                assert rows[metric, subset].value == pytest.approx(1), (metric, subset)
        assert rows["leakage", subset].value == 0
    assert rows["mae", "all"].value == pytest.approx(0, abs=1e-7)
    share = box(0).mean()
    assert rows["mae_flat", "severity=4"].value == pytest.approx(share * 0.4)
    assert rows["mask_share", "all"].value == pytest.approx(share)
    assert rows["type_chance", "all"].value == pytest.approx(1 / 3)
    # Elsewhere is another damage: all channels together do not know which is which.
    assert rows["any_auroc", "damages=2"].value < 1 == rows["auroc", "damages=2"].value


def test_what_was_held_out_stands_apart_and_is_found_by_all_channels_alone() -> None:
    dataset = probe_set()
    rows = evaluate(dataset, {MAPS: maps_of(dataset, oracle)})
    assert rows["any_auroc", "seen=yes"].value == 1
    assert rows["any_auroc", "seen=no"].value == 0.5  # the oracle says nothing of webp
    assert ("auroc", "seen=no") not in rows
    assert rows["any_auroc", "type=webp"].marks[-1] == "held out"
    assert rows["auroc", "all"].n_expected == 3 * 8
    assert rows["any_auroc", "all"].n_expected == 3 * 10


def test_inverted_maps_find_everything_in_the_wrong_direction() -> None:
    dataset = probe_set()
    rows = evaluate(dataset, {MAPS: maps_of(dataset, lambda s: 1 - oracle(s))})
    assert rows["direction_accuracy", "all"].value == 0
    assert rows["auroc", "all"].value == rows["type_accuracy", "all"].value == 1
    assert rows["mae", "all"].value == pytest.approx(2 * rows["mae_flat", "all"].value, rel=1e-6)


def test_a_map_of_one_half_is_at_chance_throughout() -> None:
    dataset = probe_set()
    flat = np.full((3, *SHAPE), 0.5, np.float32)
    rows = evaluate(dataset, {MAPS: maps_of(dataset, lambda s: flat)})
    assert rows["auroc", "all"].value == rows["any_auroc", "all"].value == 0.5
    assert rows["type_accuracy", "all"].value == rows["type_chance", "all"].value
    assert rows["direction_accuracy", "all"].value == 0.5
    assert rows["mae", "all"].value == pytest.approx(rows["mae_flat", "all"].value)


def test_a_map_that_knows_no_types_is_read_where_it_can_be() -> None:
    dataset = probe_set()
    rows = evaluate(dataset, {MAPS: maps_of(dataset, difference)}, BLIND)
    assert rows["auroc", "all"].value == 1
    assert rows["auroc", "damages=2"].value < 0.95
    assert rows["auroc", "damages=2"].value == rows["any_auroc", "damages=2"].value
    for metric in ("type_accuracy", "direction_accuracy", "mae", "leakage"):
        assert rows[metric, "all"].value is None
        assert rows[metric, "all"].reason == "no channel of the map names a type of damage"
    # One that lays claim to all types is no better than a guess among them.
    claiming = replace(BLIND, channel_types=tuple(("difference", t, 1) for t in (*TYPES, "webp")))
    rows = evaluate(dataset, {MAPS: maps_of(dataset, difference)}, claiming)
    assert rows["type_accuracy", "all"].value == rows["type_chance", "all"].value
    assert rows["type_chance", "all"].value == pytest.approx(1 / 5)


def test_models_are_compared_on_the_damage_that_any_may_name() -> None:
    dataset = probe_set()
    typed = evaluate(dataset, {MAPS: maps_of(dataset, oracle)})
    blind = evaluate(dataset, {MAPS: maps_of(dataset, difference)}, BLIND)
    for metric, of in (("auroc", 8 * 3), ("any_auroc", 8 * 3)):
        for rows in (typed, blind):
            assert rows[metric, "types=trainable"].n_expected == of
    assert blind["auroc", "all"].n_expected == 10 * 3  # with webp, of which no channel is
    assert typed["auroc", "all"].n_expected == 8 * 3
    for rows in (typed, blind):
        assert rows["any_auroc", "types=held-out"].n_expected == 2 * 3
        assert rows["auroc", "damages=2 types=trainable"].n_expected == 4 * 3
    assert ("auroc", "types=held-out") not in typed
    assert [kind(set(names)) for names in ((), ("webp",), ("jpeg", "webp"), ("mean-shift",))] == [
        *("", "held-out", "", ""),
    ]


def test_iou_says_why_one_content_is_not_enough() -> None:
    dataset = probe_set(1)
    rows = evaluate(dataset, {MAPS: maps_of(dataset, oracle)})
    for metric in ("iou", "any_iou"):
        assert rows[metric, "all"].value is None
        assert "IoU is chosen on other contents, and there are none" in str(
            rows[metric, "all"].reason
        )
    assert rows["auroc", "all"].value == pytest.approx(1)


def test_leakage_is_what_idle_channels_say_inside_the_mask() -> None:
    dataset = probe_set()

    def leaking(sample: Sample) -> np.ndarray:
        return oracle(sample) + np.array([0, 0, 0.1])[:, None, None].astype(np.float32)

    rows = evaluate(dataset, {MAPS: maps_of(dataset, leaking)})
    assert rows["leakage", "type=jpeg"].value == pytest.approx(0.05)  # of two idle channels
    assert rows["leakage", "type=white-noise"].value == 0


def test_what_failed_is_counted_and_named() -> None:
    dataset = probe_set()
    failed = {"1/jpeg-2": "too large"}
    rows = evaluate(dataset, {MAPS: maps_of(dataset, oracle, failed)})
    row = rows["auroc", "all"]
    assert (row.n_expected, row.n_scored, row.n_failed) == (24, 23, 1)
    assert row.reason == "1 image failed: first 1/jpeg-2: too large"
    assert row.value == 1


def test_leakage_counts_what_it_applies_to() -> None:
    """Beside a type without a channel a channel that rises need not be wrong."""
    dataset = probe_set()
    samples = [probe(c, ("darken", 3.0), ("webp", 5.0)) for c in range(3)]
    dataset = replace(dataset, samples=(*dataset.samples, *samples))
    failed = {samples[0].id: "too large", "2/darken-3+jpeg-5": "too large"}
    rows = evaluate(dataset, {MAPS: maps_of(dataset, oracle, failed)})
    counts = {
        metric: (row.n_expected, row.n_scored, row.n_failed)
        for metric in ("any_auroc", "auroc", "leakage")
        for row in [rows[metric, "damages=2"]]
    }
    assert counts == {"any_auroc": (18, 14, 4), "auroc": (15, 12, 3), "leakage": (12, 10, 2)}
    told = str(rows["leakage", "damages=2"].reason)
    assert told.endswith(
        "all have a channel; N counts damages; 1 image failed: first 2/darken-3+jpeg-5: too large"
    )


def scored(dataset: Dataset, score: Callable[[Sample], float]) -> Output:
    values = np.array([score(s) for s in dataset.samples])
    return Output(tuple(s.id for s in dataset.samples), values, {})


def test_severity_is_ranked_where_there_are_no_labels() -> None:
    dataset = probe_set()
    rows = evaluate(dataset, {SCORES: scored(dataset, lambda s: -s.damages[0].severity)})
    for subset in ("all", "seen=no", "type=webp"):
        assert rows["pair_accuracy", subset].value == rows["kendall_tau", subset].value == 1
    assert rows["pair_accuracy", "all"].reason == "by severity: 15 pairs"
    rows = evaluate(
        dataset,
        {SCORES: scored(dataset, lambda s: s.damages[0].severity * (s.damages[0].type == "webp"))},
    )
    assert rows["pair_accuracy", "type=webp"].value == 0
    assert rows["pair_accuracy", "seen=yes"].value == 0.5
    assert rows["kendall_tau", "all"].value == pytest.approx(-1 / 5)


def test_labels_come_before_ladders() -> None:
    dataset = probe_set()
    labeled = replace(
        dataset,
        label_kind="mos",
        samples=tuple(replace(s, label=s.damages[0].severity) for s in dataset.samples),
    )
    rows = evaluate(labeled, {SCORES: scored(labeled, lambda s: s.label)})
    assert rows["pair_accuracy", "all"].value == rows["kendall_tau", "all"].value == 1
    assert rows["pair_accuracy", "order=severity"].value == 0
    assert rows["pair_accuracy", "order=severity type=jpeg"].value == 0


def version_set() -> Dataset:
    """Per content a better and a worse version of two damages, in both orders."""
    pairs, samples = [], []
    for c in range(3):
        good = probe(c, ("darken", 1.0), ("webp", 3.0))
        bad = probe(c, ("darken", 4.0), ("webp", 3.0))
        samples += [good, bad]
        pairs += [
            Pair(f"{good.id}|{bad.id}", good.id, bad.id, good.content, 1),
            Pair(f"{bad.id}|{good.id}", bad.id, good.id, good.content, -1),
            Pair(good.id, good.id, f"{c}", f"{c}"),
            Pair(bad.id, bad.id, f"{c}", f"{c}"),
            Pair(f"{c}|{c}", f"{c}", f"{c}", f"{c}"),
        ]
    pristine = tuple(Sample(f"{c}", Places(), f"{c}") for c in range(3))
    return Dataset("versions", tuple(samples), pristine, explicit_pairs=tuple(pairs))


def harm(dataset: Dataset, name: str) -> float:
    image = next(i for i in dataset.images if i.id == name)
    return sum(d.severity or 0 for d in image.damages)


def of_pairs(dataset: Dataset, score: Callable[[float, float], float]) -> Output:
    values = [score(harm(dataset, p.test), harm(dataset, p.reference)) for p in dataset.pairs]
    return Output(tuple(p.id for p in dataset.pairs), np.array(values, float), {})


def test_a_relational_score_tells_versions_apart_both_ways() -> None:
    dataset = version_set()
    rows = evaluate(dataset, {SCORES: of_pairs(dataset, lambda t, r: r - t)})
    assert rows["pair_accuracy", "all"].value == rows["pair_accuracy", "by=direct"].value == 1
    assert rows["pair_accuracy", "all"].n_expected == 3
    assert rows["score_antisymmetry_error", "all"].value == 0
    assert rows["score_identity_error", "all"].value == 0
    rows = evaluate(dataset, {SCORES: of_pairs(dataset, lambda t, r: t - r)})
    assert rows["pair_accuracy", "all"].value == rows["pair_accuracy", "by=direct"].value == 0


def test_a_symmetric_score_tells_them_apart_beside_the_pristine_image_alone() -> None:
    dataset = version_set()
    rows = evaluate(dataset, {SCORES: of_pairs(dataset, lambda t, r: 9 - abs(t - r))})
    assert rows["pair_accuracy", "all"].value == 1
    assert rows["pair_accuracy", "by=direct"].value == 0.5
    assert rows["score_antisymmetry_error", "all"].value == 12
    assert rows["score_identity_error", "all"].value == 9


def pair_maps(dataset: Dataset, make: Callable[[Sample, Sample], np.ndarray]) -> dict[Need, Output]:
    images = {i.id: i for i in dataset.images}
    both = [(images[p.test], images[p.reference]) for p in dataset.pairs]
    ids = tuple(p.id for p in dataset.pairs)
    return {
        need: Output(ids, np.stack([reducer.of(make(t, r), t).ravel() for t, r in both]), {})
        for need, reducer in ((POINTS, LATTICE), (MAPS, DAMAGES_TOLD))
    }


def test_versions_show_direction_antisymmetry_and_identity() -> None:
    dataset = version_set()

    def relational(test: Sample, reference: Sample) -> np.ndarray:
        return np.asarray(0.5 + (oracle_or_flat(test) - oracle_or_flat(reference)) / 2)

    rows = evaluate(dataset, pair_maps(dataset, relational))
    row = rows["direction_accuracy", "by=direct"]
    assert (row.value, row.n_expected) == (1, 6)
    assert rows["antisymmetry_error", "all"].value == pytest.approx(0, abs=1e-7)
    assert rows["identity_error", "all"].value == 0
    # One that only ever says "more" is right in one of two orders.
    rising = evaluate(
        dataset, pair_maps(dataset, lambda t, r: 1 - np.abs(relational(t, r) - 0.5) - 0.4)
    )
    assert rising["direction_accuracy", "by=direct"].value == 0.5
    assert rising["antisymmetry_error", "all"].value == pytest.approx(0.2)
    assert rising["identity_error", "all"].value == pytest.approx(0.1)


def oracle_or_flat(sample: Sample) -> np.ndarray:
    if sample.damages:
        return oracle(sample)
    return np.full((3, *SHAPE), 0.5, np.float32)


BOTH = frozenset({"score_pair", "distortion_map"})


@pytest.mark.parametrize(
    ("operations", "change", "expected"),
    [
        (BOTH, {}, (SCORES, MAPS)),
        ({"score_pair"}, {}, (SCORES,)),
        ({"distortion_map", "score"}, {}, (MAPS,)),
        ({"score"}, {}, "compares no images"),
        (BOTH, {"explicit_pairs": ()}, "the dataset has none"),
        ({"score_pair"}, {"samples": probe_set().samples[:1]}, "no probes of a part"),
    ],
)
def test_what_is_asked_of_a_model(operations: Any, change: Any, expected: Any) -> None:
    found = RELATIONAL.needs(frozenset(operations), replace(probe_set(), **change), 0)
    if isinstance(expected, str):
        assert isinstance(found, Skip)
        assert expected in found.reason
    else:
        assert found == expected


def test_versions_ask_for_more() -> None:
    assert RELATIONAL.needs(BOTH, version_set(), 0) == (SCORES, MAPS, POINTS)
