"""Which numbers of a table are the best and the second best of their columns."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Literal

from .layout import Cell, Line, Table

Better = Literal[1, 0, -1]  # higher is better, nothing is said, lower is better

_HIGHER: Better = 1
_LOWER: Better = -1
_NEITHER: Better = 0

# Every metric, in the order in which a reader is offered them. Without a better end is a share by
# chance, a size of a part, and what says how a model sees, such as a response.
BETTER: dict[str, Better] = {
    **dict.fromkeys(("srcc", "plcc", "plcc_logistic", "krcc"), _HIGHER),
    "rmse": _LOWER,
    **dict.fromkeys(("auc_better_worse", "auc_different_similar", "c0", "pair_accuracy"), _HIGHER),
    "detected": _HIGHER,
    "false_alarms": _LOWER,
    **dict.fromkeys(("response", "response_ratio", "lsi"), _NEITHER),
    **dict.fromkeys(("ordered_by_severity", "ordered_by_area"), _HIGHER),
    **dict.fromkeys(("direction", "paired_accuracy"), _HIGHER),
    **dict.fromkeys(("auroc", "ap", "pointing", "iou", "iou_oracle"), _HIGHER),
    **dict.fromkeys(("change_auroc", "change_ap", "change_pointing"), _HIGHER),
    **dict.fromkeys(("change_iou", "change_iou_oracle"), _HIGHER),
    **dict.fromkeys(("any_auroc", "any_iou", "direction_accuracy", "type_accuracy"), _HIGHER),
    "kendall_tau": _HIGHER,
    **dict.fromkeys(("mae", "leakage", "antisymmetry_error", "identity_error"), _LOWER),
    **dict.fromkeys(("score_antisymmetry_error", "score_identity_error"), _LOWER),
    **dict.fromkeys(("type_map", "damaged_auroc", "severity_r2", "log_area_r2"), _HIGHER),
    **dict.fromkeys(("location_r2", "local_psnr_r2"), _HIGHER),
    **dict.fromkeys(("fr_psnr_srcc", "fr_local_ssim_srcc"), _NEITHER),
    **dict.fromkeys(("in_view", "resampling", "fine_psnr"), _NEITHER),
    **dict.fromkeys(("detected_in_view", "band_detected", "band_partner_detected"), _NEITHER),
    **dict.fromkeys(("invisible_detected", "invisible_response"), _NEITHER),
    **dict.fromkeys(("band_share", "complement_share", "two-draws_share"), _NEITHER),
    **dict.fromkeys(("cooccurrence_lower", "cooccurrence_marginal"), _NEITHER),
    **dict.fromkeys(("threshold", "threshold_median"), _NEITHER),
    **dict.fromkeys(("mae_flat", "mask_share", "pointing_chance"), _NEITHER),
    **dict.fromkeys(("type_chance", "type_prevalence", "alpha"), _NEITHER),
    **dict.fromkeys(("rank_low", "rank_high", "top_group"), _NEITHER),
    **dict.fromkeys(("srcc_difference", "plcc_difference"), _NEITHER),
    **dict.fromkeys(("resolvable_srcc_difference", "resolvable_plcc_difference"), _NEITHER),
    **dict.fromkeys(("p", "srcc_p_holm", "plcc_p_holm"), _LOWER),
}


def better(metric: str) -> Better:
    """Which end of ``metric`` is the better one; 0 for one that is not known."""
    return BETTER.get(metric, _NEITHER)


def with_best(
    lines: Sequence[Line], ends: Sequence[Better], rivals: Sequence[Hashable] | None = None
) -> tuple[Line, ...]:
    """``lines`` with the places of their cells; ``ends`` has one for each column.

    Each line competes with those of equal ``rivals``, with none where that is None; without
    ``rivals``, with all. Numbers that read the same share a place; cells that are not ranked have
    none. Where no two differ, none is the best. Lines that stand apart are not to be among them.
    """
    found = [list(line) for line in lines]
    keys = [True] * len(lines) if rivals is None else rivals
    for key in dict.fromkeys(key for key in keys if key is not None):
        own = [cells for cells, mine in zip(found, keys, strict=True) if mine == key]
        for i, end in enumerate(ends):
            if end:
                placed = _placed([cells[i] for cells in own], end)
                for cells, cell in zip(own, placed, strict=True):
                    cells[i] = cell
    return tuple(map(tuple, found))


def legend(table: Table) -> str:
    """What the emphasis means where a form has any, or ""."""
    if not any(cell.place for line in table.lines for cell in line):
        return ""
    circular = not all(cell.ranked for line in table.lines for cell in line)
    left_out = (
        *(["circular numbers"] if circular else []),
        *(["the lines set apart below"] if table.apart else []),
    )
    told = f"; {' and '.join(left_out)} take no part" if left_out else ""
    return f"Bold: the best of a column; underlined: the second best{told}."


def _placed(cells: Sequence[Cell], end: Better) -> list[Cell]:
    valued = [
        (cell.raw[0], _shown(cell))
        for cell in cells
        if cell.ranked and isinstance(cell.raw[0], int | float)
    ]
    order = list(dict.fromkeys(text for _, text in sorted(valued, key=lambda v: -end * v[0])))
    if len(order) < 2:
        return list(cells)
    places: dict[str, Literal[1, 2]] = {order[0]: 1, order[1]: 2}
    return [
        replace(cell, place=places.get(_shown(cell), 0))
        if cell.ranked and cell.raw[0] is not None
        else cell
        for cell in cells
    ]


def _shown(cell: Cell) -> str:
    return cell.text.lstrip("*")  # the star of a caution is no part of the number
