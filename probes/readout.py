"""``representation``: what can be read from frozen features about damage, by linear heads?

Every head is ridge regression on pooled features (averaged over views), asked about contents that
it has not seen. What it reads: the *type* of damage (``type_map``, beside ``type_prevalence`` and
what a random order would get, ``type_chance``), its *severity* within the type, the *local PSNR*
achieved, log₂ of the damaged *area*, the *location* of its centroid (x, y relative to the image),
and whether the image is *damaged* at all (``damaged_auroc``; clean are pristine images and
harmless changes). Spatial tokens are no part of what an adapter gives, so location is read from
pooled features alone.

*FR scores* are read as well, without the reference: PSNR of the whole image (``fr_psnr_srcc``)
and mean SSIM of luma inside the mask (``fr_local_ssim_srcc``), both measured when a probe was
made; from the latter the SSIM of a whole image cannot be had, whose windows cross the mask's edge.
Of damaged images alone: the PSNR of a pristine image is infinite.

``regime`` is what the heads learned from: uniform (damage of the full frame), localized, mixed,
or mixed without the type (leave-one-type-out) or the shape of mask (leave-one-shape-out) that
they are asked about (without it in the fit; alpha is that of the mixed heads). A regime without an
area is asked about all localized damages, or, of log₂ area, about all areas that it learned from;
"all" is mixed, asked about the full frame, too.
``fraction`` is the share of labels that mixed heads learn from, the mean over repeats with their
standard deviation (``…_split_sd``). R² is about the mean of the training images.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.protocols.agreement import join
from harness.protocols.base import Inputs, Measure, Need, Protocol, Skip
from harness.protocols.outcomes import Usable, finite, usable
from harness.protocols.rows import Features, chunks, vary
from harness.sample import Dataset

from .readout_table import readable, table_of

_FEATURES = Need("features")


def _needs(operations: frozenset[str], dataset: Dataset, seed: int) -> tuple[Need, ...] | Skip:
    areas = {d.area_asked for s in readable(dataset) for d in s.damages}
    if not areas or min(areas) == 1:
        return Skip("needs a probe set: no visible damage here covers only a part of the image")
    return (_FEATURES,) if "features" in operations else Skip("gives no features")


def _evaluate(inputs: Inputs) -> list[Measure]:
    # Pandas comes with these, and protocols are listed without it.
    from .measures.draws import content_folds
    from .measures.representation import Reading, readings
    from .readout_rows import rows
    from .readout_trainings import targets_of, trainings_of

    samples = readable(inputs.dataset)
    found = usable(samples, finite(inputs.outputs[_FEATURES], "features are"), labeled=False)
    folds = content_folds((s.content for s in samples), inputs.seed)
    split = f"{len(folds)} folds of contents"
    if why := _impossible(found):
        n = len(found.samples)
        why = join(why, found.remark)
        return [Measure("type_map", None, found.n_expected, n, found.n_failed, "all", split,
                        reason=why)]  # fmt: skip
    table = table_of(samples)
    known = table["id"].isin([s.id for s in found.samples]).to_numpy()
    targets = targets_of(table)
    trainings = trainings_of(table, [target.name for target in targets], inputs.seed)
    read = readings(
        _pooled(found.values),
        table[known],
        folds,
        [training.among(known) for training in trainings],
        [target.among(known) for target in targets],
    )
    everywhere = {
        key: Reading(_all(r.values, known), _all(r.means, known)) for key, r in read.items()
    }
    return [
        replace(row, split=split, reason=join(row.reason, found.remark if row.n_failed else None))
        for row in rows(table, everywhere, len(folds), inputs.seed)
    ]


def _pooled(values: Features) -> np.ndarray:
    """Features ``[N, V, D]`` averaged over views, ``float32 [N, D]``."""
    parts = [values[p].mean(axis=1, dtype=np.float64).astype(np.float32) for p in chunks(values)]
    return np.concatenate(parts)


def _all(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """``values`` of the ``known`` rows as those of all rows, NaN elsewhere."""
    found = np.full((len(known), values.shape[1]), np.nan)
    found[known] = values
    return found


def _impossible(found: Usable) -> str | None:
    if (n_contents := len(set(found.contents))) < 3:
        return f"at least 3 contents are needed, {n_contents} can be used"
    return None if vary(found.values) else "features do not vary"


REPRESENTATION = Protocol(
    name="representation",
    version="3",
    summary="what linear heads read from features of damage: type, severity, area, location",
    headline="type_map",
    needs=_needs,
    evaluate=_evaluate,
)
