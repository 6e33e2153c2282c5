"""Fits: what they see, that none is done twice, and what is left when they are killed."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from harness import run
from harness.executors import processes
from harness.images import DEFAULT_POLICY, Decoded, DecodePolicy, Failure
from harness.protocols.base import Fit, Inputs, Measure, Protocol
from harness.protocols.fine_tune import fine_tune
from harness.sample import Dataset, Pair, Sample
from harness.subset import parts_of
from tests.conftest import card
from tests.harness.test_executors import children, runs, wait_until
from tests.harness.test_runner import computed, everything

FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Noise:
    """A square of noise, like no other."""

    name: str
    strength: float

    def fingerprint(self) -> str:
        return f"{self.name} {self.strength}"

    def load(self, policy: DecodePolicy) -> Decoded:
        seed = int(hashlib.sha256(self.name.encode()).hexdigest()[:8], 16)
        noise = np.random.default_rng(seed).normal(128, 2 + 10 * self.strength, (3, 12, 12))
        return Decoded(torch.from_numpy(noise.clip(0, 255).astype(np.uint8)))

    def alpha(self) -> None:
        return None


def noisy(n: int, per_content: int = 2, **changes: Any) -> Dataset:
    """``n`` contents; samples refer to a pristine image, and every second of these has a label."""
    samples, references = [], []
    for c in range(n):
        pristine = Sample(f"ref{c:02}", Noise(f"ref{c:02}", 0), f"scene{c:02}")
        if c % 2:
            samples.append(replace(pristine, label=0.5))
        else:
            references.append(pristine)
        for i in range(per_content):
            name, strength = f"img{c:02}-{i}", 1 + i + c / n
            samples.append(
                Sample(
                    name, Noise(name, strength), f"scene{c:02}", -strength, reference=f"ref{c:02}"
                )
            )
    kept = tuple(s.id for s in samples)
    return Dataset(
        "noisy",
        tuple(samples),
        tuple(references),
        **{"label_kind": "mos", "listed": kept} | changes,
    )


class Line:
    """Fits a line of the label against the spread of the pixels, in epochs that leave a trace.

    What it has seen goes into ``folder``, a file a fit; it fails to score what it has seen.
    """

    def __init__(self, folder: Path, epochs: int = 1, seconds: float = 0.0, **options: Any) -> None:
        self.folder, self.epochs, self.seconds = folder, epochs, seconds
        self.card = card("line", options=options)
        for name in ("epochs", "fits"):
            folder.mkdir(exist_ok=True)
            (folder / name).touch()

    def note(self, name: str) -> None:
        with (self.folder / name).open("ab") as log:
            log.write(b".")

    def count(self, name: str) -> int:
        return (self.folder / name).stat().st_size

    def fit(self, train: Dataset, validation: Dataset, seed: int, workdir: Path) -> Fitted:
        self.note("fits")
        seen = [image for part in (train, validation) for image in part.images]
        reachable = repr([{k: v for k, v in vars(p).items()} for p in (train, validation)])
        said = {
            "train": [s.id for s in train.samples],
            "validation": [s.id for s in validation.samples],
            "reachable": reachable,
            "contents": sorted({image.content for image in seen}),
        }
        (workdir / "seen.json").write_text(json.dumps(said))
        pixels = frozenset(_bytes(image.source.load(DEFAULT_POLICY).image) for image in seen)
        state, done = workdir / "state.json", {"epoch": 0, "weights": [0.0, 0.0]}
        if state.is_file():
            done = json.loads(state.read_text())
        drawn = float(torch.rand(()))
        for epoch in range(done["epoch"], self.epochs):
            time.sleep(self.seconds)
            self.note("epochs")
            x = [_spread(s.source.load(DEFAULT_POLICY).image) for s in train.samples]
            slope, offset = np.polyfit(x, [s.label for s in train.samples], 1)
            slope *= 1 + 1e-3 * (drawn + seed + epoch)
            done = {"epoch": epoch + 1, "weights": [slope, offset]}
            (workdir / "new").write_text(json.dumps(done))
            os.replace(workdir / "new", state)
        curve = "epoch,loss,kept\n" + "".join(f"{e + 1},0.5,no\n" for e in range(self.epochs))
        (workdir / "curve.csv").write_text(curve)
        return Fitted(self, done["weights"], pixels)


class Fitted:
    def __init__(self, line: Line, weights: list[float], pixels: frozenset[bytes]) -> None:
        self.card, self.line, self.weights, self.pixels = line.card, line, weights, pixels

    def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        if any(_bytes(image) in self.pixels for image in images):
            raise AssertionError("seen before")
        slope, offset = self.weights
        return torch.tensor([slope * _spread(i) + offset for i in images], dtype=torch.float64)


def _bytes(image: torch.Tensor) -> bytes:
    return image.numpy().tobytes()


def _spread(image: torch.Tensor) -> float:
    return float(image.double().std())


Go = Callable[..., Any]
FITS = 6


def rank(inputs: Inputs) -> list[Measure]:
    """One number of all scores together: quicker than medians with intervals."""
    label = {s.id: s.label for s in inputs.dataset.samples}
    found = [
        (value, label[name])
        for output in inputs.outputs.values()
        for name, value in zip(output.ids, output.values.tolist(), strict=True)
        if name in label
    ]
    value = stats.spearmanr(*zip(*found, strict=True)).statistic
    return [Measure("srcc", value, len(label), len(label), 0)]


@pytest.fixture
def go(tmp_path: Path, register: Callable[..., None]) -> Go:
    needs = fine_tune(n_splits=FITS).needs
    register("protocols", "quick", Protocol("quick", "1", "", "srcc", needs, rank))

    def go(
        model: Any, dataset: Dataset, protocol: Any = "quick", out: str = "out", **more: Any
    ) -> dict[str, Any]:
        """The record of one run, with the rows as a frame under "frame"."""
        settings = {"cache": tmp_path / "cache", "workers": 1, "progress": False, **more}
        frame = run([model], [dataset], [protocol], out=tmp_path / out, **settings)
        (path,) = (tmp_path / out / "records").glob("*/*/*.json")
        return {**json.loads(path.read_text()), "frame": frame}

    return go


def headline(record: dict[str, Any]) -> Any:
    frame = record["frame"]
    return frame[(frame["metric"] == "srcc") & (frame["subset"] == "all")].iloc[0]


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path / "line")


CURVE = {"name": "data-efficiency", "fractions": [0.25, 0.5], "repeats": 2}


# What a fit sees -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "protocol", "fits"),
    [
        (24, "quick", FITS),
        (24, {"name": "fine-tune", "splits": "80/20", "n_splits": 1}, 1),
        (7, "fine-tune", 5),
        (24, CURVE, 4),
    ],
)
def test_no_test_image_reaches_a_fit(go, line, tmp_path, n, protocol, fits):
    dataset = noisy(n)
    pairs = tuple(
        Pair(f"p{s.id}", s.id, s.reference, s.content) for s in dataset.samples if s.reference
    )
    across = Pair("across", "img00-0", "img01-0", "scene00")
    dataset = replace(dataset, explicit_pairs=(*pairs, across))
    record = go(line, dataset, protocol)
    assert not record["failures"]
    assert len(record["fits"]) == line.count("fits") == fits
    content = {s.id: s.content for s in dataset.images}
    labels = {s.id for s in dataset.samples}
    for fit in record["fits"]:
        (folder,) = (tmp_path / "cache" / "fits").glob(f"*/{fit['key'][:20]}")
        seen = json.loads((folder / "seen.json").read_text())
        learned = {*seen["train"], *seen["validation"]}
        assert (
            len(learned)
            == fit["train"] + fit["validation"]
            == len(seen["train"] + seen["validation"])
        )
        assert min(fit["train"], fit["validation"], fit["test"]) > 0
        contents = {content[i] for i in learned}
        assert set(seen["contents"]) == contents
        assert not {content[i] for i in seen["train"]} & {content[i] for i in seen["validation"]}
        # Whatever else can be reached from the arguments is of these contents.
        for name, its in content.items():
            assert (f"'{name}'" in seen["reachable"]) <= (its in contents), name
        tested = {i for i in labels if content[i] not in contents}
        assert fit["test"] <= len(tested)


def test_what_is_left_in_the_parts():
    dataset = noisy(4)
    fit = Fit(("img01-0", "img00-0"), ("img02-1",), ("ref01", "img03-0"), 0)
    parts = parts_of(dataset, fit)
    first, second = parts.train.samples
    assert (first.id, first.reference) == ("img01-0", None)  # its reference is asked about
    assert (second.id, second.reference) == ("img00-0", "ref00")
    assert [image.id for image in parts.train.images] == ["img01-0", "img00-0", "ref00"]
    assert [pair.id for pair in parts.train.pairs] == ["img00-0"]
    assert parts.train.listed is None
    assert parts.test.samples[1].label == -1.75  # and its reference without its own label
    assert [(s.id, s.label) for s in parts.test.references] == [("ref03", None)]
    assert parts.validation.images_hash == replace(parts.validation).images_hash
    with pytest.raises(ValueError, match="'ref00' is asked for, and is no sample of noisy"):
        parts_of(dataset, replace(fit, test=("ref00",)))
    with pytest.raises(ValueError, match="'img00-0' is asked for twice in one fit"):
        replace(fit, test=("img00-0",))


# Once ------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["quick", CURVE])
def test_a_second_run_fits_nothing(go, line, tmp_path, protocol):
    first = go(line, noisy(24), protocol)
    n = line.count("fits")
    assert n > 0
    second = go(line, noisy(24), protocol, out="again")
    assert line.count("fits") == n
    assert computed(tmp_path / "again") == (0, sum(computed(tmp_path / "out")))
    assert first["frame"].equals(second["frame"])
    assert set(first["frame"]["contamination"]) == {"none"}


@pytest.mark.skipif(not processes.available(), reason="workers cannot be forked here")
def test_any_number_of_workers_gives_the_same_records(go, line, tmp_path):
    for workers in (1, 2, 3):
        go(line, noisy(24), out=f"out{workers}", cache=tmp_path / f"c{workers}", workers=workers)
    found = [everything(tmp_path / f"out{n}" / "records") for n in (1, 2, 3)]
    assert found[0] == found[1] == found[2]


def test_what_changes_a_fit(go, line, tmp_path):
    def keys(model: Any, dataset: Dataset, out: str, **more: Any) -> set[str]:
        return {fit["key"] for fit in go(model, dataset, out=out, **more)["fits"]}

    dataset = noisy(24)
    before = keys(line, dataset, "0")
    assert len(before) == FITS
    odd = dataset.samples[0]
    relabeled = replace(dataset, samples=(replace(odd, label=9.0), *dataset.samples[1:]))
    after = keys(line, relabeled, "1")
    # Those to which the sample is unknown stay as they are.
    assert 0 < len(before & after) < FITS
    assert line.count("fits") == 2 * FITS - len(before & after)
    renamed = replace(odd, id="img00-x", source=odd.source)
    others = [
        keys(line, replace(dataset, samples=(renamed, *dataset.samples[1:])), "2"),
        keys(line, dataset, "3", seed=1),
        keys(Line(tmp_path / "line", lr=0.1), dataset, "4"),
    ]
    assert not before & others[1]
    assert not before & others[2]
    assert 0 < len(before & others[0]) < FITS


# Failures --------------------------------------------------------------------------------


class Fails(Line):
    def fit(self, train: Dataset, validation: Dataset, seed: int, workdir: Path) -> Any:
        if not (self.folder / "works").exists():
            self.note("fits")
            raise RuntimeError("the loss is\nnot finite")
        return super().fit(train, validation, seed, workdir)


@pytest.mark.parametrize("protocol", ["fine-tune", CURVE])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_fit_that_fails_is_rows_with_the_reason(go, tmp_path, protocol, workers):
    protocol = {"name": "fine-tune", "n_splits": 2} if protocol == "fine-tune" else protocol
    model = Fails(tmp_path / "fails")
    record = go(model, noisy(24), protocol, workers=workers)
    reason = "fit failed: RuntimeError: the loss is not finite"
    assert record["frame"]["value"].isna().all()
    assert record["frame"]["reason"].str.contains(reason).all()
    assert set(record["failures"]["score after fit 1"].values()) == {reason}
    n = model.count("fits")
    go(model, noisy(24), protocol, out="again", workers=workers)
    assert model.count("fits") == n
    (tmp_path / "fails" / "works").touch()
    asked = go(model, noisy(24), protocol, out="asked", workers=workers, retry_failed=True)
    assert model.count("fits") == 2 * n
    assert asked["frame"]["value"].notna().all()


def test_one_fit_that_fails_leaves_the_others(go, tmp_path):
    class Once(Fails):
        def fit(self, *args: Any) -> Any:
            if self.count("fits"):
                (self.folder / "works").touch()
            return super().fit(*args)

    protocol = {"name": "fine-tune", "n_splits": 3}
    row = headline(go(Once(tmp_path / "once"), noisy(24), protocol))
    assert row["value"] > 0.5
    assert "1 of 3 fits without a score: first fit failed: RuntimeError" in row["reason"]


class Wrong(Line):
    def fit(self, *args: Any) -> Any:
        return {"none": None, "mute": type("Mute", (), {"card": self.card})()}[
            self.card.options["r"]
        ]


@pytest.mark.parametrize(
    ("returns", "words"),
    [("none", "returned a NoneType, which is no model"), ("mute", "offers no score")],
)
def test_what_is_no_fitted_model(go, tmp_path, returns, words):
    record = go(Wrong(tmp_path / "wrong", r=returns), noisy(7), "fine-tune")
    assert record["frame"]["reason"].str.contains(words).all()


def test_an_image_that_fails_is_one_failure(go, line):
    class Broken(Noise):
        def load(self, policy: DecodePolicy) -> Any:
            return Failure("cannot decode PNG")

    class Careful(Line):
        def fit(self, *parts: Any) -> Any:
            return super().fit(*map(_readable, parts[:2]), *parts[2:])

    dataset = noisy(7)
    odd = replace(dataset.samples[0], source=Broken("img00-0", 1.0))
    model = Careful(line.folder)
    record = go(model, replace(dataset, samples=(odd, *dataset.samples[1:])), "fine-tune")
    row = headline(record)
    assert (row["n_expected"], row["n_failed"]) == (17, 1)
    assert row["value"] > 0.5
    assert "1 failed: first img00-0: cannot decode PNG" in row["reason"]
    (failed,) = record["failures"].values()
    assert failed == {"img00-0": "cannot decode PNG"}


def _readable(part: Dataset) -> Dataset:
    sound = [s for s in part.samples if isinstance(s.source.load(DEFAULT_POLICY), Decoded)]
    return replace(part, samples=tuple(sound))


def test_what_cannot_be_fitted_is_not_applicable(go, line):
    class Plain:
        card = card("plain")

        def score(self, images: Any) -> Any:
            raise AssertionError("nobody asks")

    row = headline(go(Plain(), noisy(24), "fine-tune"))
    assert (row["value"], row["reason"]) == (None, "cannot be fitted")
    row = headline(go(line, noisy(2), out="few"))
    assert row["reason"] == "at least 3 contents are needed, 2 with labels are here"
    assert "not applicable" in row["marks"]


def test_the_record_says_what_was_fitted_and_how_it_went(go, tmp_path):
    record = go(Line(tmp_path / "line", epochs=2), noisy(24), {"name": "fine-tune", "n_splits": 1})
    (fit,) = record["fits"]
    assert (fit["seed"], fit["train"] + fit["validation"] + fit["test"]) == (0, 60)
    assert fit["curve"] == [
        {"epoch": 1.0, "loss": 0.5, "kept": "no"},
        {"epoch": 2.0, "loss": 0.5, "kept": "no"},
    ]


# How they end ----------------------------------------------------------------------------


@pytest.mark.skipif(not processes.available(), reason="workers cannot be forked here")
@pytest.mark.parametrize("epochs", [2, 13, 22])
def test_kill_9_costs_an_epoch_a_worker(go, tmp_path, epochs):
    model = Line(tmp_path / "line", epochs=4, seconds=0.02)
    child = FORK.Process(target=go, args=(model, noisy(24)), kwargs={"workers": 2, "out": "killed"})
    child.start()
    wait_until(lambda: model.count("epochs") >= epochs)
    workers = children(child.pid)
    os.kill(child.pid, signal.SIGKILL)
    child.join(10)
    wait_until(lambda: not any(map(runs, workers)), 5)
    record = go(model, noisy(24), workers=2)
    assert 4 * FITS <= model.count("epochs") <= 4 * FITS + 2
    assert headline(record)["value"] > 0.5
    whole = go(Line(tmp_path / "other", epochs=4), noisy(24), out="whole", cache=tmp_path / "fresh")
    assert whole["fits"] == record["fits"]
    assert whole["frame"].equals(record["frame"])


@pytest.mark.skipif(not processes.available(), reason="workers cannot be forked here")
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_breaks_a_fit_off(go, tmp_path, workers):
    model = Line(tmp_path / "line", epochs=1000, seconds=0.02)

    def session() -> None:
        os.setsid()
        try:
            go(model, noisy(24), workers=workers)
        except KeyboardInterrupt:
            os._exit(7)

    child = FORK.Process(target=session)
    child.start()
    wait_until(lambda: model.count("epochs") >= 2)
    pids, began = children(child.pid), time.monotonic()
    os.killpg(child.pid, signal.SIGINT)
    child.join(20)
    assert child.exitcode == 7
    assert time.monotonic() - began < 5
    assert not any(map(runs, pids))
    assert model.count("epochs") < 900
