"""Two models of a collection: against SciPy, against ``significance``, and properties."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats
from typer.testing import CliRunner

from harness.answers.compare import compared, remarks
from harness.answers.versus import Answer, Versus
from harness.canonical import slug
from harness.collection.board import read_board
from harness.protocols.base import Entrant, Protocol
from harness.protocols.correlation import CORRELATION
from harness.protocols.intervals import draw_counts
from harness.protocols.significance import SIGNIFICANCE
from harness.records import Record, Row, write_record
from harness.results_command import app
from harness.sample import Dataset, Sample
from harness.sample_files import write_samples, write_scores
from harness.source import FileSource

RUNNER = CliRunner()


@dataclass(frozen=True)
class Scene:
    """Samples of some contents, and the scores of each model."""

    contents: np.ndarray
    labels: np.ndarray
    scores: Mapping[str, np.ndarray]
    ids: tuple[str, ...]

    def table(self, model: str) -> dict[str, float]:
        pairs = zip(self.ids, self.scores[model].tolist(), strict=True)
        return {name: value for name, value in pairs if np.isfinite(value)}

    @property
    def samples(self) -> tuple[Sample, ...]:
        each = zip(self.ids, self.contents, self.labels, strict=True)
        return tuple(Sample(i, FileSource(Path("x")), str(c), float(y)) for i, c, y in each)


def scene(n_contents: int = 25, each: int = 4, seed: int = 0, **noise: float) -> Scene:
    rng = np.random.default_rng(seed)
    contents = np.repeat(np.arange(n_contents), each)
    labels = rng.normal(size=len(contents)) + rng.normal(size=n_contents)[contents]
    noise = noise or {"good": 0.5, "bad": 2.0}
    scores = {name: labels + sd * rng.normal(size=len(labels)) for name, sd in noise.items()}
    return Scene(contents, labels, scores, tuple(f"s{i:03}" for i in range(len(labels))))


def row(**changes: object) -> Row:
    values = {
        "str": "x", "str | None": None, "float | None": None, "int": 0, "tuple[str, ...]": (),
    }  # fmt: skip
    texts = {"options": "{}", "protocol_options": "{}", "others": "{}", "split": "all"}
    start = {f.name: values[str(f.type)] for f in fields(Row)}
    return Row(
        **{**start, **texts, "subset": "all", "contamination": "none", "metric": "srcc", **changes}
    )  # type: ignore[arg-type]


def keep(
    folder: Path, made: Scene, dataset: str = "rated", **changes: Mapping[str, object]
) -> None:
    """Records of ``correlation`` for each model of ``made``, with scores and samples."""
    samples = write_samples(folder, made.samples)
    for model in made.scores:
        table = made.table(model)
        used = np.isfinite(made.scores[model])
        value = float(stats.spearmanr(made.scores[model][used], made.labels[used]).statistic)
        own = row(
            model=model, dataset=dataset, protocol="correlation", value=value,
            n_expected=len(used), scores=write_scores(folder, table), samples=samples,
            **{"n_scored": len(table), **changes.get(model, {})},
        )  # fmt: skip
        options = json.loads(own.options), json.loads(own.protocol_options)
        slugs = slug(own.model, options[0]), slug(own.protocol, options[1])
        write_record(folder, Record((own,), {}, *slugs))


def keep_significance(folder: Path, made: Scene, dataset: str = "rated") -> None:
    """What a run of all models of ``made`` with ``significance`` keeps."""
    whole = Dataset(dataset, made.samples, label_kind="mos")
    entrants = tuple(Entrant(m, CORRELATION.name, 0.5, made.table(m)) for m in made.scores)
    for model, measures in SIGNIFICANCE.evaluate(whole, entrants, 0).items():
        rows = [
            row(
                model=model, dataset=dataset, protocol=SIGNIFICANCE.name, subset=m.subset,
                metric=m.metric, value=m.value, ci_low=m.ci_low, ci_high=m.ci_high,
                ci_method=m.ci_method, reason=m.reason, n_scored=m.n_scored,
                n_expected=m.n_expected,
            )
            for m in measures
        ]  # fmt: skip
        write_record(folder, Record(tuple(rows), {}, slug(model), SIGNIFICANCE.name))


def ask(folder: Path, a: str = "good", b: str = "bad", **only: object) -> Versus:
    return compared(read_board(folder), a, b, **only)  # type: ignore[arg-type]


def bootstrapped(made: Scene) -> np.ndarray:
    """Differences of the SRCC, good less bad, in resamples of contents of one size, with SciPy."""
    names = np.unique(made.contents.astype(str))
    own = {name: np.flatnonzero(made.contents.astype(str) == name) for name in names}
    drawn = (np.repeat(names, counts) for counts in draw_counts(len(names), 0))
    at = np.array([np.concatenate([own[name] for name in each]) for each in drawn])
    labels, good, bad = (
        stats.zscore(stats.rankdata(x[at], axis=1), axis=1)
        for x in (made.labels, made.scores["good"], made.scores["bad"])
    )
    return np.asarray((good * labels).mean(axis=1) - (bad * labels).mean(axis=1))


def p_of(draws: np.ndarray) -> float:
    rarer = min(np.sum(draws >= -1e-12), np.sum(draws <= 1e-12))
    return float(min(1, 2 * (1 + rarer) / (1 + len(draws))))


def test_the_difference_is_that_of_a_paired_bootstrap_over_contents(tmp_path):
    made = scene(good=1.0, bad=1.1)
    keep(tmp_path, made)
    (line,) = ask(tmp_path).lines
    draws = bootstrapped(made)
    values = [stats.spearmanr(made.scores[m], made.labels).statistic for m in ("good", "bad")]
    assert [line.effect.a, line.effect.b] == pytest.approx(values)
    assert line.effect.value == pytest.approx(values[0] - values[1])
    assert [line.effect.low, line.effect.high] == pytest.approx(np.quantile(draws, [0.025, 0.975]))
    assert line.p_holm == pytest.approx(p_of(draws))
    assert line.effect.n == 100
    assert line.effect.resolvable == pytest.approx(
        (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * draws.std(ddof=1)
    )
    assert line.answer is Answer.OPEN
    assert "holds 0; differences below" in line.why


def test_p_is_corrected_over_all_datasets_that_are_printed(tmp_path):
    scenes = {f"set{i}": scene(seed=i, good=1.0, bad=1.0 + i / 3) for i in range(3)}
    for name, made in scenes.items():
        keep(tmp_path, made, name)
    found = ask(tmp_path).lines
    raw = {name: p_of(bootstrapped(made)) for name, made in scenes.items()}
    order = sorted(raw, key=lambda name: raw[name])
    expected, largest = {}, 0.0
    for rank, name in enumerate(order):
        largest = max(largest, min(1.0, (3 - rank) * raw[name]))
        expected[name] = largest
    assert {line.a.dataset: line.p_holm for line in found} == pytest.approx(expected)
    (alone,) = ask(tmp_path, datasets=["set2"]).lines
    assert alone.p_holm == pytest.approx(raw["set2"])


def test_what_is_clear_alone_may_not_be_among_many(tmp_path):
    for name in ("one", "two", "three"):
        keep(tmp_path, scene(good=1.0, bad=1.2), name)
    (alone,) = ask(tmp_path, datasets=["one"]).lines
    assert alone.answer is Answer.A
    assert 0.02 < alone.p_holm <= 0.05
    for line in ask(tmp_path).lines:
        assert line.effect.low > 0
        assert line.answer is Answer.OPEN
        assert line.why == f"p is {line.p_holm:.3f} after Holm's correction"


def test_it_agrees_with_significance_of_the_same_models(tmp_path):
    made = scene(good=0.8, bad=1.1)
    for name in ("kept", "bare"):
        keep(tmp_path / name, made)
    keep_significance(tmp_path / "bare", made)
    shutil.rmtree(tmp_path / "bare" / "scores")
    (own,), (known,) = ask(tmp_path / "kept").lines, ask(tmp_path / "bare").lines
    assert not own.effect.corrected
    assert "Holm over 1 pairs" in known.effect.corrected
    assert known.answer is own.answer
    assert known.effect.n == own.effect.n
    one, other = (
        [e.a, e.b, e.value, e.low, e.high, e.resolvable] for e in (own.effect, known.effect)
    )
    assert one == pytest.approx(other, abs=1e-12)
    assert own.p_holm == pytest.approx(known.p_holm)


def test_significance_is_not_asked_about_another_variant(tmp_path):
    """Where two variants have one name, rows about that name may be about the other."""
    made = scene()
    keep(tmp_path, made)
    keep_significance(tmp_path, made)
    shutil.rmtree(tmp_path / "scores")
    assert [line.answer for line in ask(tmp_path).lines] == [Answer.A]
    keep(tmp_path, made, bad={"options": '{"variant":"two"}'})
    shutil.rmtree(tmp_path / "scores")
    assert [line.answer for line in ask(tmp_path).lines] == [Answer.UNTESTED]


def test_a_clear_difference_is_called_so_from_both_sides(tmp_path):
    keep(tmp_path, scene())
    found, turned = ask(tmp_path), ask(tmp_path, "bad", "good")
    assert [line.answer for line in found.lines] == [Answer.A]
    assert [line.answer for line in turned.lines] == [Answer.B]
    assert found.summary == turned.summary == "rated · correlation: good is better."


@given(seed=st.integers(0, 50), each=st.integers(1, 3), noise=st.floats(0.1, 3))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_sides_and_names_of_samples_change_nothing(tmp_path_factory, seed, each, noise):
    made = scene(22, each, seed, good=1.0, bad=noise)
    other = np.random.default_rng(seed).permutation(len(made.ids))
    renamed = replace(made, ids=tuple(f"r{i:03}" for i in other))
    folders = [tmp_path_factory.mktemp("kept") for _ in range(2)]
    for folder, each_scene in zip(folders, (made, renamed), strict=True):
        keep(folder, each_scene)
    (line,), (turned,) = ask(folders[0]).lines, ask(folders[0], "bad", "good").lines
    one, two = line.effect, turned.effect
    assert two.value == -one.value
    assert [two.low, two.high] == pytest.approx([-one.high, -one.low])
    assert two.p == one.p
    (same,) = ask(folders[1]).lines
    assert (same.answer, same.why) == (line.answer, line.why)
    assert [same.effect.value, same.effect.low] == pytest.approx([one.value, one.low])


def test_models_with_equal_scores_cannot_be_told_apart(tmp_path):
    made = scene()
    keep(tmp_path, replace(made, scores={m: made.scores["good"] for m in ("good", "bad")}))
    (line,) = ask(tmp_path).lines
    assert (line.effect.value, line.effect.low, line.effect.high) == (0, 0, 0)
    assert (line.answer, line.why) == (Answer.OPEN, "no difference in any resample")


def test_few_contents_prove_nothing(tmp_path):
    keep(tmp_path, scene(8, 30, good=0.1, bad=5.0))
    (line,) = ask(tmp_path).lines
    assert line.effect.low > 0
    assert line.p_holm is None
    assert line.answer is Answer.UNTESTED
    assert line.why == "8 contents, 20 are needed; the interval excludes 0"
    text = _run(tmp_path, "good", "bad")
    first = "rated · correlation: not tested: 8 contents, 20 are needed; the interval excludes 0."
    assert text.splitlines()[0] == first
    assert "told apart" not in text
    assert "To test it" not in text  # no run would help
    keep(tmp_path, scene(8, 30, good=1.0, bad=1.01), "more")
    counted = "Of 2 comparisons: 2 not tested (the interval excludes 0 in 1)."
    assert ask(tmp_path).summary == counted


def test_a_number_of_pairs_is_said_to_be_one(tmp_path):
    keep(tmp_path, scene(), good={"n_scored": 60}, bad={"n_scored": 60})
    (line,) = ask(tmp_path).lines
    assert line.answer is Answer.UNTESTED
    assert line.why == "a number of pairs or parts; only numbers of single pictures are tested"


def test_what_is_circular_is_not_ranked_and_marks_are_printed(tmp_path):
    marks = {"good": {"marks": ("circular", "pseudo-labels")},
             "bad": {"marks": ("pseudo-labels",), "contamination": "labels"}}  # fmt: skip
    keep(tmp_path, scene(), **marks)
    (line,) = ask(tmp_path).lines
    assert line.answer is Answer.UNRANKED
    assert line.why == "A, or close kin, helped to make the labels (circular)"
    text = _run(tmp_path, "good", "bad")
    assert "[pseudo-labels; A: circular; B: seen: labels]" in text


def test_what_is_never_ranked_does_not_count_in_the_correction(tmp_path):
    made = scene(good=1.0, bad=1.2)
    keep(tmp_path, made, "one")
    keep(tmp_path, made, "two", good={"marks": ("circular",)})
    ranked, circular = ask(tmp_path).lines
    assert circular.answer is Answer.UNRANKED
    assert circular.p_holm is None
    assert ranked.p_holm == pytest.approx(p_of(bootstrapped(made)))
    assert "over 1 of the lines" in _run(tmp_path, "good", "bad")


def keep_errors(folder: Path, made: Scene, protocol: str, metric: str) -> None:
    """Records whose headline is the mean error of each model."""
    samples = write_samples(folder, made.samples)
    for model in made.scores:
        errors = np.abs(made.scores[model] - made.labels)
        means = [errors[made.contents == name].mean() for name in np.unique(made.contents)]
        table = dict(zip(made.ids, errors.tolist(), strict=True))
        own = row(
            model=model, dataset="rated", protocol=protocol, metric=metric,
            value=float(np.mean(means)), n_expected=len(errors), n_scored=len(errors),
            scores=write_scores(folder, table), samples=samples,
        )  # fmt: skip
        write_record(folder, Record((own,), {}, model, protocol))


@pytest.mark.parametrize(
    ("metric", "better", "answer", "why"),
    [
        ("mae", 0, Answer.A, "lower is better"),
        ("response", 0, Answer.UNRANKED, "response: no end of it is known to be the better one"),
        ("my-error", 0, Answer.UNRANKED, "my-error: no end of it is known to be the better one"),
        ("my-error", -1, Answer.A, "lower is better"),
        ("my-error", 1, Answer.B, ""),
    ],
)
def test_which_end_is_better_is_asked_of_the_metric(
    tmp_path, register, metric, better, answer, why
):
    protocol = f"{metric}-{better}"  # what was asked of a name is remembered
    asked = Protocol(protocol, "1", "", metric, CORRELATION.needs, list, better=better)
    register("protocols", protocol, asked)
    keep_errors(tmp_path, scene(good=0.1, bad=2.0), protocol, metric)
    (line,) = ask(tmp_path).lines
    assert line.effect.value < 0
    assert (line.answer, line.why) == (answer, why)
    turned = {Answer.A: Answer.B, Answer.B: Answer.A}
    (line,) = ask(tmp_path, "bad", "good").lines
    assert line.answer == turned.get(answer, answer)
    shutil.rmtree(tmp_path / "samples")
    (line,) = ask(tmp_path).lines
    assert line.answer == (Answer.UNRANKED if answer is Answer.UNRANKED else Answer.UNTESTED)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images_hash": "other"}, "not the same images: A other, B x"),
        ({"labels_hash": "other"}, "not the same labels: A other, B x"),
        ({"decoding": "raw"}, "not the same decoding of images: A raw, B x"),
        ({"protocol_version": "9"}, "not the same version of the protocol: A 9, B x"),
    ],
)
def test_what_was_not_measured_alike_is_not_compared(tmp_path, change, words):
    keep(tmp_path, scene(), good=change)
    (line,) = ask(tmp_path).lines
    assert (line.answer, line.why) == (Answer.UNTESTED, words)
    assert line.effect is None


def test_other_options_of_the_protocol_are_told(tmp_path):
    keep(tmp_path, scene(), good={"protocol_options": '{"splits":"80/20"}'})
    keep(tmp_path, scene(good=1.0), "more")
    found = ask(tmp_path)
    assert not found.lines
    assert found.notes == (
        'Not comparable: rated · correlation: not the same protocol options: A {"splits":"80/20"};'
        " B {}.",
        "Only good has: more · correlation.",
    )


def test_correlations_are_of_the_samples_that_both_scored(tmp_path):
    made = scene()
    made.scores["bad"][:7] = np.nan
    keep(tmp_path, made)
    found = ask(tmp_path)
    (line,) = found.lines
    expected = stats.spearmanr(made.scores["good"][7:], made.labels[7:]).statistic
    assert line.effect.n == 93
    assert line.effect.a == pytest.approx(expected)
    assert any("the rows say" in remark for remark in remarks(found))


@pytest.mark.parametrize(
    ("split", "told"),
    [("5 folds of contents, predictions pooled", True), ("leave-one-content-out", True),
     ("median of 10 splits (70/10/20)", True), ("all", False)],
)  # fmt: skip
def test_what_pooling_adds_is_told(tmp_path, split, told):
    keep(tmp_path, scene(), good={"split": split}, bad={"split": split})
    about = "rated · correlation: predictions are pooled over fits, which adds what fits differ in"
    assert any(remark.startswith(about) for remark in remarks(ask(tmp_path))) is told


def test_without_labels_it_says_what_to_type(tmp_path):
    keep(tmp_path, scene())
    shutil.rmtree(tmp_path / "samples")
    text = _run(tmp_path, "good", "bad")
    assert "contents and labels of the samples are not beside the records" in text
    assert (
        "iqa-eval run --models good,bad --datasets rated --protocols correlation,significance"
        in text
    )


def test_damaged_scores_are_an_error_not_an_answer(tmp_path):
    keep(tmp_path, scene())
    next((tmp_path / "scores").iterdir()).write_bytes(b"edited")
    with pytest.raises(ValueError, match="do not match their checksum"):
        ask(tmp_path)


def test_names_are_met_halfway(tmp_path):
    for options in ('{"variant":"one"}', '{"variant":"two"}'):
        keep(tmp_path, scene(), good={"options": options})
    with pytest.raises(ValueError, match=r"did you mean bad\?"):
        ask(tmp_path, "bed", "good")
    with pytest.raises(ValueError, match=r"any of 2 variants.*good \(variant one\), or good--"):
        ask(tmp_path)
    with pytest.raises(ValueError, match="name two models"):
        ask(tmp_path, "bad", "BAD")
    with pytest.raises(ValueError, match=r"unknown dataset 'rate'; did you mean rated\?"):
        ask(tmp_path, "good (variant one)", datasets=["rate"])
    by_label = ask(tmp_path, "good (variant one)")
    by_slug = ask(tmp_path, slug("good", {"variant": "one"}))
    assert by_label == by_slug
    assert len(by_label.lines) == 1


def test_programs_read_the_same(tmp_path):
    keep(tmp_path, scene())
    (line,) = ask(tmp_path).lines
    (one,) = json.loads(_run(tmp_path, "good", "bad", "--format", "json"))
    (other,) = csv.DictReader(io.StringIO(_run(tmp_path, "good", "bad", "--format", "csv")))
    assert one["difference"] == line.effect.value
    assert float(other["difference"]) == line.effect.value
    assert one["answer"] == other["answer"] == "A is better"
    assert one["p_holm"] == line.p_holm


def test_what_a_terminal_cannot_show_of_names_is_not_printed(tmp_path):
    made = scene()
    keep(tmp_path, replace(made, scores={"\ue000[31m<b>": made.labels, "bad": made.scores["bad"]}))
    text = _run(tmp_path, "\ue000[31m<b>", "bad")
    assert "\ue000" not in text
    assert "\ufffd[31m<b>" in text


def test_a_folder_without_records_is_named(tmp_path):
    with pytest.raises(ValueError, match="has no records"):
        RUNNER.invoke(
            app, ["compare", "a", "b", "--records", str(tmp_path)], catch_exceptions=False
        )


def _run(folder: Path, *words: str) -> str:
    found = RUNNER.invoke(
        app, ["compare", *words, "--records", str(folder)], catch_exceptions=False
    )
    assert found.exit_code == 0
    return found.stdout
