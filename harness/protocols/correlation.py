"""``correlation``: do the scores agree with the labels?"""

from __future__ import annotations

from ..sample import Dataset
from ..store import Output
from .agreement import agreement_rows
from .base import Inputs, Measure, Need, Protocol, Skip, word
from .outcomes import by_image, finite, usable


def scores_needed(
    operations: frozenset[str], dataset: Dataset, seed: int
) -> tuple[Need, ...] | Skip:
    """Scores of images or, from a full-reference model, of pairs."""
    if dataset.label_kind == "none":
        return Skip("the dataset has no labels")
    if "score" in operations:
        return (Need("score"),)
    if "score_pair" in operations:
        if dataset.pairs:
            return (Need("score_pair"),)
        return Skip("full-reference, and the dataset has no references")
    if "features" in operations:
        return Skip("gives features, not scores: use linear-probe")
    return Skip("gives no scores")


def scores_of(inputs: Inputs) -> Output:
    """What ``scores_needed`` asked for, by image; scores that are not finite are failures."""
    if Need("score") in inputs.outputs:
        return finite(inputs.outputs[Need("score")], "score is")
    return by_image(finite(inputs.outputs[Need("score_pair")], "score is"), inputs.dataset)


def _evaluate(inputs: Inputs) -> list[Measure]:
    dataset, output = inputs.dataset, scores_of(inputs)
    found = usable(dataset.samples, output)
    values = found.values.astype(float).tolist()
    scores = {s.id: value for s, value in zip(found.samples, values, strict=True)}
    rows = agreement_rows(found, scores, inputs.seed)
    single = [s for s in dataset.samples if len(s.damages) == 1]
    for kind in sorted({s.damages[0].type for s in single}):
        part = usable((s for s in single if s.damages[0].type == kind), output)
        rows += agreement_rows(
            part, scores, inputs.seed, names=("srcc",), subset=f"type={word(kind)}"
        )
    return rows


CORRELATION = Protocol(
    name="correlation",
    version="2",
    summary="agreement of scores with labels: SRCC, PLCC (raw, after a logistic), KRCC, RMSE",
    headline="srcc",
    needs=scores_needed,
    evaluate=_evaluate,
)
