"""What the student learns from the teacher's block tokens: contrast of types, and affinities."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.pretraining.contrast import NEGATIVE, POSITIVE, info_nce

from .config import Among


def contrastive(student: Tensor, teacher: Tensor, types: Tensor, temperature: float) -> Tensor:
    """InfoNCE of the student's tokens against the teacher's: those of one type attract.

    ``student``, ``teacher`` ``[B, K, D]``, of any norm; ``types`` ``int64 [B, K]``. A scalar. Of
    each token of the student, all tokens of the teacher with its type, in whatever image, are
    positives, its own among them; all others are negatives.
    """
    flat = types.flatten()
    kinds = torch.where(flat[:, None] == flat, POSITIVE, NEGATIVE)
    return info_nce(student.flatten(0, 1), teacher.flatten(0, 1), kinds, temperature)


def affinity_gap(student: Tensor, teacher: Tensor, among: Among) -> Tensor:
    """The mean of (A_student - A_teacher)², A the cosines of block tokens ``[B, K, D]``, a scalar.

    A is ``[K, K]`` of each image, or ``[BK, BK]`` of the batch; the mean is over all its entries.
    """
    return (_cosines(student, among) - _cosines(teacher, among)).square().mean()


def _cosines(tokens: Tensor, among: Among) -> Tensor:
    unit = F.normalize(tokens.flatten(0, 1)[None] if among == "batch" else tokens, dim=-1)
    return unit @ unit.mT
