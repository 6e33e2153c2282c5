"""Fits: what they see, that none is done twice, and what is left when they are killed."""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image
from scipy import stats

from harness import fit_stage, learning_curve, run
from harness.executors import processes
from harness.images import DEFAULT_POLICY, Decoded, DecodePolicy, Failure, decode
from harness.protocols.base import Fit, Inputs, Measure, Need, Protocol
from harness.protocols.fine_tune import fine_tune
from harness.randomness import seed_of
from harness.sample import Dataset, Pair, Sample
from harness.source import FileSource
from harness.store import StoreError
from harness.subset import parts_of
from tests.conftest import card
from tests.harness.test_executors import children, runs, wait_until
from tests.harness.test_images import ADOBE
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
        pixels = frozenset(_bytes(image.source.load(DEFAULT_POLICY).image) for image in seen)
        said["pixels"] = sorted(hashlib.sha256(each).hexdigest() for each in pixels)
        (workdir / "seen.json").write_text(json.dumps(said))
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
    assert [image.id for image in parts.test.images] == ["ref01", "img03-0"]
    paired = parts_of(dataset, fit, pairs=True).test
    assert paired.samples[1].label == -1.75  # and its reference without its own label
    assert [(s.id, s.label) for s in paired.references] == [("ref03", None)]
    assert parts.validation.images_hash == replace(parts.validation).images_hash
    with pytest.raises(ValueError, match="'ref00' is asked for, and is no sample of noisy"):
        parts_of(dataset, replace(fit, test=("ref00",)))
    with pytest.raises(ValueError, match="'img00-0' is asked for twice in one fit"):
        replace(fit, test=("img00-0",))


def test_the_bytes_of_a_tested_image_reach_no_fit(go, line, tmp_path):
    """Half of the images are there twice, as other contents; so is a reference of each of these."""
    dataset = noisy(12)

    def again(image: Sample) -> Sample:
        reference = None if image.reference is None else f"again-{image.reference}"
        name = f"again-{image.id}"
        return replace(image, id=name, content=f"again-{image.content}", reference=reference)

    half = {f"scene{c:02}" for c in range(6)}
    dataset = replace(
        dataset,
        samples=(*dataset.samples, *(again(s) for s in dataset.samples if s.content in half)),
        references=(*dataset.references, *(again(s) for s in dataset.references)),
        listed=None,
    )
    record = go(line, dataset, {"name": "fine-tune", "n_splits": 3})
    assert not record["failures"]  # a Line fails on what it has seen
    by_name = {image.id: image for image in dataset.images}
    needs = fine_tune(n_splits=3).needs(frozenset({"fit"}), dataset, 0)
    left_out = set()
    for need, told in zip(needs, record["fits"], strict=True):
        reached = {*need.fit.test, *(by_name[i].reference for i in need.fit.test)}
        twins = {i.removeprefix("again-") for i in reached if i}
        here = {
            i for i in (*need.fit.train, *need.fit.validation) if i.removeprefix("again-") in twins
        }
        assert told["left_out"] == len(here)
        asked = len(need.fit.train) + len(need.fit.validation)
        assert told["train"] + told["validation"] == asked - len(here)
        left_out |= here
    assert left_out
    assert record["warnings"] == dict.fromkeys(
        sorted(left_out), "left out of a fit, which is asked about an image of the same bytes"
    )


def test_files_that_are_absent_are_not_the_same_bytes():
    names = [f"{i}.png" for i in range(3)]
    samples = [Sample(n, FileSource(Path("nowhere", n)), n, label=1.0) for n in names]
    parts = parts_of(Dataset("d", tuple(samples), label_kind="mos"), Fit(*zip(names), 0))
    assert (len(parts.train.samples), len(parts.validation.samples), parts.left_out) == (1, 1, ())


def test_a_fit_and_its_test_see_the_same_pixels(go, line, tmp_path):
    """``DEFAULT_POLICY`` in an adapter does not bring back the profile that a run ignores."""
    folder = tmp_path / "images"
    folder.mkdir()
    samples = []
    for c in range(24):
        pixels = np.random.default_rng(c).normal(128, 5 + c, (16, 16, 3)).clip(0, 255)
        path = folder / f"{c}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(path, icc_profile=ADOBE)
        samples.append(Sample(path.name, FileSource(path), path.stem, label=float(c)))
    dataset = Dataset("wide", tuple(samples), label_kind="mos")
    keys = {}
    for icc in ("srgb", "ignore"):
        record = go(line, dataset, {"name": "fine-tune", "n_splits": 1}, out=icc, icc=icc)
        (fit,) = record["fits"]
        keys[icc] = fit["key"]
        (seen,) = (tmp_path / "cache" / "fits").glob(f"*/{fit['key'][:20]}/seen.json")
        expected = {
            hashlib.sha256(_bytes(decode(s.source.path, DecodePolicy(icc=icc)).image)).hexdigest()
            for s in samples
        }
        pixels = set(json.loads(seen.read_text())["pixels"])
        assert pixels < expected
    assert keys["srgb"] != keys["ignore"]


@pytest.mark.parametrize("protocol", ["quick", CURVE])
def test_a_fitted_model_is_asked_about_nothing_but_the_test_part(go, tmp_path, protocol):
    model = Line(tmp_path / "line")
    record = go(model, noisy(24), protocol)
    assert computed(tmp_path / "out") == (sum(fit["test"] for fit in record["fits"]), 0)


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


@pytest.mark.parametrize("protocol", ["quick", CURVE])
def test_the_store_has_all_that_a_record_says(go, tmp_path, protocol):
    model = Line(tmp_path / "line", epochs=2)
    first = go(model, noisy(24), protocol)
    n = model.count("fits")
    shutil.rmtree(tmp_path / "cache" / "fits")
    go(model, noisy(24), protocol, out="again")
    assert model.count("fits") == n
    assert all(len(fit["curve"]) == 2 for fit in first["fits"])
    assert everything(tmp_path / "out" / "records") == everything(tmp_path / "again" / "records")


@pytest.mark.skipif(not processes.available(), reason="workers cannot be forked here")
@pytest.mark.parametrize("workers", [1, 2])
def test_two_programs_on_one_cache_share_the_fits(go, tmp_path, workers):
    model = Line(tmp_path / "line", epochs=3, seconds=0.05)
    programs = [
        FORK.Process(
            target=go, args=(model, noisy(24)), kwargs={"workers": workers, "out": f"out{i}"}
        )
        for i in range(2)
    ]
    for program in programs:
        program.start()
    for program in programs:
        program.join(60)
    assert [program.exitcode for program in programs] == [0, 0]
    assert (model.count("fits"), model.count("epochs")) == (FITS, 3 * FITS)
    go(Line(tmp_path / "other", epochs=3), noisy(24), out="alone", cache=tmp_path / "fresh")
    alone = everything(tmp_path / "alone" / "records")
    assert everything(tmp_path / "out0" / "records") == alone
    assert everything(tmp_path / "out1" / "records") == alone


@pytest.mark.skipif(not processes.available(), reason="workers cannot be forked here")
def test_a_fit_that_another_program_is_at_is_waited_for(go, line, tmp_path, capfd):
    key = go(line, noisy(24), cache=tmp_path / "first")["fits"][0]["key"]
    (name,) = (p.name for p in (tmp_path / "first" / "fits").iterdir())
    lock = tmp_path / "cache" / "fits" / name / f".{key[:20]}.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        child = FORK.Process(target=go, args=(line, noisy(24)))
        child.start()
        wait_until(lambda: line.count("fits") == 2 * FITS - 1)
        child.join(0.3)
        assert child.is_alive()
        assert line.count("fits") == 2 * FITS - 1
    child.join(60)
    assert child.exitcode == 0
    assert line.count("fits") == 2 * FITS
    assert (
        f"waiting for another program, which is at the fit in {lock.parent}"
        in capfd.readouterr().err
    )


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


def test_what_failed_is_asked_once_there_is_a_fitted_model(go, tmp_path, register):
    """Another protocol asks the same fits about other images, and this time they succeed."""
    model, dataset = Fails(tmp_path / "fails"), noisy(24)
    go(model, dataset)
    (model.folder / "works").touch()

    def fewer(*given: Any) -> tuple[Need, ...]:
        needs = fine_tune(n_splits=FITS).needs(*given)
        return tuple(Need("score", fit=replace(n.fit, test=n.fit.test[1:])) for n in needs)

    register("protocols", "fewer", Protocol("fewer", "1", "", "srcc", fewer, rank))
    settings = {"cache": tmp_path / "cache", "workers": 1, "progress": False}
    frame = run([model], [dataset], ["quick", "fewer"], **settings)
    assert model.count("fits") == 2 * FITS
    assert frame["value"].notna().all()


class Torn(Line):
    """Breaks off, and leaves a file that no fit goes on from."""

    def fit(self, train: Dataset, validation: Dataset, seed: int, workdir: Path) -> Any:
        state = workdir / "state.json"
        if not (self.folder / "works").exists():
            state.write_text("junk")
            (self.folder / "works").touch()
            raise OSError(errno.EIO, "Input/output error", str(state))
        if state.is_file() and state.read_text() == "junk":
            raise ValueError(f"{state}: no fit can go on from it; remove it to begin again")
        return super().fit(train, validation, seed, workdir)


def test_what_can_be_mended_is_told_and_not_kept(go, tmp_path):
    model, protocol = Torn(tmp_path / "torn"), {"name": "fine-tune", "n_splits": 1}
    row = headline(go(model, noisy(24), protocol))
    assert row["reason"].startswith("1 of 1 fits without a score: first not fitted: OSError: ")
    assert row["reason"].split(";")[0].endswith("state.json: Input/output error")
    row = headline(go(model, noisy(24), protocol, out="again"))
    assert "not fitted: ValueError: " in row["reason"]
    assert "no fit can go on from it; remove it to begin again" in row["reason"]
    (state,) = (tmp_path / "cache" / "fits").glob("*/*/state.json")
    state.unlink()
    mended = go(model, noisy(24), protocol, out="mended")
    assert headline(mended)["value"] > 0.5
    assert not mended["failures"]


class Full(Line):
    """Says of a full disk what libraries make of it."""

    def fit(self, *args: Any) -> Any:
        if (self.folder / "works").exists():
            return super().fit(*args)
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            raise RuntimeError("[enforce fail] unexpected pos 768 vs 662") from None


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_ends_the_run_and_is_no_result(go, tmp_path, workers):
    model = Full(tmp_path / "full")
    with pytest.raises(StoreError, match=r"cannot write to .*: the disk is full"):
        go(model, noisy(24), workers=workers)
    (model.folder / "works").touch()
    record = go(model, noisy(24), workers=workers)
    assert not record["failures"]
    assert headline(record)["value"] > 0.5


def test_a_disk_that_is_full_once_a_model_is_fitted(go, line, tmp_path, monkeypatch):
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(learning_curve, "write_atomic", full)
        with pytest.raises(StoreError, match="the disk is full"):
            go(line, noisy(24))
    assert headline(go(line, noisy(24)))["value"] > 0.5


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
    assert (fit["seed"], fit["train"] + fit["validation"] + fit["test"]) == (seed_of(0, 0), 60)
    assert fit["curve"] == [
        {"epoch": 1.0, "loss": 0.5, "kept": "no"},
        {"epoch": 2.0, "loss": 0.5, "kept": "no"},
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_bar_says_how_many_epochs_there_were(go, line, monkeypatch, capfd, workers):
    monkeypatch.setattr(fit_stage, "_EVERY", 0.0)
    go(line, noisy(24), workers=workers, progress=True)
    assert f"{FITS * line.epochs} epochs" in capfd.readouterr().err


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
    model = Line(tmp_path / "line", seconds=3600)

    def session() -> None:
        os.setsid()
        try:
            go(model, noisy(24), workers=workers)
        except KeyboardInterrupt:
            os._exit(7)

    child = FORK.Process(target=session)
    child.start()
    wait_until(lambda: model.count("fits") == workers)
    pids = children(child.pid)
    os.killpg(child.pid, signal.SIGINT)
    child.join(60)
    assert child.exitcode == 7
    assert not any(map(runs, pids))
    assert (model.count("fits"), model.count("epochs")) == (workers, 0)
