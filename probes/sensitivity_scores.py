"""The scores that sensitivity is read from: the model's own, or those of a head on its features.

The head is ridge regression, fitted on a labeled set without the content at hand and without the
types of damage that are held out of all training (``probes.degradations.HELD_OUT``), as far as the
set tells its types by these names: else no type would be new to an encoder that is read through it.
The heads of all contents have one alpha, chosen on all labeled contents by cross-validation over
them: another alpha is another gain, and the change of one content is held against the null of the
others.
"""

from __future__ import annotations

import numpy as np

from harness.protocols.agreement import join
from harness.protocols.base import Inputs, Need
from harness.protocols.heads import Head, Heads
from harness.protocols.outcomes import by_image, finite, usable
from harness.sample import Sample
from harness.store import Output

FEATURES = Need("features")


def scores_of(inputs: Inputs) -> tuple[Output, str | None]:
    """A score of every image, and why no number may be made from them, or None."""
    if Need("score") in inputs.outputs:
        return finite(inputs.outputs[Need("score")], "score is"), None
    if Need("score_pair") in inputs.outputs:
        output = finite(inputs.outputs[Need("score_pair")], "score is")
        return by_image(output, inputs.dataset), None
    head = inputs.dataset.head_dataset
    assert head is not None  # it was needed
    features = finite(inputs.outputs[FEATURES], "features are")
    output = finite(inputs.outputs[Need("features", head)], "features are")
    labeled = usable(head_samples(inputs) or (), output)
    if len(set(labeled.contents)) < 3:
        remark = join("the head needs at least 3 labeled contents", labeled.remark)
        failures = {**dict.fromkeys(features.ids, "no head"), **features.failures}
        return Output((), np.empty(0), failures), remark
    heads = Heads(labeled.values, labeled.labels, labeled.contents)
    content = {image.id: image.content for image in inputs.dataset.images}
    contents = np.array([content[name] for name in features.ids])
    values, choice = np.empty(len(features.ids)), heads.without("").choice  # without none
    for name in sorted(set(contents)):
        fitted = Head(heads.path(labeled.contents != name), choice)
        values[contents == name] = fitted.predict(features.values[contents == name])
    same = not (features.values != features.values[:1, :1]).any()
    return Output(features.ids, values, features.failures), "features do not vary" if same else None


def head_samples(inputs: Inputs) -> tuple[Sample, ...] | None:
    """The labeled images that a head is fitted on; None where the model gives scores itself."""
    head = inputs.dataset.head_dataset
    if head is None or Need("features", head) not in inputs.outputs:
        return None
    from .degradations import HELD_OUT

    held_out = set(HELD_OUT)
    return tuple(
        s for s in inputs.others[head].samples if held_out.isdisjoint(d.type for d in s.damages)
    )


def remark(inputs: Inputs, scores: Output) -> str | None:
    """What must be known of scores that are not the model's plain word, or None."""
    if (samples := head_samples(inputs)) is not None:
        left = len(inputs.others[str(inputs.dataset.head_dataset)].samples) - len(samples)
        held_out = f"without the {left} images of held-out types" if left else "on all its images"
        return f"read by a head fitted on {inputs.dataset.head_dataset}, {held_out}"
    own = dict(zip(scores.ids, scores.values.tolist(), strict=True))
    selves = {own[r.id] for r in inputs.dataset.references if r.id in own}
    if Need("score_pair") in inputs.outputs and len(selves) == 1:
        return (
            "full-reference: Δ is counted from the score of the pristine image with itself "
            f"({selves.pop() + 0:g} for every content)"  # + 0: never "-0"
        )
    return None
