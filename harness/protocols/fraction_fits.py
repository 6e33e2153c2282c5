"""Models fitted on nested fractions of a dataset, an eighth of the contents for validation.

The training parts are nested too, and so are the validation parts. All fits of a repeat have one
seed, drawn from that of the run and the number of the repeat, and so they start from equal weights.
"""

from __future__ import annotations

import numpy as np

from ..randomness import seed_of
from ..sample import Dataset
from .base import Fit, Inputs, Need
from .fractions import TEST_ON_REST, Fraction, Run, for_validation, labeled, nested_fractions
from .outcomes import Usable, finite, of_fits, usable


def fits_of(
    dataset: Dataset, shares: tuple[float, ...], repeats: int, seed: int
) -> list[tuple[Fraction, Need]]:
    """Each fraction of each repeat, in rows of ``labeled``, and what is asked of its fit.

    Of a share in TEST_ON_REST that is all that is not in the fraction, else the test part.
    """
    samples = labeled(dataset)
    contents = {s.id: s.content for s in samples}
    found = []
    for repeat in range(repeats):
        held_out = for_validation(contents.values(), repeat, seed)
        for fraction in nested_fractions(list(contents.values()), shares, repeat, seed):
            on_rest = not set(TEST_ON_REST).isdisjoint(fraction.shares)
            tested = fraction.rest(len(samples)) if on_rest else fraction.fixed
            learned = [samples[i] for i in fraction.train]
            fit = Fit(
                tuple(s.id for s in learned if s.content not in held_out),
                tuple(s.id for s in learned if s.content in held_out),
                tuple(samples[i].id for i in tested),
                seed_of(seed, repeat),
            )
            found.append((fraction, Need("score", fit=fit)))
    return found


def fitted_runs(
    inputs: Inputs, shares: tuple[float, ...], repeats: int
) -> tuple[Usable, list[Run]]:
    """What the fits say, and the labeled samples of which any has a score or was never asked."""
    dataset = inputs.dataset
    fits = fits_of(dataset, shares, repeats, inputs.seed)
    outputs = [finite(inputs.outputs[need], "score is") for _, need in fits]
    known, _ = of_fits(dataset, outputs)
    found = usable(dataset.samples, known)
    row = {s.id: i for i, s in enumerate(found.samples)}
    there = np.array([row.get(s.id, -1) for s in labeled(dataset)])
    runs = []
    for (fraction, _), output in zip(fits, outputs, strict=True):
        scores = np.full(len(found.samples), np.nan)
        for name, value in zip(output.ids, output.values, strict=True):
            if name in row:  # and no reference
                scores[row[name]] = value
        here = fraction.present(there)
        parts = (here.fixed, here.rest(len(scores)))
        fixed, rest = (rows[np.isfinite(scores[rows])] for rows in parts)
        lost = None if output.ids else min(output.failures.values())
        runs.append(Run(fraction.shares, scores, fixed, rest, lost))
    return found, runs
