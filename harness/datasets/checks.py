"""What must hold of a score file before anything is computed from it."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .spec import Entry, Listing, Spec

# Share of (content, type) whose scores get worse from the least to the most severe level: 1.000 in
# CSIQ's score file, 0.968 in KADID-10k's, 0.962 in TID2013's; 0.5 where they are permuted.
_WORSE = 0.9


def check(spec: Spec, listing: Listing, partial: bool = False) -> None:
    """ValueError with one line for a listing that is not the dataset's.

    References in the place of distorted images, ids that appear twice, other counts than the
    owners' (where we know them only from others, that is a warning; a ``partial`` one may list
    fewer), scores out of range, and scores that do not get worse with severity.
    """
    try:
        _references(listing)
        _duplicates([*listing.entries, *listing.references])
        _counts(spec, listing, partial)
        _range(listing.range or spec.range, listing.entries)
        _polarity(spec, listing.entries)
    except ValueError as error:
        raise ValueError(f"{spec.title}: {error}") from error


def _references(listing: Listing) -> None:
    known = {r.id for r in listing.references}
    paths = {r.path.lower() for r in listing.references}
    for entry in listing.entries:
        if entry.path.lower() in paths or entry.id == entry.reference:
            raise ValueError(
                f"{entry.path} is listed as a distorted image and is a reference: "
                "are the two swapped?"
            )
        if entry.reference is not None and entry.reference not in known:
            raise ValueError(f"{entry.id} refers to the unknown reference {entry.reference}")


def _duplicates(entries: Sequence[Entry]) -> None:
    for what, names in (("id", [e.id for e in entries]), ("file", [e.path for e in entries])):
        name, n = Counter(name.lower() for name in names).most_common(1)[0] if names else ("", 0)
        if n > 1:
            raise ValueError(f"the {what} {name} appears {n} times in the score file")


def _counts(spec: Spec, listing: Listing, partial: bool) -> None:
    entries = listing.entries
    wanted = [("images", len(entries), spec.n_images)]
    wanted += [("references", len(listing.references), spec.n_references)]
    if parts := Counter(e.split for e in entries if e.split):
        wanted += [(f"{part} images", parts[part], n) for part, n in spec.parts.items()]
    types = Counter(e.damages[0].type for e in entries if e.damages)
    wanted += [(f"images with {kind}", types[kind], n) for kind, n in spec.types.items()]
    for what, found, n in wanted:
        if found == n or (partial and found < n):
            continue
        line = f"the score file lists {found} {what}, not {n}; is it complete?"
        if spec.counts_seen:
            raise ValueError(f"{line} (subset=present takes what there is)")
        warnings.warn(f"{spec.title}: {line} (not checked against the owners' file)", stacklevel=5)


def _range(limits: tuple[float, float], entries: Sequence[Entry]) -> None:
    low, high = limits
    for entry in entries:
        if entry.raw is not None and not low <= entry.raw <= high:
            raise ValueError(
                f"the score {entry.raw:g} of {entry.id} is outside {low:g} to {high:g}: "
                "another scale or another column?"
            )
        if entry.std is not None and not 0 <= entry.std <= high - low:
            raise ValueError(
                f"the standard deviation {entry.std:g} of {entry.id} is not between 0 and "
                f"{high - low:g}: another column?"
            )


def _polarity(spec: Spec, entries: Sequence[Entry]) -> None:
    """From the least to the most severe level of a type, nearly all scores must get worse."""
    series = defaultdict(list)
    for entry in entries:
        if entry.raw is not None and len(entry.damages) == 1:
            damage = entry.damages[0]
            if damage.severity is not None:
                series[entry.content, damage.type].append((damage.severity, entry.raw))
    ends = [(min(levels)[1], max(levels)[1]) for levels in series.values()]
    if not ends:
        return
    falls = sum(worst < mildest for mildest, worst in ends) / len(ends)
    rises = sum(worst > mildest for mildest, worst in ends) / len(ends)
    right, wrong = (rises, falls) if spec.lower_is_better else (falls, rises)
    # Of a part, the types may be those that go the other way, as one of TID2013's 24 does.
    if right >= (_WORSE if len(entries) >= spec.n_images else wrong):
        return
    if wrong >= _WORSE:
        way, other = ("fall", "MOS") if spec.lower_is_better else ("rise", "DMOS")
        raise ValueError(f"the scores {way} with severity: is this a {other}?")
    raise ValueError(
        f"the scores get worse with severity for {right:.0%} of the damaged contents, not for "
        f"{_WORSE:.0%} or more: do they belong to other images?"
    )
