"""``sensitivity`` on models whose answer is known."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.model import ModelCard, TrainedOn
from harness.protocols.base import Inputs, Measure, Need, Skip
from harness.protocols.heads import Heads
from harness.sample import Damage, Dataset, Pair, Sample
from harness.source import FileSource
from harness.store import Output
from probes.sensitivity import sensitivity

SENSITIVITY = sensitivity()

NOWHERE = FileSource(Path("nowhere.png"))
AREAS = (1 / 64, 1 / 16, 1 / 4, 1.0)
SCORE, PAIR, FEATURES = Need("score"), Need("score_pair"), Need("features")
HEAD = Need("features", "labeled")


def probe_set(n_contents: int, **changes: object) -> Dataset:
    """Two types × severities 2 and 4 × four areas, each pristine image paired with itself."""
    samples, references = [], []
    for c in range(n_contents):
        references.append(Sample(f"pristine{c:02}", NOWHERE, f"scene{c:02}"))
        for kind in ("blur", "jpeg"):
            for severity in (2, 4):
                for area in AREAS:
                    damage = Damage(kind, severity, area_asked=area, area_met=area)
                    name = f"{c:02}-{kind}-{severity}-{area:g}"
                    reference = f"pristine{c:02}"
                    samples.append(
                        Sample(
                            name, NOWHERE, f"scene{c:02}", damages=(damage,), reference=reference
                        )
                    )
    pairs = [Pair(s.id, s.id, str(s.reference), s.content) for s in samples]
    pairs += [Pair(r.id, r.id, r.id, r.content) for r in references]
    options = {"explicit_pairs": tuple(pairs), "head_dataset": "labeled", **changes}
    return Dataset("probes", tuple(samples), tuple(references), **options)  # type: ignore[arg-type]


def score_of(image: Sample, response: Callable[[Damage], float]) -> float:
    base = 10 * (int(image.content[-2:]) % 3)
    return base - sum(response(damage) for damage in image.damages)


def evaluate(
    dataset: Dataset, outputs: Mapping[Need, Output], head: Dataset | None = None
) -> dict[tuple[str, str], Measure]:
    others = {} if head is None else {"labeled": head}
    rows = SENSITIVITY.evaluate(Inputs(ModelCard("m", "1", "NR"), dataset, outputs, others, seed=0))
    found = {(row.metric, row.subset): row for row in rows}
    assert len(found) == len(rows)
    return found


def scored(dataset: Dataset, response: Callable[[Damage], float]) -> Output:
    values = np.array([score_of(image, response) for image in dataset.images])
    return Output(tuple(image.id for image in dataset.images), values, {})


def test_a_model_of_the_mean_is_proportional_to_the_area() -> None:
    dataset = probe_set(9)
    output = scored(dataset, lambda d: d.area_asked * float(d.severity or 0))
    rows = evaluate(dataset, {SCORE: output})
    full = [i.id for i in dataset.images if not i.damages or i.damages[0].area_asked == 1]
    spread = np.std(output.at(full), ddof=1)
    for area, text in zip(AREAS, ("1/64", "1/16", "1/4", "1"), strict=True):
        row = rows["response", f"area={text}"]
        assert row.value == pytest.approx(3 * area / spread)
        assert (row.n_expected, row.n_scored, row.n_failed) == (36, 36, 0)
        assert (row.marks, row.reason) == (("few contents (9)",), None)
        assert row.scores == dict(zip(output.ids, output.values, strict=True))
        assert rows["response", f"type=blur area={text}"].value == pytest.approx(row.value)
        if area < 1:
            ratio = rows["response_ratio", f"area={text}"]
            assert ratio.value == pytest.approx(area)
            assert (ratio.ci_low, ratio.ci_high) == (None, None)  # all contents are alike
    assert ("response_ratio", "area=1") not in rows
    responses = [key for key in rows if key[0] in ("response", "response_ratio")]
    assert len(responses) == 4 * 3 + 3 * 3
    # Of four areas, on which trapezoids give an area-proportional model a little more than 0.246.
    assert rows["lsi", "all"].value == pytest.approx(0.2734, abs=1e-4)
    assert rows["ordered_by_area", "all"].value == 1
    assert not any(metric in ("detected", "threshold") for metric, _ in rows)  # no harmless change


def test_the_worst_patch_is_blind_to_extent_and_types_differ() -> None:
    dataset = probe_set(9)
    output = scored(dataset, lambda d: 1.0 if d.type == "jpeg" else -0.5)
    rows = evaluate(dataset, {SCORE: output})
    assert rows["response_ratio", "area=1/64"].value == pytest.approx(1)
    jpeg, blur = (rows["response", f"type={t} area=1/16"].value for t in ("jpeg", "blur"))
    assert jpeg is not None
    assert blur == pytest.approx(-jpeg / 2)  # liked: below 0


def test_units_of_the_score_do_not_matter() -> None:
    dataset = probe_set(9)
    output = scored(dataset, lambda d: d.area_asked**0.5)
    moved = Output(output.ids, 1e4 * output.values - 77, {})
    one, other = evaluate(dataset, {SCORE: output}), evaluate(dataset, {SCORE: moved})
    for key, row in one.items():
        assert other[key].value == pytest.approx(row.value)


@pytest.mark.parametrize("n_contents", [8, 24])
def test_each_content_weighs_the_same_and_is_what_is_drawn(n_contents: int) -> None:
    dataset = probe_set(n_contents)
    rng = np.random.default_rng(1)
    noise = {image.id: rng.normal() for image in dataset.images}
    values = [score_of(i, lambda d: 9 * d.area_asked) + noise[i.id] for i in dataset.images]
    output = Output(tuple(i.id for i in dataset.images), np.array(values), {})
    # One content is short of a probe: its others weigh more.
    lost = Output(output.ids[1:], output.values[1:], {output.ids[0]: "too large"})
    score = dict(zip(lost.ids, lost.values, strict=True))
    full = [i.id for i in dataset.images if not i.damages or i.damages[0].area_asked == 1]
    spread = np.std([score[name] for name in full], ddof=1)

    def means(area: float) -> np.ndarray:
        found: dict[str, list[float]] = {}
        for s in dataset.samples:
            if s.damages[0].area_asked == area and s.id in score:
                response = (score[str(s.reference)] - score[s.id]) / spread
                found.setdefault(s.content, []).append(response)
        return np.array([np.mean(found[content]) for content in sorted(found)])

    rows = evaluate(dataset, {SCORE: lost})
    row, by_content = rows["response", "area=1/64"], means(1 / 64)
    assert row.value == pytest.approx(by_content.mean())
    assert (row.n_expected, row.n_scored, row.n_failed) == (
        4 * n_contents,
        4 * n_contents - 1,
        1,
    )
    assert row.reason == "1 failed: first 00-blur-2-0.015625: too large"
    quarter, whole = means(1 / 4), means(1)
    ratio = rows["response_ratio", "area=1/4"]
    assert ratio.value == pytest.approx(quarter.mean() / whole.mean())
    if n_contents < 20:
        expected = stats.t.interval(0.95, n_contents - 1, by_content.mean(), stats.sem(by_content))
        assert row.ci_method == "jackknife t interval over 8 contents"
        left = [np.delete(quarter, i).mean() / np.delete(whole, i).mean() for i in range(8)]
        margin = stats.t.ppf(0.975, 7) * np.sqrt(7 / 8 * np.sum((left - np.mean(left)) ** 2))
        assert (ratio.ci_low, ratio.ci_high) == pytest.approx(
            (ratio.value - margin, ratio.value + margin)
        )
    else:
        draw = np.random.default_rng(0)
        picks = [draw.integers(0, 24, 24) for _ in range(1000)]
        expected = np.quantile([by_content[p].mean() for p in picks], [0.025, 0.975])
        assert row.ci_method == "percentile bootstrap over 24 contents, B=1000, seed 0"
        assert row.marks == ()
        ratios = [quarter[p].mean() / whole[p].mean() for p in picks]
        assert (ratio.ci_low, ratio.ci_high) == pytest.approx(np.quantile(ratios, [0.025, 0.975]))
    assert (row.ci_low, row.ci_high) == pytest.approx(tuple(expected))


def test_row_order_changes_nothing() -> None:
    dataset = probe_set(8)
    output = scored(dataset, lambda d: d.area_asked * float(d.severity or 0))
    order = list(range(len(dataset.samples)))
    random.Random(0).shuffle(order)
    other = replace(dataset, samples=tuple(dataset.samples[i] for i in order))
    moved = Output(output.ids[::-1], output.values[::-1], {})
    assert evaluate(dataset, {SCORE: output}) == evaluate(other, {SCORE: moved})


def test_scores_that_do_not_vary() -> None:
    dataset = probe_set(8)
    constant = Output(
        tuple(i.id for i in dataset.images), np.full(len(dataset.images), 0.1 + 0.2), {}
    )
    rows = evaluate(dataset, {SCORE: constant}).values()
    assert {(row.value, row.ci_low, row.reason) for row in rows} == {
        (None, None, "scores do not vary")
    }


def test_a_lost_reference_costs_its_probes() -> None:
    dataset = probe_set(8)
    output = scored(dataset, lambda d: d.area_asked)
    output.values[output.ids.index("pristine03")] = np.nan
    rows = evaluate(dataset, {SCORE: output})
    row = rows["response", "type=jpeg area=1/4"]
    assert (row.n_expected, row.n_scored, row.n_failed) == (16, 14, 2)
    assert row.marks == ("few contents (7)",)
    assert row.reason == (
        "2 failed: first 03-jpeg-2-0.25: its reference pristine03: score is not finite"
    )


def test_a_ratio_needs_a_response_and_a_partner() -> None:
    dataset = probe_set(8)
    rng = np.random.default_rng(0)
    ids = tuple(i.id for i in dataset.images)
    rows = evaluate(dataset, {SCORE: Output(ids, rng.normal(size=len(ids)), {})})
    row = rows["response_ratio", "area=1/16"]
    assert (row.value, row.reason) == (None, "the drop at area 1 cannot be told from 0")
    assert rows["response", "area=1/16"].value is not None
    partial = tuple(s for s in dataset.samples if s.damages[0].area_asked < 1)
    pairs = tuple(p for p in dataset.pairs if p.id in {s.id for s in partial})
    cut = replace(dataset, samples=partial, explicit_pairs=pairs)
    rows = evaluate(cut, {SCORE: scored(cut, lambda d: d.area_asked)})
    row = rows["response_ratio", "area=1/16"]
    assert (row.value, row.n_expected) == (None, 0)
    assert row.reason == "no probe has a partner at area 1"


def test_full_reference_models_start_from_the_self_pair() -> None:
    dataset = probe_set(8)
    names = [pair.id for pair in dataset.pairs]
    area = {s.id: s.damages[0].area_asked for s in dataset.samples}
    output = Output(tuple(names), np.array([1 - area.get(n, 0.0) for n in names]), {})
    rows = evaluate(dataset, {PAIR: output})
    values = [rows["response", f"area={a}"].value for a in ("1/64", "1/16", "1/4", "1")]
    assert np.array(values) / values[-1] == pytest.approx(AREAS)


def labeled_set(n_contents: int) -> tuple[Dataset, Output]:
    rng = np.random.default_rng(0)
    samples = tuple(
        Sample(f"{c}-{i}", NOWHERE, f"scene{c:02}", label=float(rng.normal()))
        for c in range(n_contents)
        for i in range(6)
    )
    labels = np.array([s.label for s in samples])
    values = labels[:, None, None] + rng.normal(size=(len(samples), 2, 4))
    head = Dataset("labeled", samples, label_kind="mos")
    return head, Output(tuple(s.id for s in samples), values.astype(np.float32), {})


def test_an_encoder_is_read_by_heads_without_the_content() -> None:
    dataset, (head, labeled) = probe_set(3), labeled_set(5)
    rng = np.random.default_rng(1)
    values = np.array(
        [[[-d for d in (sum(x.area_asked for x in i.damages),) * 4]] * 2 for i in dataset.images]
    )
    values = (values + 0.1 * rng.normal(size=values.shape)).astype(np.float32)
    features = Output(tuple(i.id for i in dataset.images), values, {})
    rows = evaluate(dataset, {FEATURES: features, HEAD: labeled}, head)
    y = np.array([s.label for s in head.samples])
    contents = np.array([s.content for s in head.samples])
    found = rows["response", "area=1"].scores
    assert found is not None
    heads = Heads(labeled.values, y, contents)
    alpha = heads.without("none").alpha  # of all: heads of one content each would choose others
    assert {heads.without(content).alpha for content in contents} != {alpha}
    for content in ("scene00", "scene01", "scene02"):
        rest = contents != content
        model = make_pipeline(StandardScaler(), Ridge(alpha=alpha))
        model.fit(labeled.values[rest].reshape(-1, 4).astype(float), np.repeat(y[rest], 2))
        for i, image in enumerate(dataset.images):
            if image.content == content:
                expected = model.predict(values[i].astype(float)).mean()
                assert found[image.id] == pytest.approx(expected, rel=1e-7)
    assert rows["response", "area=1"].value > rows["response", "area=1/64"].value  # type: ignore[operator]


def test_the_head_of_an_encoder_does_not_meet_held_out_types() -> None:
    dataset, (head, labeled) = probe_set(3), labeled_set(5)
    renamed = {"jpeg": "jpeg", "blur": "jitter"}  # which is held out
    dataset = replace(
        dataset,
        samples=tuple(
            replace(s, damages=tuple(replace(d, type=renamed[d.type]) for d in s.damages))
            for s in dataset.samples
        ),
    )
    rng = np.random.default_rng(1)
    values = rng.normal(size=(len(dataset.images), 2, 4)).astype(np.float32)
    features = Output(tuple(i.id for i in dataset.images), values, {})

    def read(shift: Mapping[str, float], told: bool = True) -> dict[tuple[str, str], Measure]:
        """Where the labels of a type are shifted by so much for every other image."""
        samples = []
        for i, s in enumerate(head.samples):
            type = ("jpeg", "jitter")[i % 2]
            moved = float(s.label or 0) + shift.get(type, 0) * (i % 4 < 2)
            damages = (Damage(type, 3),) if told else ()
            samples.append(replace(s, label=moved, damages=damages))
        card = ModelCard("m", "1", "NR", trained_on=(TrainedOn("photos"),))
        inputs = Inputs(
            card,
            dataset,
            {FEATURES: features, HEAD: labeled},
            {"labeled": replace(head, samples=tuple(samples))},
            seed=0,
        )
        return {(row.metric, row.subset): row for row in SENSITIVITY.evaluate(inputs)}

    found = read({})
    row = found["response", "area=1"]
    assert read({"jitter": 9.0})["response", "area=1"].scores == row.scores
    assert read({"jpeg": 9.0})["response", "area=1"].scores != row.scores
    untold = read({"jitter": 9.0}, told=False)
    assert untold["response", "area=1"].scores != row.scores
    # What the head has met, the model has seen: of its types only jitter is new to it.
    assert ("lsi", "seen=no") in found
    assert "held out" in found["response", "type=jitter area=1"].marks
    assert "held out" not in found["response", "type=jpeg area=1"].marks
    assert not any("seen=" in subset for _, subset in untold)


def test_where_a_head_comes_from_is_said() -> None:
    dataset, (head, labeled) = probe_set(3), labeled_set(5)
    values = np.array([[[-sum(x.area_asked for x in i.damages)] * 4] for i in dataset.images])
    values += 0.01 * np.random.default_rng(1).normal(size=values.shape)
    features = Output(tuple(i.id for i in dataset.images), values.astype(np.float32), {})
    for types, told in (
        (("jpeg", "jitter"), "without the 15 images of held-out types"),
        (("jpeg", "blur"), "on all its images"),
    ):
        samples = (
            replace(s, damages=(Damage(types[i % 2], 3),)) for i, s in enumerate(head.samples)
        )
        named = replace(head, samples=tuple(samples))
        row = evaluate(dataset, {FEATURES: features, HEAD: labeled}, named)["lsi", "all"]
        assert row.value is not None
        assert str(row.reason).endswith(f"read by a head fitted on labeled, {told}")


def test_an_encoder_that_cannot_be_read() -> None:
    dataset, (head, labeled) = probe_set(3), labeled_set(2)
    features = Output(
        tuple(i.id for i in dataset.images), np.ones((len(dataset.images), 1, 4), np.float32), {}
    )
    rows = evaluate(dataset, {FEATURES: features, HEAD: labeled}, head).values()
    assert {row.value for row in rows} == {None}
    assert all((row.reason or "").startswith("the head needs at least 3") for row in rows)
    head, labeled = labeled_set(5)
    rows = evaluate(dataset, {FEATURES: features, HEAD: labeled}, head).values()
    assert {(row.value, row.reason) for row in rows} == {(None, "features do not vary")}


def test_nothing_at_all() -> None:
    dataset = probe_set(3)
    nothing = Output((), np.empty(0), {i.id: "no luck" for i in dataset.images})
    row = evaluate(dataset, {SCORE: nothing})["response", "area=1"]
    assert (row.value, row.n_scored, row.n_failed) == (None, 0, 12)
    assert row.reason == "12 failed: first 00-blur-2-1: no luck"


def test_what_it_needs() -> None:
    dataset = probe_set(3)
    needs = lambda *names: SENSITIVITY.needs(frozenset(names), dataset, 0)  # noqa: E731
    assert needs("score", "score_pair", "features") == (SCORE,)
    assert needs("score_pair", "features") == (PAIR,)
    assert needs("features") == (FEATURES, HEAD)
    assert isinstance(needs("quality_map"), Skip)


@pytest.mark.parametrize(
    ("change", "operation", "reason"),
    [
        (lambda d: replace(d, head_dataset=None), "features", "names no labeled set"),
        (
            lambda d: replace(d, explicit_pairs=d.pairs[:-1]),
            "score_pair",
            "'pristine02' is not paired with itself",
        ),
        (
            lambda d: replace(d, samples=(*d.samples, Sample("x", NOWHERE, "x"))),
            "score",
            "every sample with known damage and a reference",
        ),
        (
            lambda d: Dataset(
                "full",
                tuple(s for s in d.samples if s.damages[0].area_asked == 1),
                d.references,
            ),
            "score",
            "only a part of the image",
        ),
    ],
)
def test_what_it_skips(change: Callable[[Dataset], Dataset], operation: str, reason: str) -> None:
    needs = SENSITIVITY.needs(frozenset({operation}), change(probe_set(3)), 0)
    assert isinstance(needs, Skip)
    assert reason in needs.reason
