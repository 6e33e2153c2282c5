"""Maps of windows against plain loops over pixels and windows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import registry
from harness.conformance import check
from harness.model import ModelCard, TrainedOn, operations
from probes import sliding
from tests.conftest import Difference, Sharpness, card

RNG = np.random.default_rng(0)
Images = Sequence[torch.Tensor]


class Luminance:
    """Mean of all values; counts the windows that it has scored, and how many at once."""

    def __init__(self, **changes: object) -> None:
        self.card = card("luminance", **changes)
        self.calls: list[int] = []

    def score(self, images: Images) -> torch.Tensor:
        self.calls.append(len(images))
        return torch.stack([image.double().mean() for image in images])


class Counted(Difference):
    """Counts the pairs of windows that it has scored."""

    asked = 0

    def score_pair(self, images: Images, references: Images) -> torch.Tensor:
        self.asked += len(images)
        return super().score_pair(images, references)


def make(
    monkeypatch: pytest.MonkeyPatch, model: object, **options: object
) -> sliding.SlidingQualityMap:
    monkeypatch.setattr(sliding, "load_model", lambda name, **options: model)
    found = sliding.load("test", **options)  # type: ignore[arg-type]
    assert isinstance(found, sliding.SlidingMap)
    return found  # type: ignore[return-value]


def image(height: int, width: int, seed: int = 0) -> torch.Tensor:
    values = np.random.default_rng(seed).integers(0, 256, (3, height, width), np.uint8)
    return torch.from_numpy(values)


def starts(side: int, window: int, stride: int) -> list[int]:
    count = -(-(side - window) // stride) + 1
    if count == 1:
        return [0]
    return [int(np.round(i * (side - window) / (count - 1))) for i in range(count)]


def plain(pixels: torch.Tensor, window: int, stride: int) -> np.ndarray:
    """Every pixel the mean of the windows over it, then every cell the mean of its pixels."""
    height, width = pixels.shape[1:]
    h, w = min(window, height), min(window, width)
    total, count = np.zeros((height, width)), np.zeros((height, width))
    for top, left in product(starts(height, h, stride), starts(width, w, stride)):
        here = np.s_[top : top + h, left : left + w]
        total[here] += pixels.double().numpy()[:, *here].mean()
        count[here] += 1
    assert count.min() >= 1
    rows, columns = -(-height // stride), -(-width // stride)
    cells = np.zeros((2, rows, columns))
    for y, x in product(range(height), range(width)):
        cell = int((y + 0.5) * rows / height), int((x + 0.5) * columns / width)
        cells[:, *cell] += total[y, x] / count[y, x], 1
    return cells[0] / cells[1]


@given(st.tuples(st.integers(1, 70), st.integers(1, 70)), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_the_map_is_what_a_plain_loop_makes(
    size: tuple[int, int], window: int, stride: int
) -> None:
    stride = min(stride, window)
    model = sliding.SlidingQualityMap(Luminance(), card("sliding"), window, stride)
    pixels = image(*size)
    (found,) = model.quality_map([pixels])
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), plain(pixels, window, stride), rtol=1e-5)


def test_windows_are_flush_with_every_edge_and_leave_no_gap() -> None:
    for side, window, stride in product((96, 97, 143, 255, 512), (96, 64), (48, 32, 64)):
        begin, weights = sliding._spread(side, window, stride)
        assert begin[0] == 0
        assert begin[-1] + window == side
        assert max(np.diff(begin), default=0) <= stride
        assert weights.shape == (-(-side // stride), len(begin))
        np.testing.assert_allclose(weights.sum(axis=1), 1)


def test_an_image_smaller_than_a_window_is_one_window() -> None:
    model = sliding.SlidingQualityMap(Luminance(), card("sliding"), 96, 48)
    small, narrow = image(40, 60), image(40, 200)
    (found,) = model.quality_map([small])
    assert found.shape == (1, 2)
    torch.testing.assert_close(
        found.double(), small.double().mean().expand(1, 2), rtol=1e-6, atol=0
    )
    (found,) = model.quality_map([narrow])
    np.testing.assert_allclose(found.numpy(), plain(narrow, 96, 48), rtol=1e-6)


def test_a_constant_score_makes_a_map_without_any_difference() -> None:
    """Weights add up to 1 only up to rounding, which must not become an order of the cells."""

    class Constant(Luminance):
        def score(self, images: Images) -> torch.Tensor:
            return torch.full((len(images),), 37.3, dtype=torch.float64)

    model = sliding.SlidingQualityMap(Constant(), card("sliding"), 31, 10)
    (found,) = model.quality_map([image(217, 331)])
    assert len(found.unique()) == 1


def test_a_batch_gives_the_same_bits_as_its_images_alone() -> None:
    pixels = [image(130, 201, seed) for seed in range(3)] + [image(96, 96)]
    model = sliding.SlidingQualityMap(Sharpness(), card("sliding"), 64, 32)
    together = model.quality_map(pixels)
    alone = [
        sliding.SlidingQualityMap(Sharpness(), card("s"), 64, 32).quality_map([one])[0]
        for one in pixels
    ]
    assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))


def test_windows_go_together_in_bounded_batches_where_that_changes_no_bit() -> None:
    promise = card("sliding", batch_invariant=True)
    inner = Luminance()
    sliding.SlidingQualityMap(inner, promise, 96, 24).quality_map([image(480, 480)])
    assert sum(inner.calls) == 17 * 17
    assert 1 < max(inner.calls) <= (1 << 19) / 96**2
    inner = Luminance()
    sliding.SlidingQualityMap(inner, promise, 800, 400).quality_map([image(900, 900)])
    assert inner.calls == [1] * 4
    inner = Luminance()
    sliding.SlidingQualityMap(inner, card("sliding"), 96, 48).quality_map([image(192, 192)])
    assert inner.calls == [1] * 9


def test_drops_are_those_of_two_maps_and_each_map_is_made_once() -> None:
    inner = Luminance()
    model = sliding.SlidingQualityMap(inner, card("sliding", map_channels=("drop",)), 32, 16)
    reference, probes = image(64, 80), [image(64, 80, seed) for seed in (1, 2)]
    maps = model.quality_map([reference, *probes])
    asked = sum(inner.calls)
    drops = model.distortion_map([*probes, reference], [reference] * 3)
    assert sum(inner.calls) == asked
    for drop, one in zip(drops, [*maps[1:], maps[0]], strict=True):
        change = (maps[0] - one).double()
        expected = 0.5 + 0.5 * change / (1 + change.abs())
        torch.testing.assert_close(drop, expected.float()[None], rtol=0, atol=1e-5)
    assert (drops[-1] == 0.5).all()
    # Brighter is better here: a darker part scores lower, so it is above 0.5.
    dark = reference.clone()
    dark[:, :16, :16] //= 2
    (drop,) = model.distortion_map([dark], [reference])
    assert drop.argmax() == 0
    assert drop[0, -1, -1] == 0.5


@given(
    st.integers(0, 3),
    st.integers(24, 70),
    st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 40)),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_only_windows_that_differ_from_the_pristine_ones_are_scored(
    seed: int, height: int, box: tuple[int, int, int], together: bool
) -> None:
    inner, about = Luminance(), card("sliding", batch_invariant=together)
    model = sliding.SlidingQualityMap(inner, about, 24, 12)
    reference = image(height, 61, seed)
    probe = reference.clone()
    top, left, side = box
    probe[:, top : top + side, left : left + side] ^= 1
    model.quality_map([reference])
    inner.calls.clear()
    (found,) = model.quality_map([probe])
    at = [(t, left) for t in starts(height, 24, 12) for left in starts(61, 24, 12)]
    changed = (probe != reference).any(0)
    assert sum(inner.calls) == sum(bool(changed[t : t + 24, x : x + 24].any()) for t, x in at)
    alone = sliding.SlidingQualityMap(Luminance(), about, 24, 12).quality_map([probe])[0]
    assert torch.equal(found, alone)


def test_it_remembers_the_windows_used_last_and_forgets_when_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sliding, "_KEPT", 18)
    inner = Luminance()
    model = sliding.SlidingQualityMap(inner, card("sliding"), 32, 16)
    first, second, third = (image(64, 64, seed) for seed in range(3))
    for pixels in (first, second, first, third):
        model.quality_map([pixels])
    assert (sum(inner.calls), len(model._kept)) == (3 * 9, 18)
    model.quality_map([first.clone()])  # by its pixels
    assert sum(inner.calls) == 3 * 9
    model.quality_map([second])
    assert sum(inner.calls) == 4 * 9
    model.forget()
    model.quality_map([second])
    assert sum(inner.calls) == 5 * 9


def test_a_random_model_is_asked_every_time() -> None:
    inner = Luminance()
    model = sliding.SlidingQualityMap(inner, card("sliding", deterministic=False), 32, 16)
    flat = torch.zeros(3, 64, 64, dtype=torch.uint8)  # all windows alike
    assert torch.equal(model.quality_map([flat])[0], model.quality_map([flat])[0])
    assert inner.calls == [1] * 18


def test_a_comparison_reads_windows_of_both_images(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = Counted()
    model = make(monkeypatch, inner, window=32)
    assert operations(model) == {"distortion_map"}
    reference = image(64, 96)
    probe = reference.clone()
    probe[:, 40:50, 70:80] += 9
    (found,) = model.distortion_map([probe], [reference])
    squared = (probe.double() - reference.double()).square()
    drop = plain(squared.float(), 32, 16)  # the mean over channels and pixels, negated twice
    np.testing.assert_allclose(found[0].numpy(), 0.5 + 0.5 * drop / (1 + drop), atol=1e-6)
    assert (found[0, :, 0] == 0.5).all()
    asked = inner.asked
    model.distortion_map([probe], [reference.clone()])
    assert inner.asked == asked
    again = probe.clone()
    again[:, 0, 0] ^= 1  # only the first window differs from that of the probe
    model.distortion_map([again], [reference])
    assert inner.asked == asked + 1
    with pytest.raises(ValueError, match="96 × 64 pixels, its reference 64 × 96"):
        model.distortion_map([probe], [image(96, 64)])


def test_the_card_is_that_of_the_model_in_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = (TrainedOn("koniq10k", role="labels"),)
    inner = Luminance(
        trained_on=seen, batch_invariant=True, options={"head": 2}, coverage="all", control=True
    )
    found = make(monkeypatch, inner, window=64, stride=16).card
    assert (found.name, found.version) == ("sliding:luminance", "2+1")
    assert found.options == {"head": 2, "window": 64, "stride": 16}
    assert (found.trained_on, found.batch_invariant, found.control) == (seen, True, True)
    assert found.coverage == "all, window by window"
    assert "windows of 64 px, 16 px apart" in found.summary
    # What is as by default is not named, asked for or not; a stride of its own is.
    assert make(monkeypatch, inner, window=96, stride=48).card.options == {"head": 2}
    assert make(monkeypatch, inner, window=64).card.options == {"head": 2, "window": 64}
    assert make(monkeypatch, inner, stride=9).card.options == {"head": 2, "stride": 9}


def test_it_moves_only_where_its_model_does(monkeypatch: pytest.MonkeyPatch) -> None:
    class Moves(Luminance):
        def to(self, device: str) -> Moves:
            self.where = device
            return self

    inner = Moves()
    model = make(monkeypatch, inner)
    assert model.to("cuda:1") is model
    assert inner.where == "cuda:1"
    model.quality_map([image(96, 96)])
    model.to("cpu")  # where values may be others
    model.quality_map([image(96, 96)])
    assert inner.calls == [1, 1]
    assert not hasattr(make(monkeypatch, Luminance()), "to")


@pytest.mark.parametrize(
    "options",
    [
        {"window": 0},
        {"window": 32, "stride": 33},
        {"stride": 0},
        {"window": "large"},
        {"window": 9.5},
        {"stride": 9.5},
    ],
)
def test_windows_that_make_no_map_are_refused(
    options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="sliding:test: window and stride are whole numbers"):
        make(monkeypatch, Luminance(), **options)


def test_what_scores_no_image_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Encoder:
        card = card("encoder")

        def features(self, images: Images) -> torch.Tensor:
            return torch.zeros(len(images), 1, 2)

    class Known:
        card = card("known")
        scores_by_id = {"a": 1.0}  # noqa: RUF012

    for model in (Encoder(), Known()):
        with pytest.raises(ValueError, match="gives no scores of images") as error:
            make(monkeypatch, model)
        assert "\n" not in str(error.value)


def test_it_keeps_the_contract_as_a_family(monkeypatch: pytest.MonkeyPatch) -> None:
    model = sliding.FAMILY.load("control:luminance", window=64)
    assert operations(model) == {"quality_map", "distortion_map"}
    assert isinstance(model.card, ModelCard)
    assert [c.problem for c in check(model) if c.problem] == []
    model = make(monkeypatch, Difference())
    assert [c.problem for c in check(model) if c.problem] == []


def test_an_unknown_model_is_named_with_those_that_are_close() -> None:
    with pytest.raises(registry.UnknownName, match="did you mean control"):
        sliding.FAMILY.load("controls:luminance")
