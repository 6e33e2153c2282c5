"""Coverage from a fixed plan of images is that of the adaptive measurement."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.images import DecodePolicy
from harness.model import ModelCard
from harness.operate import operate
from harness.sample import Dataset
from harness.store import Output
from probes.coverage import Coverage, coverage, seen_share
from probes.coverage_probes import coverage_probes, outcomes
from probes.coverage_search import OPEN, SEEN, UNSEEN


class Part:
    """The features of a rectangle, or of what ``of`` makes of an image."""

    def __init__(self, of):
        self.card, self.of = ModelCard("part", "1", "NR", trained_on=()), of

    def features(self, images):
        rows = [self.of(image.float()) for image in images]
        return torch.stack(rows)[:, None]


def rectangle(image):
    part = image[:, 20:70, 35:100]
    return torch.stack([part.square().mean(), part.diff(dim=2).abs().mean()])


def output_of(model, dataset: Dataset, without: str = "") -> Output:
    images = [s for s in dataset.images if not without or without not in s.id]
    rows = [
        operate(model, "features", None, [s.source.load(DecodePolicy()).image], samples=[s])
        for s in images
    ]
    failed = {s.id: "failed" for s in dataset.images if s not in images}
    return Output(tuple(s.id for s in images), torch.cat(rows).numpy(), failed)


def test_as_measured_adaptively_at_each_size():
    dataset = coverage_probes("128x96,160x112")
    found = outcomes(dataset, output_of(Part(rectangle), dataset), "part", "features")
    assert set(found) == {(128, 96), (160, 112)}
    for size, each in found.items():
        direct = coverage(Part(rectangle), size, calls=500)
        assert direct.exact
        assert each.exact
        np.testing.assert_array_equal(each.seen, direct.seen)
        assert (each.share, each.resampling, each.fine_psnr) == (
            direct.share,
            direct.resampling,
            direct.fine_psnr,
        )
    mask = np.zeros((96, 128), np.float32)
    mask[16:80, 96:128] = 1
    assert seen_share(found[128, 96], mask) == 0.5


def test_every_image_is_paired_with_its_base_image():
    dataset = coverage_probes("64x48")
    assert {p.test for p in dataset.pairs} == {s.id for s in dataset.images}
    assert {p.reference for p in dataset.pairs} == {"64x48"}
    assert len(coverage_probes().images) == 1 + 3 + 3 + 12 + 24 * 32 + 2 * 6 * 8


def test_what_one_perturbation_does_not_show_is_open():
    """Noise in a block never makes it the smoothest: a model of the smoothest looks at it, yet."""

    def smoothest(image):
        patches = image.mean(0)[:, 64:].unfold(0, 16, 16).unfold(1, 16, 16)
        return patches.var((2, 3)).amin().view(1)

    dataset = coverage_probes("128x128")
    found = outcomes(dataset, output_of(Part(smoothest), dataset), "m", "features")[128, 128]
    assert (found.seen[:, :4] == UNSEEN).all()
    right = found.seen[:, 4:]
    # Its smoothest block shows when it is noise; a square without it only when it is flat.
    assert (right == SEEN).sum() == 1
    assert (right == OPEN).sum() == 16
    assert not found.exact
    assert (found.low, found.high) == (1 / 64, 17 / 64)


def test_what_failed_is_open():
    dataset = coverage_probes("128x96")
    output = output_of(Part(rectangle), dataset, without="/block/noise/003-003")
    found = outcomes(dataset, output, "part", "features")[128, 96]
    assert np.argwhere(found.seen == OPEN).tolist() == [[3, 3]]
    output = output_of(Part(rectangle), dataset, without="/texture/")
    assert np.isnan(outcomes(dataset, output, "part", "features")[128, 96].resampling)
    for without in ("/whole/flat", "/again/2"):
        output = output_of(Part(rectangle), dataset, without)
        assert outcomes(dataset, output, "part", "features") == {(128, 96): "failed"}


def test_a_model_that_does_not_repeat_itself_has_no_map_from_single_looks():
    """At one of two sizes: the other's repeats are equal."""
    generator = torch.Generator().manual_seed(0)

    def noisy(image):
        grain = torch.randn(2, generator=generator) * 1e-3
        return rectangle(image) + (grain if image.shape[2] == 160 else 0)

    dataset = coverage_probes("128x96,160x112")
    output = output_of(Part(noisy), dataset)
    found = outcomes(dataset, output, "part", "features")
    assert found[160, 112] == ("its output is not repeatable: measure with iqa-eval coverage MODEL")
    assert isinstance(found[128, 96], Coverage)


@pytest.mark.parametrize("sizes", ["", "512", "512x384;"])
def test_sizes_that_cannot_be_read(sizes):
    with pytest.raises(ValueError, match="is no size; write"):
        coverage_probes(sizes)
