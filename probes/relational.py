"""``relational``: what of two versions of a scene a model can tell: where, what, which way, better.

*Maps* (of visible, plain probes of damage to a part): see ``relational_maps.readings``. ``auroc``
and ``iou`` are of the type's own channel, ``any_auroc`` and ``any_iou`` of all channels together;
with several damages in an image (``damages=2``) each is sought in its own mask, and the others are
wrong answers. Chance is 0.5 for AUROC, ``mask_share`` for IoU, ``type_chance`` for type accuracy,
0.5 for direction by a coin (a map that leans one way everywhere is right on all types of that
sign: in probes the test is the damaged one), ``mae_flat`` (a map of 0.5) for MAE.
``control:abs-diff`` is the yardstick.

*Ranking* (of any model that scores pairs): Kendall's tau-b and the share of pairs in the right
order, within contents: by labels, else along ladders of severity; see ``measures.ranking``.

*Versions* (of a dataset with preferences): both beside the pristine image and, ``by=direct``, one
beside the other: ``a`` is preferred to ``b`` if score(a, b) > score(b, a), so that a score that
knows no direction is at 0.5. Where pairs stand in both orders there are also the largest errors of
anti-symmetry, |F(t, r) + F(r, t) − 1| on a lattice of 16 × 16 points and |s(t, r) + s(r, t)|, and
of identity, |F(I, I) − 0.5| and |s(I, I)|: those of the score are 0 for a relational one alone.

Means are over the types of a content, then over contents, each weighing the same. ``types=`` sets
the types apart that relational maps may be trained on and those that are held out of all training;
a model that names types is compared with one that names none on ``types=trainable`` alone, where
both are asked about the same damage.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.errors import count
from harness.protocols.agreement import join
from harness.protocols.base import Inputs, Measure, Need, Protocol, Skip
from harness.protocols.outcomes import by_image, finite
from harness.sample import Dataset

from .localize import partial_probes
from .relational_maps import DAMAGES_TOLD, LATTICE, claims, readings
from .relational_ranking import by_label, by_severity, table
from .trained import held_out, trained

if TYPE_CHECKING:
    import pandas as pd

SCORES = Need("score_pair")
MAPS = Need("distortion_map", reducer=DAMAGES_TOLD.name)
POINTS = Need("distortion_map", reducer=LATTICE.name)

# Metrics and their columns: of any damage, and of one that a channel is about.
_ANY = {"any_auroc": "any_auroc", "any_iou": "any_iou", "mask_share": "share"}
_FOUND = {"auroc": "auroc", "iou": "iou"}
_TYPED = {
    "type_accuracy": "type_accuracy", "type_chance": "type_chance",
    "direction_accuracy": "direction", "leakage": "leakage",
}  # fmt: skip
_AMOUNTS = {"mae": "mae", "mae_flat": "mae_flat"}  # of a single damage
_IOUS = ("iou", "any_iou")
_ALONE = "the threshold of IoU is chosen on other contents, and there are none"
_WHERE_IDLE = "leakage is of images whose types all have a channel"
_NO_TYPES = "no channel of the map names a type of damage"


def _needs(operations: frozenset[str], dataset: Dataset, seed: int) -> tuple[Need, ...] | Skip:
    if not dataset.pairs:
        return Skip("compares images with references, and the dataset has none")
    if not operations & {"score_pair", "distortion_map"}:
        return Skip("compares no images: gives neither score_pair nor distortion_map")
    versions = any(pair.preference for pair in dataset.pairs)
    needs = []
    if "score_pair" in operations and (versions or _groups(dataset)):
        needs.append(SCORES)
    if "distortion_map" in operations and (versions or partial_probes(dataset)):
        needs.append(MAPS)
    if "distortion_map" in operations and versions:
        needs.append(POINTS)
    return tuple(needs) or Skip("no probes of a part, ladders, labels or preferences for this")


def _groups(dataset: Dataset) -> bool:
    return bool(by_label(dataset) or by_severity(dataset.samples))


def _evaluate(inputs: Inputs) -> list[Measure]:
    from .relational_versions import rows as version_rows

    dataset, known = inputs.dataset, trained(inputs.card)
    if any(pair.preference for pair in dataset.pairs):
        rows = list(version_rows(inputs, SCORES, MAPS, POINTS))
    else:
        rows = [*_ranking(inputs), *_maps(inputs)]
    return [replace(row, marks=(*row.marks, *held_out(row.subset, known))) for row in rows]


def _ranking(inputs: Inputs) -> Iterator[Measure]:
    if SCORES not in inputs.outputs:
        return
    from .measures.over_contents import SHARE
    from .measures.ranking import ranked
    from .relational_rows import of_means

    output = by_image(finite(inputs.outputs[SCORES], "score is"), inputs.dataset)
    scores = dict(zip(output.ids, output.values.astype(float).tolist(), strict=True))
    known = trained(inputs.card)
    labels, ladders = by_label(inputs.dataset), by_severity(inputs.dataset.samples)
    orders = [("label", labels)] * bool(labels) + [("severity", ladders)] * bool(ladders)
    for i, (name, groups) in enumerate(orders):
        images = table(groups, scores, known)
        for by in ((), ("seen",), ("types",), ("type",)) if name == "severity" else ((),):
            for key, part in _parts(images, by):
                told = ranked(part)
                about = f"by {name}: {int(told['n_pairs'].sum())} pairs"
                subset = key if i == 0 else _joined(f"order={name}", key)
                for metric, column, limits in (
                    ("pair_accuracy", "accuracy", SHARE),
                    ("kendall_tau", "tau", (-1.0, 1.0)),
                ):
                    row = of_means(metric, told, column, subset, inputs.seed, limits)
                    n, there = part["id"].nunique(), part.dropna(subset=["score"])["id"].nunique()
                    yield replace(
                        row, n_expected=n, n_scored=there, n_failed=n - there, scores=scores,
                        reason=join(row.reason, about, _failed(part, output.failures)),
                    )  # fmt: skip


def _maps(inputs: Inputs) -> Iterator[Measure]:
    if MAPS not in inputs.outputs:
        return
    from .relational_rows import of_means

    output, card = by_image(inputs.outputs[MAPS], inputs.dataset), inputs.card
    probes = partial_probes(inputs.dataset)
    damages = readings(probes, output, card, trained(card))
    about = None if claims(card) else _NO_TYPES
    for n, part in damages.groupby("n"):
        several, unit = ("", None) if n == 1 else (f"damages={n}", "N counts damages")
        ways = [
            (),
            ("seen",),
            ("types",),
            *([("area",), ("severity",), ("type",)] if n == 1 else []),
        ]
        metrics = _ANY | _FOUND | _TYPED | (_AMOUNTS if n == 1 else {})
        for by in ways:
            for key, cell in _parts(part, by):
                for metric, column in metrics.items():
                    rows = cell if metric in _ANY else cell[cell["claimed"] != "no"]
                    rows = rows[rows["leaks"] != "no"] if metric == "leakage" else rows
                    subset = _joined(several, key if key != "all" else "")
                    if about and metric in {*_TYPED, *_AMOUNTS}:
                        if not by:
                            yield Measure(metric, None, len(rows), 0, 0, subset, reason=about)
                    elif len(rows):
                        row = of_means(metric, rows, column, subset, inputs.seed)
                        told = join(unit, _failed(rows, output.failures))
                        note = "of all channels together" if about and metric in _FOUND else None
                        note = _WHERE_IDLE if unit and metric == "leakage" else note
                        if row.value is None and column in _IOUS and rows["any_auroc"].any():
                            note = join(note, _ALONE)
                        yield replace(row, reason=join(row.reason, note, told))


def _parts(rows: pd.DataFrame, by: tuple[str, ...]) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows alike in ``by``, with their subset; none where ``seen`` is the same for all."""
    from .measure_rows import subset_of

    if not by:
        yield "all", rows
        return
    if by == ("seen",) and not {"yes", "no"} <= set(rows["seen"]):
        return
    for values, part in rows[(rows[list(by)] != "").all(axis=1)].groupby(list(by)):
        yield subset_of(dict(zip(by, values, strict=True))), part


def _joined(*subsets: str) -> str:
    return " ".join(s for s in subsets if s and s != "all") or "all"


def _failed(rows: pd.DataFrame, failures: object) -> str | None:
    """How many of the images have no result, and why the first has none."""
    assert isinstance(failures, dict)
    failed = sorted(name for name in set(rows["id"]) if name in failures)
    if not failed:
        return None
    return f"{count(len(failed), 'image')} failed: first {failed[0]}: {failures[failed[0]]}"


RELATIONAL = Protocol(
    name="relational",
    version="2",
    summary="two versions of a scene: maps by type, direction, ranking within contents",
    headline="pair_accuracy",
    needs=_needs,
    evaluate=_evaluate,
)
