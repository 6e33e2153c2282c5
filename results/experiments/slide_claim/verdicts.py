"""What the numbers of two arms say about each other, in words, and whether the claim comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from . import arms, combine

CLAIM = (arms.BASE, "uniform")
SMALL, FULL = "1/16", "1"
JUDGED = {
    "type_map": "mAP of the type",
    "damaged_auroc": "AUROC of the damaged / clean head",
    "detected": "share detected",
}
ABOVE, BELOW, UNDECIDED, NO_INTERVAL = "above", "below", "undecided", "without an interval"


def verdict(row: Mapping[Any, Any] | pd.Series) -> str:
    """What a difference with its interval says."""
    if pd.isna(row["low"]) or pd.isna(row["high"]):
        return NO_INTERVAL
    return ABOVE if row["low"] > 0 else BELOW if row["high"] < 0 else UNDECIDED


def tally(table: pd.DataFrame, arm: str, against: str, area: str, types: str) -> Counter[str]:
    """How often one arm is above, below or not told from another, over tests and JUDGED."""
    rows = differences(table, arm, against)
    rows = rows[(rows["area"] == area) & (rows["types"] == types) & rows["metric"].isin(JUDGED)]
    return Counter(verdict(row) for row in rows.to_dict("records"))


def below(table: pd.DataFrame, arm: str, against: str, types: str) -> list[pd.Series]:
    """Where one arm is below another, at any area, over tests and JUDGED."""
    rows = differences(table, arm, against)
    rows = rows[(rows["types"] == types) & rows["metric"].isin(JUDGED)]
    return [row for _, row in rows.iterrows() if verdict(row) == BELOW]


def said(counts: Counter[str]) -> str:
    """ "above in 3 of 6, undecided in 3 of 6 (the 95 % interval holds 0)"."""
    n = counts.total()
    if not n:
        return "nothing was measured"
    parts = [f"{word} in {counts[word]} of {n}" for word in (ABOVE, BELOW) if counts[word]]
    if counts[UNDECIDED]:
        parts.append(f"undecided in {counts[UNDECIDED]} of {n} (the 95 % interval holds 0)")
    if counts[NO_INTERVAL]:
        parts.append(f"{NO_INTERVAL} in {counts[NO_INTERVAL]} of {n}")
    return ", ".join(parts)


def claim(table: pd.DataFrame, types: str) -> str:
    """What became of the claim: above on small areas, and not below on full frames."""
    small, full = (tally(table, *CLAIM, area, types) for area in (SMALL, FULL))
    if not small.total() or not full.total():
        return f"On {types} damage nothing was measured."
    if full[BELOW]:
        outcome = "does not come out: something is lost on full frames"
    elif small[ABOVE] == small.total():
        outcome = "comes out"
    elif 2 * small[ABOVE] >= small.total() and not small[BELOW]:
        outcome = "comes out in part"
    elif small[BELOW]:
        outcome = "does not come out: small areas are read worse by some measure"
    else:
        outcome = "is mostly undecided" if small[ABOVE] else "is not decided"
    if outcome.startswith("does not") and small[ABOVE]:
        outcome += f", although small areas are read better in {small[ABOVE]} of {small.total()}"
    if full[UNDECIDED] and not full[BELOW]:
        outcome += "; no loss on full frames is seen, and none is ruled out"
    gaps = _apart(table, types)
    if table.loc[table["arm"] == CLAIM[0], "seed"].nunique() <= 2:  # one, and the mean
        outcome += ", between two networks of one seed"
    return (
        f"**On {types} damage the claim {outcome}.** `{CLAIM[0]}` against `{CLAIM[1]}`, over test "
        f"sets and {len(JUDGED)} measures: at {SMALL} of the area {said(small)}; on full frames "
        f"{said(full)}. At {SMALL}, the two arms' own intervals are apart, and in its favor, in "
        f"{gaps} of {small.total()}."
    )


def differences(table: pd.DataFrame, arm: str, against: str) -> pd.DataFrame:
    return table[(table["arm"] == arm) & (table["against"] == against)]


def _apart(table: pd.DataFrame, types: str) -> int:
    """In how many places the claimed arm's own interval lies wholly above the other's."""
    means = table[(table["seed"] == combine.MEAN) & table["against"].isna()]
    means = means[(means["area"] == SMALL) & (means["types"] == types)]
    means = means[means["metric"].isin(JUDGED)]
    pairs = [here.set_index("arm") for _, here in means.groupby(["test", "metric"])]
    found = [(p.loc[CLAIM[0]], p.loc[CLAIM[1]]) for p in pairs if set(CLAIM) <= set(p.index)]
    return sum(bool(combine.apart(a, b) and a["value"] > b["value"]) for a, b in found)
