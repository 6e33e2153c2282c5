"""What of a response is owed to something else than the damage inside the mask.

- *band*: damage only along the mask's edge. Its drop is a share of that of the filled mask,
  small where the score reads the damage and not the seam.
- *complement*: damage outside the mask, beside what the full frame adds to the filled mask: 1
  where the drops of disjoint regions add up.
- *two-draws*: two draws of one full-frame damage, side by side through the mask. It should score
  like the full frame: the seam between two draws is no damage.
- *negative controls*: damage below the limit of visibility, which should go unnoticed: its
  |response| should be small, and detected no more often than harmless changes. A bitwise
  pristine image controls nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from .over_contents import UNBOUNDED, ratio, summarize
from .response import LADDER, beside_full_frame, ladders

CONTROLS = ("band", "complement", "two-draws")
_BOTTOM = {
    "band": "the drop of the filled mask",
    "complement": "the drop of the full frame beyond the filled mask's",
    "two-draws": "the drop of the full frame",
}


def control_shares(observed: pd.DataFrame, seed: int, by: Sequence[str] = ()) -> pd.DataFrame:
    """Ratios of sums over contents: columns control, ``by``, then those of ``summarize``.

    band: Σ Δ(band) / Σ Δ(filled); complement: Σ Δ(complement) / Σ (Δ(full) - Δ(filled));
    two-draws: Σ |Δ(two draws) - Δ(full)| / Σ Δ(full), with the redraw's own noise in it.
    Undefined where the 95 % interval of the mean below the line includes 0. ``observed`` has a
    column ``partner``: the id of the filled probe (of the full frame, for two-draws); a control
    whose partner has no score counts as expected and not scored.
    """
    rows = observed[observed["control"].isin(CONTROLS)]
    drop_of = observed.set_index("id")["delta"]
    rows = rows.assign(top=rows["delta"], bottom=rows["partner"].map(drop_of).astype(float))
    band, complement, draws = (rows[rows["control"] == name] for name in CONTROLS)
    complement = beside_full_frame(complement, ladders(observed), LADDER)
    complement = complement.assign(bottom=complement["full"] - complement["bottom"])
    draws = draws.assign(
        top=(draws["delta"] - draws["bottom"]).abs(),
        type=draws["type"].str.split("+").str[0],  # both draws have the same
    )
    tables = [
        summarize(
            part, by, partial(ratio, ladder=LADDER, seed=seed, bottom=_BOTTOM[name], limits=within)
        )
        for name, part, within in (
            ("band", band, UNBOUNDED),
            ("complement", complement, UNBOUNDED),
            ("two-draws", draws, (0.0, np.inf)),  # of absolute values
        )
    ]
    return (
        pd.concat(tables, keys=CONTROLS, names=["control"])
        .reset_index("control")
        .reset_index(drop=True)
    )


def bands(observed: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bands, and the filled mask of each; a score that one of the two lacks counts for neither."""
    found = observed[observed["control"] == "band"]
    partners = observed.set_index("id")["delta"].reindex(found["partner"]).to_numpy()
    both = found["delta"].notna().to_numpy() & ~np.isnan(partners)
    return (
        found.assign(delta=found["delta"].where(both)),
        found.assign(delta=np.where(both, partners, np.nan)),
    )


def negative_controls(observed: pd.DataFrame) -> pd.DataFrame:
    """The probes that nobody sees (``visible`` "no"), though some pixel differs (``changed``)."""
    hidden = (observed["role"] == "probe") & (observed["visible"] == "no")
    return observed[hidden & (observed["changed"] != "no")]
