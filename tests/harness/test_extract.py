"""One pass: each image is decoded once, a failure costs only its own result, order is free."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness import extract
from harness.cells import make_cell
from harness.executors import serial
from harness.extract import BATCH, Task, run_passes
from harness.images import Decoded, DecodePolicy, Failure
from harness.planning import Plan, plan
from harness.sample import Dataset, Pair, Sample
from harness.source import FileSource
from harness.store import Output, Store
from tests.conftest import Difference, Sharpness, card

POLICY = DecodePolicy()


@dataclass(frozen=True)
class Counted:
    """A source of one flat color that counts its loads, or fails."""

    name: str
    loads: Counter[str]
    size: tuple[int, int] = (16, 16)
    level: int = 0
    failure: str | None = None

    def fingerprint(self) -> str:
        return f"{self.name} {self.size} {self.level} {self.failure}"

    def load(self, policy: DecodePolicy) -> Decoded | Failure:
        self.loads[self.name] += 1
        if self.failure == "raise":
            raise RuntimeError("the source breaks\nits word")
        if self.failure:
            return Failure(self.failure)
        image = torch.full((3, *self.size), self.level, dtype=torch.uint8)
        image[:, :, ::2] += 1
        return Decoded(image)

    def alpha(self) -> np.ndarray | None:
        return None


class Maker:
    """Datasets of counted sources, and one way to run tasks on them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.loads = folder, Counter[str]()

    def dataset(self, n: int = 150, per_reference: int = 5, **kinds: Any) -> Dataset:
        """``n`` samples, every ``per_reference`` with a reference; ``kinds``: id → changes."""
        samples = []
        for i in range(n):
            name, reference = f"s{i:03d}", f"r{i // per_reference:03d}"
            source = Counted(name, self.loads, level=i, **kinds.get(name, {}))
            samples.append(Sample(name, source, reference, label=float(i), reference=reference))
        names = sorted({s.reference for s in samples if s.reference})
        references = [Sample(r, Counted(r, self.loads, **kinds.get(r, {})), r) for r in names]
        return Dataset("counted", tuple(samples), tuple(references))

    def tasks(self, dataset: Dataset, *wanted: tuple[Any, str]) -> list[Task]:
        reducers = {"distortion_map": "mask-stats@1", "quality_map": "mask-stats@1"}
        return [
            Task(
                make_cell(
                    model.card, dataset, operation, reducer=reducers.get(operation), decoding="d"
                ),
                model,
            )
            for model, operation in wanted
        ]

    def plan(self, dataset: Dataset, tasks: list[Task], **settings: Any) -> Plan:
        return plan(dataset, tasks, POLICY, self.folder, **settings)

    def run(self, dataset: Dataset, *wanted: tuple[Any, str], **settings: Any) -> list[Output]:
        tasks = self.tasks(dataset, *wanted)
        serial.execute(run_passes, self.plan(dataset, tasks, **settings).passes, lambda n: None)
        return [Store(self.folder).cell(task.cell).read() for task in tasks]


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "cells")


# Decoding --------------------------------------------------------------------------------


def test_each_image_is_decoded_once_for_all_cells(maker):
    dataset = maker.dataset()
    maker.run(
        dataset,
        (Sharpness("a"), "score"),
        (Sharpness("b"), "score"),
        (Sharpness("b"), "features"),
        (Difference(), "score_pair"),
        (Difference(), "distortion_map"),
    )
    assert maker.loads.keys() == {image.id for image in dataset.images}
    crossing = Counter(maker.loads.values())
    assert set(crossing) <= {1, 2}
    assert crossing[2] <= 2  # two borders between three shards
    assert {name[0] for name, n in maker.loads.items() if n == 2} <= {"r"}


@pytest.mark.parametrize("workers", [2, 3])
def test_within_a_shard_each_image_is_decoded_once(maker, workers):
    dataset = maker.dataset()
    tasks = maker.tasks(dataset, (Sharpness(), "score"), (Difference(), "score_pair"))
    passes = maker.plan(dataset, tasks, workers=workers).passes
    for work in passes:
        maker.loads.clear()
        serial.execute(run_passes, [work], lambda n: None)
        assert set(maker.loads.values()) == {1}
        assert len(work.images) <= 64 + 13  # at most the references from outside


def test_a_model_that_compares_needs_no_unused_image(maker):
    dataset = maker.dataset(10)
    unused = Sample("unused", Counted("unused", maker.loads), "unused")
    dataset = replace(dataset, samples=(*dataset.samples, unused))
    maker.run(dataset, (Difference(), "score_pair"))
    assert "unused" not in maker.loads


def test_scores_do_not_depend_on_company_or_shards(maker, tmp_path):
    dataset = maker.dataset(90)
    together = maker.run(dataset, (Sharpness(), "features"), (Difference(), "score_pair"))
    for workers in (1, 2, 5):
        alone = Maker(tmp_path / f"alone{workers}")
        for i, wanted in enumerate([(Sharpness(), "features"), (Difference(), "score_pair")]):
            (output,) = alone.run(dataset, wanted, workers=workers)
            assert output.ids == together[i].ids
            assert output.values.tobytes() == together[i].values.tobytes()


def test_images_are_let_go_when_no_pair_needs_them(maker, monkeypatch):
    """A reference of five samples is held for those five, and nothing else is."""
    alive: Counter[str] = Counter()
    most = 0

    def load(self: Counted, policy: DecodePolicy) -> Decoded:
        import weakref

        nonlocal most
        image = torch.zeros((3, 16, 16), dtype=torch.uint8)
        alive[self.name] += 1
        weakref.finalize(image, alive.subtract, [self.name])
        most = max(most, sum(alive.values()))
        return Decoded(image)

    monkeypatch.setattr(Counted, "load", load)
    maker.run(maker.dataset(100), (Difference(), "score_pair"), (Sharpness(), "score"))
    assert most <= 4


# Pairs -----------------------------------------------------------------------------------


def test_explicit_pairs_in_any_order(maker):
    dataset = maker.dataset(30)
    names = [image.id for image in dataset.images]
    rng = np.random.default_rng(0)
    pairs = tuple(
        Pair(f"p{i}", str(rng.choice(names)), str(rng.choice(names)), "c") for i in range(200)
    )
    dataset = replace(dataset, explicit_pairs=(*pairs, Pair("same", "s003", "s003", "c")))
    (output,) = maker.run(dataset, (Difference(), "score_pair"))
    levels = {image.id: image.source.level for image in dataset.images}
    assert len(output.ids) == 201
    for pair, value in zip(output.ids, output.values, strict=True):
        (found,) = [p for p in dataset.pairs if p.id == pair]
        assert value == -((levels[found.test] - levels[found.reference]) ** 2)


def test_a_bad_reference_fails_its_own_pairs_and_says_so(maker):
    dataset = maker.dataset(15, r001={"failure": "file not found"}, s002={"failure": "cut"})
    (output,) = maker.run(dataset, (Difference(), "score_pair"))
    assert output.failures == {
        "s002": "cut",
        **{f"s{i:03d}": "reference: file not found" for i in range(5, 10)},
    }
    assert len(output.ids) == 9


def test_sizes_that_do_not_fit_fail_that_pair_only(maker):
    (output,) = maker.run(maker.dataset(10, s004={"size": (8, 16)}), (Difference(), "score_pair"))
    assert list(output.failures) == ["s004"]
    assert output.failures["s004"].startswith("RuntimeError: The size of tensor a")


# Failures --------------------------------------------------------------------------------


def test_a_bad_image_costs_itself_in_every_cell(maker):
    dataset = maker.dataset(40, s007={"failure": "cut"}, s008={"failure": "raise"})
    for output in maker.run(dataset, (Sharpness("a"), "score"), (Sharpness("b"), "features")):
        assert output.failures == {
            "s007": "cut",
            "s008": "RuntimeError: the source breaks its word",
        }
        assert len(output.ids) == len(dataset.images) - 2


class Moody(Sharpness):
    """Raises, or breaks the contract, on images of one level."""

    def __init__(self, mood: str, **changes: object) -> None:
        super().__init__("moody", **changes)
        self.mood = mood

    def score(self, images: Sequence[torch.Tensor]) -> Any:
        if not any(int(image[0, 0, 1]) == 13 for image in images):
            return super().score(images)
        if self.mood == "raises":
            raise ValueError("not in\n  the mood " + 400 * "!")
        scores = super().score(images)
        return {
            "float": 0.5,
            "float32": scores.float(),
            "too many": torch.cat([scores, scores]),
            "one too many dimensions": scores[:, None],
            "none": None,
        }[self.mood]


MOODS = ["raises", "float", "float32", "too many", "one too many dimensions", "none"]


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("batch_invariant", [False, True])
def test_an_adapter_that_fails_on_one_image_costs_that_image(maker, mood, batch_invariant):
    dataset = maker.dataset(40)
    model = Moody(mood, batch_invariant=batch_invariant)
    output, other = maker.run(dataset, (model, "score"), (Sharpness(), "score"))
    assert list(output.failures) == ["s013"]
    reason = output.failures["s013"]
    assert reason.startswith("ValueError: not in the" if mood == "raises" else "ContractError: ")
    assert "\n" not in reason
    assert len(reason) < 330
    assert len(output.ids) == len(dataset.images) - 1
    assert not other.failures


class Shapeless(Sharpness):
    """Features of a width that depends on the image: no model is like that."""

    def features(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        width = 3 if int(images[0][0, 0, 1]) % 3 else 2
        return torch.zeros(len(images), 1, width)


def test_features_of_changing_shape_are_failures_and_not_the_end(maker):
    output, other = maker.run(
        maker.dataset(20), (Shapeless("shapeless"), "features"), (Sharpness(), "features")
    )
    assert output.ids[0] == "r000"
    assert output.values.shape == (4 + 7, 1, 2)
    assert set(output.failures.values()) == {"shape [1, 3], where r000 has [1, 2]"}
    assert len(output.ids) + len(output.failures) == 24
    assert not other.failures


def test_an_adapter_that_always_fails_costs_its_own_cell(maker):
    class Broken:
        card = card("broken")

        def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
            raise MemoryError

    broken, fine = maker.run(maker.dataset(70), (Broken(), "score"), (Sharpness(), "score"))
    assert len(broken.failures) == 84
    assert set(broken.failures.values()) == {"out of memory: MemoryError"}
    assert not fine.failures


def test_what_is_not_a_number_passes_through(maker):
    class Infinite(Sharpness):
        def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
            return super().score(images) * float("nan")

        def features(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
            return super().features(images) / 0.0

    scores, features = maker.run(maker.dataset(5), (Infinite(), "score"), (Infinite(), "features"))
    assert np.isnan(scores.values).all()
    assert len(scores.ids) == 6
    assert np.isposinf(features.values[:, 0, 0]).any()


def test_max_pixels_of_a_card_refuses_for_that_model_only(maker):
    dataset = maker.dataset(5, s002={"size": (40, 40)})
    small, large = maker.run(
        dataset, (Sharpness("small", max_pixels=1599), "score"), (Sharpness("large"), "score")
    )
    assert list(small.failures) == ["s002"]
    assert (
        small.failures["s002"]
        == "40 × 40 pixels: more than the model takes (max_pixels); make it smaller first"
    )
    assert not large.failures


# Batches ---------------------------------------------------------------------------------


class Batches(Sharpness):
    """Notes the sizes of its batches."""

    def __init__(self, name: str, batch_invariant: bool) -> None:
        super().__init__(name, batch_invariant=batch_invariant)
        self.batches: list[list[torch.Size]] = []

    def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
        self.batches.append([image.shape for image in images])
        return super().score(images)


def test_only_models_that_promise_invariance_get_batches_of_one_size(maker):
    kinds = {f"s{i:03d}": {"size": (16, 24)} for i in range(0, 120, 3)}
    dataset = maker.dataset(120, per_reference=120, **kinds)
    single, batched = Batches("single", False), Batches("batched", True)
    outputs = maker.run(dataset, (single, "score"), (batched, "score"))
    assert {len(batch) for batch in single.batches} == {1}
    assert max(map(len, batched.batches)) == BATCH
    assert all(len(set(batch)) == 1 for batch in batched.batches)
    assert len(batched.batches) <= 2 * 2 + 121 // BATCH
    assert outputs[0].values.tobytes() == outputs[1].values.tobytes()


def test_batches_of_large_images_are_smaller(maker, monkeypatch):
    monkeypatch.setattr(extract, "BATCH_BYTES", 5 * 3 * 16 * 16)
    model = Batches("batched", True)
    maker.run(maker.dataset(18, per_reference=18), (model, "score"))
    assert [len(batch) for batch in model.batches] == [5, 5, 5, 4]


def test_images_of_many_sizes_do_not_pile_up(maker, monkeypatch):
    """Where no batch ever fills, the largest goes when too much memory waits."""
    monkeypatch.setattr(extract, "WAITING_BYTES", 10 * 3 * 16 * 50)
    kinds = {f"s{i:03d}": {"size": (16, 20 + i)} for i in range(60)}
    decoded_before = []

    class Watches(Batches):
        def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
            decoded_before.append(sum(maker.loads.values()))
            return super().score(images)

    model = Watches("batched", True)
    (output,) = maker.run(maker.dataset(60, per_reference=60, **kinds), (model, "score"))
    assert len(output.ids) == 61
    assert decoded_before[0] < 20
    assert sum(n == 61 for n in decoded_before) < 20  # what waited to the end


# Resuming --------------------------------------------------------------------------------


def test_a_second_run_computes_nothing_and_decodes_nothing(maker):
    dataset, model = maker.dataset(), Sharpness()
    (first,) = maker.run(dataset, (model, "score"))
    model.seen = 0
    maker.loads.clear()
    (second,) = maker.run(dataset, (model, "score"))
    assert (model.seen, sum(maker.loads.values())) == (0, 0)
    assert second.ids == first.ids


def test_a_resumed_run_computes_what_lacks(maker):
    dataset, model = maker.dataset(), Sharpness()
    (task,) = maker.tasks(dataset, (model, "score"))
    passes = maker.plan(dataset, [task]).passes
    serial.execute(run_passes, passes[:1], lambda n: None)
    kept = Store(maker.folder).cell(task.cell).done()
    assert len(kept) == 64
    model.seen = 0
    maker.loads.clear()
    (output,) = maker.run(dataset, (model, "score"))
    assert model.seen == len(dataset.images) - 64
    assert not kept & maker.loads.keys()
    assert len(output.ids) == len(dataset.images)


def test_a_new_cell_beside_finished_ones_computes_only_itself(maker):
    dataset, old, new = maker.dataset(), Sharpness("old"), Sharpness("new")
    maker.run(dataset, (old, "score"))
    old.seen = 0
    maker.run(dataset, (old, "score"), (new, "score"))
    assert (old.seen, new.seen) == (0, len(dataset.images))


def test_recorded_failures_are_tried_again_only_when_asked(maker):
    class Recovers(Sharpness):
        ill = True

        def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
            if self.ill and int(images[0][0, 0, 1]) % 10 == 3:
                raise RuntimeError("CUDA out of memory")
            return super().score(images)

    dataset, model = maker.dataset(50), Recovers()
    (first,) = maker.run(dataset, (model, "score"))
    assert len(first.failures) == 5
    model.ill, model.seen = False, 0
    (second,) = maker.run(dataset, (model, "score"))
    assert (model.seen, second.failures) == (0, first.failures)
    (third,) = maker.run(dataset, (model, "score"), retry_failed=True)
    assert (model.seen, third.failures) == (5, {})
    assert len(third.ids) == len(dataset.images)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_commits_what_is_finished(maker, error):
    class Interrupted(Sharpness):
        def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
            if self.seen == 50:
                raise error
            return super().score(images)

    dataset, model, other = maker.dataset(), Interrupted("interrupted"), Sharpness()
    tasks = maker.tasks(dataset, (other, "score"), (model, "score"))
    with pytest.raises(error):
        maker.run(dataset, (other, "score"), (model, "score"))
    done = [len(Store(maker.folder).cell(task.cell).done()) for task in tasks]
    assert done == [51, 50]


# Decoding ahead --------------------------------------------------------------------------


def test_processes_that_decode_ahead_change_nothing(maker, tiny, tmp_path):
    missing = Sample("missing", FileSource(tmp_path / "no.jpg"), "c", reference="scene0_0.jpg")
    dataset = replace(tiny, samples=(*tiny.samples, missing))
    wanted = (Sharpness(), "features"), (Difference(), "score_pair")
    here = maker.run(dataset, *wanted)
    ahead = Maker(tmp_path / "ahead").run(dataset, *wanted, decoders=2)
    for one, other in zip(here, ahead, strict=True):
        assert (one.ids, one.failures) == (other.ids, other.failures)
        assert one.failures == {"missing": "file not found"}
        assert one.values.tobytes() == other.values.tobytes()


def test_a_random_model_draws_by_image_whatever_the_order_or_the_batch(maker):
    class Random:
        card = card("random", deterministic=False, batch_invariant=True)

        def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
            drawn = [torch.rand(()) + np.random.rand() + random.random() for _ in images]
            return torch.stack(drawn).double()

    dataset = maker.dataset(30)
    (first,) = maker.run(dataset, (Random(), "score"))
    backwards = replace(dataset, samples=dataset.samples[::-1])
    (second,) = maker.run(backwards, (Random(), "score"))
    assert len(set(first.values)) == len(first.ids)
    assert first.at(second.ids).tolist() == second.values.tolist()


def test_what_failed_for_want_of_memory_is_tried_again(maker):
    class Greedy(Sharpness):
        def score(self, images: Sequence[torch.Tensor]) -> torch.Tensor:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: 1 bytes")

    (output,) = maker.run(maker.dataset(5), (Greedy(), "score"))
    assert set(output.failures.values()) == {
        "out of memory: RuntimeError: DefaultCPUAllocator: can't allocate memory: 1 bytes"
    }
    (task,) = maker.tasks(maker.dataset(5), (Greedy(), "score"))
    assert not Store(maker.folder).cell(task.cell).done()
