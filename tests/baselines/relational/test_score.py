"""Scores are antisymmetric to the last bit; sums over parts are those of the whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from baselines.relational.config import PRESETS, SCORE_PRESETS
from baselines.relational.network import APART_GAIN, Maps
from baselines.relational.score import Pooled, Scorer, pooled

CHANNELS = 5
CONFIG = SCORE_PRESETS["smoke"]
FORMS = [CONFIG.maps.network, replace(CONFIG.maps.network, antisymmetric=False)]


def networks(form: int = 0) -> tuple[Maps, Scorer]:
    torch.manual_seed(0)
    maps = Maps(FORMS[form], CHANNELS).eval()
    torch.nn.init.normal_(maps.last.weight, std=0.2)
    return maps, Scorer(maps, CONFIG).eval()


def images(seed: int) -> torch.Tensor:
    return torch.rand(3, 3, 32, 48, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def pooled_of(maps: Maps, tests: torch.Tensor, references: torch.Tensor) -> Pooled:
    one, other = maps.encode(tests), maps.encode(references)
    return pooled(maps.signed(one, other), one, other)


@pytest.mark.parametrize("form", [0, 1])
@torch.inference_mode()
def test_scores_change_sign_with_the_order_and_are_0_of_equals(form: int) -> None:
    maps, scorer = networks(form)
    tests, references = images(1), images(2)
    forth = scorer.score(pooled_of(maps, tests, references))
    back = scorer.score(pooled_of(maps, references, tests))
    assert forth.shape == (3,)
    assert forth.dtype == torch.float32
    assert torch.equal(forth, -back)
    assert forth.abs().min() > 1e-5
    assert (scorer.score(pooled_of(maps, tests, tests.clone())) == 0).all()


@torch.inference_mode()
def test_swapped_is_what_swapped_images_give() -> None:
    maps, _ = networks()
    forth, back = pooled_of(maps, images(1), images(2)), pooled_of(maps, images(2), images(1))
    assert torch.equal(forth.swapped().means(), back.means())


@torch.inference_mode()
def test_means_are_those_of_maps_and_features() -> None:
    maps, _ = networks()
    one, other = maps.encode(images(1)), maps.encode(images(2))
    signed = maps.signed(one, other)
    means = pooled(signed, one, other).means()
    c, e = CHANNELS, maps.width
    more, less, test, reference, apart = means.split([c, c, e, e, e], 1)
    within = {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close((more - less) / 10, signed.mean((2, 3)), **within)
    torch.testing.assert_close((more + less) / 10, signed.abs().mean((2, 3)), **within)
    for found, features in ((test, one), (reference, other)):
        expected = torch.cat([F.gelu(x).mean((2, 3)) for x in features], 1)
        torch.testing.assert_close(found, expected, **within)
    pairs = zip(one, other, strict=True)
    expected = torch.cat([(F.gelu(a) - F.gelu(b)).abs().mean((2, 3)) for a, b in pairs], 1)
    torch.testing.assert_close(apart, APART_GAIN * expected, **within)


@torch.inference_mode()
def test_parts_add_up_to_the_whole() -> None:
    maps, scorer = networks()
    one, other = maps.encode(images(1)), maps.encode(images(2))
    signed = maps.signed(one, other)
    whole = pooled(signed, one, other)
    parts = []
    for share in (slice(0, 1), slice(1, None)):  # unequal: a third and the rest of the columns
        cut = [x.unflatten(3, (3, -1))[..., share, :].flatten(3) for x in (signed, *one, *other)]
        n = len(one)
        parts.append(pooled(cut[0], cut[1 : 1 + n], cut[1 + n :]))
    total = parts[0] + parts[1]
    torch.testing.assert_close(total.means(), whole.means(), rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(scorer.score(total), scorer.score(whole), rtol=0, atol=1e-6)


def test_every_weight_learns_from_scores_and_embeddings() -> None:
    maps, scorer = networks()
    pairs = pooled_of(maps, images(1), images(2))
    pairs = replace(pairs, **{k: v.clone() for k, v in vars(pairs).items()})
    embedded = scorer.embed(pairs)
    assert embedded.shape == (3, CONFIG.embedding)
    (scorer.score(pairs).sum() + embedded.square().sum()).backward()
    assert all(p.grad is not None and p.grad.any() for p in scorer.parameters())


def test_equal_images_have_an_embedding() -> None:
    maps, scorer = networks()
    with torch.inference_mode():
        assert (scorer.embed(pooled_of(maps, images(1), images(1))).norm(dim=1) > 1e-3).all()


def test_presets_fit_their_maps() -> None:
    assert SCORE_PRESETS["smoke"].maps.network == PRESETS["smoke"].network
