"""Block-wise Aggregation and Filtering: of each block one token, of its own patches alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import ShdiqaConfig


class BlockTokens(nn.Module):
    """Attention of a query a block to patch tokens, restricted by the mask matrix.

    Patches that the matrix gives to no block are left out, as is the class token. The paper's
    further filtering, if there is any, is not known to us.
    """

    def __init__(self, dim: int, config: ShdiqaConfig) -> None:
        super().__init__()
        heads = config.block_heads
        if dim % heads:
            raise ValueError(f"block_heads is {heads}; it must divide the {dim} numbers of a token")
        queries = config.blocks if config.block_queries == "block" else 1
        self.blocks = config.blocks
        self.query_tokens = nn.Parameter(0.02 * torch.randn(queries, dim))
        self.norm = nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, tokens: Tensor, patches: Tensor) -> Tensor:
        """``[B, K, D]`` of ``tokens`` ``[B, 1 + P, D]`` and the mask matrix ``bool [K, P]``."""
        normed = self.norm(tokens[:, 1:])
        queries = self.query_tokens.expand(len(tokens), self.blocks, -1)
        found, _ = self.attention(queries, normed, normed, attn_mask=~patches, need_weights=False)
        return found
