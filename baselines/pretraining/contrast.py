"""Multi-positive InfoNCE that leaves excluded pairs out."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

POSITIVE, EXCLUDED, NEGATIVE = 1, 0, -1  # what a pair is to the loss


def info_nce(queries: Tensor, keys: Tensor, relations: Tensor, temperature: float) -> Tensor:
    """The mean over anchors i with positives P(i) and negatives N(i), a scalar of

    ``-1/|P(i)| Σ_{p∈P(i)} log( e^{s_ip/τ} / ( Σ_{P(i)} e^{s/τ} + Σ_{N(i)} e^{s/τ} ) )``,

    s the cosine of query and key. ``queries``, ``keys`` ``[B, D]``, of any norm; ``relations``
    ``int8 [B, B]``. Excluded pairs are in neither sum; anchors without positives are left out of
    the mean, and where no anchor has any the loss is 0 with zero gradients.
    """
    with torch.autocast(queries.device.type, enabled=False):
        wide = torch.promote_types(queries.dtype, torch.float32)
        logits = F.normalize(queries.to(wide)) @ F.normalize(keys.to(wide)).mT / temperature
        positive = relations == POSITIVE
        anchors = positive.any(1)
        logits, positive = logits[anchors], positive[anchors]
        # Half precision has no place here: a sum over 1,000 negatives would lose its small ones.
        among = logits.masked_fill(relations[anchors] == EXCLUDED, -torch.inf).logsumexp(1)
        attracted = (logits * positive).sum(1) / positive.sum(1)
        return (among - attracted).sum() / anchors.sum().clamp(min=1)
