"""A block's token depends on the patches of its block, and on no other."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from baselines.shdiqa.config import PRESETS, ShdiqaConfig
from baselines.shdiqa.filtering import BlockTokens
from baselines.shdiqa.partitions import divide

CONFIG = replace(PRESETS["paper"], block_heads=2)
DIM = 8


def made(config: ShdiqaConfig = CONFIG, seed: int = 0) -> BlockTokens:
    torch.manual_seed(seed)
    return BlockTokens(DIM, config).double()


def slow(net: BlockTokens, tokens: Tensor, patches: Tensor) -> Tensor:
    """The attention, block by block and head by head, over the patches that are let through."""
    config_heads, wide = net.attention.num_heads, DIM // net.attention.num_heads
    w, b = net.attention.in_proj_weight, net.attention.in_proj_bias
    found = torch.zeros(len(tokens), net.blocks, DIM, dtype=torch.float64)
    for i, image in enumerate(tokens):
        for k in range(net.blocks):
            query = net.query_tokens[k if len(net.query_tokens) > 1 else 0]
            inside = [
                F.layer_norm(image[1 + p], (DIM,), net.norm.weight, net.norm.bias)
                for p in range(patches.shape[1])
                if patches[k, p]
            ]
            q = w[:DIM] @ query + b[:DIM]
            keys = [w[DIM : 2 * DIM] @ x + b[DIM : 2 * DIM] for x in inside]
            values = [w[2 * DIM :] @ x + b[2 * DIM :] for x in inside]
            parts = []
            for h in range(config_heads):
                span = slice(h * wide, (h + 1) * wide)
                logits = [float(q[span] @ key[span]) / math.sqrt(wide) for key in keys]
                weights = [math.exp(x) for x in logits]
                parts.append(
                    sum(a * v[span] for a, v in zip(weights, values, strict=True)) / sum(weights)
                )
            out = net.attention.out_proj
            found[i, k] = out.weight @ torch.cat(parts) + out.bias
    return found


@pytest.mark.parametrize("queries", ["shared", "block"])
@pytest.mark.parametrize("edges", ["patch", "pixel"])
@torch.no_grad()
def test_equals_the_slow_loop(queries: str, edges: str) -> None:
    config = replace(CONFIG, block_queries=queries, edges=edges)  # type: ignore[arg-type]
    net, patches = made(config), divide(config, 112, 16).patches
    net.attention.in_proj_bias.normal_()
    net.query_tokens.normal_()
    tokens = torch.randn(2, 50, DIM, dtype=torch.float64)
    torch.testing.assert_close(net(tokens, patches), slow(net, tokens, patches))


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(("vertical", "horizontal", "grid")),
    st.sampled_from(("patch", "pixel")),
    st.integers(0, 49),
    st.booleans(),
)
@torch.no_grad()
def test_a_patch_moves_the_token_of_its_block_alone(
    partition: str, edges: str, changed: int, training: bool
) -> None:
    config = replace(CONFIG, partition=partition, edges=edges)  # type: ignore[arg-type]
    net, patches = made(config).train(training), divide(config, 112, 16).patches
    tokens = torch.randn(1, 50, DIM, dtype=torch.float64)
    other = tokens.clone()
    other[:, changed] += torch.randn(DIM, dtype=torch.float64)
    moved = (net(tokens, patches) - net(other, patches)).abs().amax(2)[0] > 1e-12
    # Token 0 is the class token, of no block.
    expected = torch.zeros(4, dtype=torch.bool) if changed == 0 else patches[:, changed - 1]
    assert torch.equal(moved, expected)


def test_a_shared_query_tells_damage_and_not_place() -> None:
    patches = divide(replace(CONFIG, partition="grid"), 64, 16).patches
    tokens = torch.randn(1, 5, DIM, dtype=torch.float64)
    # Every quarter of the 4 × 4 grid holds the same four patches.
    square = tokens[:, 1:].view(1, 2, 2, DIM).repeat(1, 2, 2, 1).view(1, 16, DIM)
    found = made()(torch.cat([tokens[:, :1], square], 1), patches)
    torch.testing.assert_close(found, found[:, :1].expand_as(found))
    own = made(replace(CONFIG, block_queries="block"))(
        torch.cat([tokens[:, :1], square], 1), patches
    )
    assert (own - own[:, :1]).abs().amax() > 1e-6


def test_heads_that_do_not_divide_the_tokens_are_refused() -> None:
    with pytest.raises(
        ValueError, match="block_heads is 3; it must divide the 8 numbers of a token"
    ):
        BlockTokens(DIM, replace(CONFIG, block_heads=3))
