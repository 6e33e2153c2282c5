"""Why a measured number is not the one that a paper prints: facts of both, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import count
from ..papers.in_print import Published, differences
from ..records import Row
from ..reports.layout import interval, number

_SEEN = {
    "content": "scenes of what it is measured on, which may flatter it",
    "images": "pictures that it is measured on, which may flatter it",
    "labels": "labels that it is measured on, which flatters it",
}


def explain(
    row: Row,
    published: Published,
    card: Mapping[str, Any] | None,
    record: Sequence[Row] = (),
    packages: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Facts that may explain why ``row`` is not ``published``, a short sentence each.

    ``card`` is that of the model as JSON, ``record`` the rows measured with ``row``, ``packages``
    the versions of libraries, each where it is known. First comes how far the two are apart.
    """
    parts = (
        _distance(row, published),
        differences(row, published),
        printed(published),
        _splits(row, published, record),
        _samples(row),
        _model(row, card),
        _machine(row, card, packages or {}),
    )
    return tuple(f"{sentence.rstrip('.')}." for part in parts for sentence in part)


def signed(difference: float) -> str:
    """A difference with its sign, three decimals."""
    return f"{'+' if difference > 0 else ''}{number(difference)}"


def _distance(row: Row, published: Published) -> Iterator[str]:
    if row.value is None:
        yield f"Not measured: {row.reason}"
        return
    gap = row.value - published.value
    yield f"Measured {number(row.value)}, published {number(published.value)}: {signed(gap)}"
    if row.ci_low is None or row.ci_high is None:
        yield f"Nothing says how much of it is chance: {row.ci_method or 'no interval is known'}"
        return
    where = "inside" if row.ci_low <= published.value <= row.ci_high else "outside"
    yield (
        f"The published value is {where} the 95 % interval {interval(row.ci_low, row.ci_high)} "
        f"({row.ci_method})"
    )


def printed(published: Published) -> Iterator[str]:
    """What is to be known of ``published`` without any measurement: its table, and its notes."""
    if published.remark:
        yield f"Of the published value: {published.remark}"
    if published.title:
        yield f"The published table: {published.title}"
    yield from published.notes


def _splits(row: Row, published: Published, record: Sequence[Row]) -> Iterator[str]:
    if row.split != "all":
        yield f"Split here: {row.split}"
    about = {r.metric: r for r in record if (r.split, r.subset) == (row.split, row.subset)}
    if (mean := about.get(f"{row.metric}_mean")) and mean.value is not None:
        gap = signed(mean.value - published.value)
        yield f"The value is a median over splits; their mean is {number(mean.value)} ({gap})"
    if (spread := about.get(f"{row.metric}_split_sd")) and spread.value is not None:
        yield f"From split to split it varies with an SD of {number(spread.value)}"
    if (alpha := about.get("alpha")) and alpha.value is not None:
        yield f"Alpha of the ridge head here: {alpha.value:.3g}"


def _samples(row: Row) -> Iterator[str]:
    if row.n_scored < row.n_expected:
        failed = f", {row.n_failed} failed" if row.n_failed else ""
        yield f"Only {row.n_scored} of {count(row.n_expected, 'sample')} were scored{failed}"
    else:
        yield f"All of {count(row.n_expected, 'sample')} were scored"
    if row.marks:
        yield f"Marks: {', '.join(row.marks)}"
    if row.value is not None and row.reason:
        yield f"Of the measured value: {row.reason}"


def _model(row: Row, card: Mapping[str, Any] | None) -> Iterator[str]:
    if row.contamination in _SEEN:
        yield f"In training the model met {_SEEN[row.contamination]}"
    elif row.contamination != "none":
        yield "Whether the model met these pictures in training is not known"
    told = {each["sha256"]: each for each in card["weights"]} if card else {}
    for sha256 in filter(None, row.weights.split("+")):
        about = told.get(sha256)
        of = f"{about['name']} from {about['source'] or 'no stated source'}" if about else ""
        yield f"Weights here: {', '.join(filter(None, (of, f'SHA-256 {sha256[:12]}…')))}"
    if card and card["coverage"]:
        yield f"The model sees {card['coverage']}"


def _machine(
    row: Row, card: Mapping[str, Any] | None, packages: Mapping[str, str]
) -> Iterator[str]:
    yield f"Images are decoded here by the policy {row.decoding}, on {row.device}"
    needed = packages.keys() & card["requires"] if card else packages.keys() - {"device"}
    if needed:
        yield f"Libraries here: {', '.join(f'{name} {packages[name]}' for name in sorted(needed))}"
