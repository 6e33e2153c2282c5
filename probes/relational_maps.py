"""What distortion maps say of each damage: the reducer, and its numbers as a table of readings.

The cells know nothing of which channel is about which type: that is read from the model's card
(``channel_types``) here. A type without a channel, as one held out of training, is found by all
channels together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.model import ModelCard
from harness.reducers import DamageReducer, Masked, Reducer
from harness.sample import Pair, Sample
from harness.store import Output

from .measures.distortion import ANY, NAMES, SIGNS, THRESHOLDS, Told, told, told_of
from .measures.localization import iou_elsewhere
from .trained import Trained, kind, seen

if TYPE_CHECKING:
    import pandas as pd

SIDE = 16  # points of the lattice along each side
Claims = Mapping[str, tuple[int, int]]  # type → its channel and sign


def _told(maps: np.ndarray, masked: Masked | None) -> np.ndarray:
    if not masked:
        return np.full((len(maps) + 1, len(NAMES)), np.nan)
    severities = [np.nan if d.severity is None else d.severity for d, _ in masked]
    return told(maps, [alpha for _, alpha in masked], severities).row()


def _points(maps: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    rows, columns = (((np.arange(SIDE) + 0.5) * n / SIDE).astype(int) for n in maps.shape[1:])
    return maps[:, rows[:, None], columns].reshape(len(maps), -1).astype(np.float64)


DAMAGES_TOLD = DamageReducer("relational-damages@1", NAMES, _told)
LATTICE = Reducer("relational-lattice@1", tuple(f"point{i}" for i in range(SIDE**2)), _points)


def claims(card: ModelCard) -> dict[str, tuple[int, int]]:
    """Which channel is about each type, and whether it rises (1) or falls (-1) with it."""
    place = {name: i for i, name in enumerate(card.map_channels)}
    return {type: (place[channel], sign) for channel, type, sign in card.channel_types}


def readings(
    probes: Iterable[Sample], output: Output, card: ModelCard, known: Trained
) -> pd.DataFrame:
    """One row for each damage of each probe; ``output`` is of DAMAGES_TOLD, by sample.

    Columns: id, content, n (damages in the image), type, seen, types (``trained.kind``), area,
    severity, claimed ("yes": a channel is about the type; "" where no channel names any), share
    (of the mask's pixels), and in [0, 1], NaN where they are not defined or the probe failed:

    auroc, iou: of the type's own channel against this damage's own mask; of all channels together
    where none names a type. any_auroc, any_iou: of all channels together. IoU is at one threshold
    for all, chosen on the other contents. type_accuracy: 1 where the type's channel is the largest
    inside the mask, divided among the types of one sign in it, as of equals; type_chance: that of
    a channel drawn at random. direction: 1 where its sign there is right, 0.5 for none at all.
    mae: of its channel against the target, mae_flat: of 0.5 everywhere. leakage: mean |F − 0.5|
    inside the mask over the channels of types that the image does not have. ``leaks``: "yes" where
    there are such channels; "no" where one may be about a type without a channel of its own.
    """
    import pandas as pd

    probes, about, n = list(probes), claims(card), len(card.map_channels)
    rows: list[dict[str, Any]] = []
    ious: dict[str, list[np.ndarray]] = {"iou": [], "any_iou": []}
    row_of = {name: i for i, name in enumerate(output.ids)}
    for probe in probes:
        found = None
        if probe.id in row_of:
            found = told_of(output.values[row_of[probe.id]][None])
        types = [damage.type for damage in probe.damages]
        for d, damage in enumerate(probe.damages):
            own = about.get(damage.type)
            numbers = {} if found is None else _numbers(probe, d, found, about)
            for name in ious:
                ious[name].append(numbers.pop(name, np.full(len(THRESHOLDS), np.nan)))
            rows.append(
                {
                    **dict(id=probe.id, content=probe.content, n=len(probe.damages)),
                    **dict(type=damage.type, seen=seen({damage.type}, known.types)),
                    **dict(types=kind({damage.type})),
                    **dict(area=damage.area_asked, severity=damage.severity),
                    "claimed": "" if not about else "no" if own is None else "yes",
                    "leaks": "" if not about else "yes" if _idle(types, about, n) else "no",
                    **{name: numbers.get(name, np.nan) for name in NUMBERS},
                }
            )
    table = pd.DataFrame(rows)
    for name, curves in ious.items():
        table[name] = _at_threshold(np.stack(curves), table["content"].to_numpy(str))
    return table


NUMBERS = (
    *("auroc", "any_auroc", "share", "type_accuracy", "type_chance", "direction"),
    *("mae", "mae_flat", "leakage"),
)


def _numbers(probe: Sample, d: int, found: Told, about: Claims) -> dict[str, Any]:
    """What is told of damage ``d`` of a probe; curves of IoU under "iou" and "any_iou"."""
    types = [damage.type for damage in probe.damages]
    numbers: dict[str, Any] = {
        "any_auroc": found.auroc[0, ANY, d],
        "any_iou": found.ious[0, ANY, d],
        "share": found.share[0, 0, d],
    }
    if not about:
        return numbers | {"auroc": numbers["any_auroc"], "iou": numbers["any_iou"]}
    if types[d] not in about:
        return numbers
    channel, sign = about[types[d]]
    alike = sum(place == (channel, sign) for place in about.values())
    severity, sizes = probe.damages[d].severity, found.size[0, :ANY, d]
    signs = [about[t][1] if about.get(t, (ANY,))[0] == channel else 0 for t in types]
    idle = _idle(types, about, len(sizes))
    top = sizes == sizes.max()  # channels that tie share the point
    return numbers | {
        "auroc": found.auroc[0, channel, d],
        "iou": found.ious[0, channel, d],
        "type_accuracy": top[channel] / top.sum() / alike,
        "type_chance": 1 / len(sizes) / alike,
        "direction": (1 + sign * np.sign(found.signed[0, channel, d])) / 2,
        "mae": found.mae[0, channel, SIGNS.index((*signs, *[0] * (len(SIGNS[0]) - len(signs))))],
        "mae_flat": found.share[0, 0, d] * (np.nan if severity is None else severity) / 10,
        "leakage": sizes[idle].mean() if idle else np.nan,
    }


def _idle(types: Sequence[str], about: Claims, channels: int) -> list[int]:
    """The channels that are about none of the types of an image, as far as that is known."""
    if not all(type in about for type in types):
        return []
    return sorted(set(range(channels)) - {about[type][0] for type in types})


def _at_threshold(curves: np.ndarray, contents: np.ndarray) -> np.ndarray:
    """IoU at the threshold that is best on the other contents; NaN where there is no curve."""
    found = np.full(len(curves), np.nan)
    whole = ~np.isnan(curves).any(axis=1)
    if len(set(contents[whole])) > 1:
        levels = np.broadcast_to(THRESHOLDS, curves[whole].shape)
        found[whole] = iou_elsewhere(levels, curves[whole], contents[whole])
    return found


def directions(
    pairs: Iterable[tuple[Pair, Sample, Sample]], output: Output, about: Claims
) -> list[tuple[str, str, str, float]]:
    """(pair, content, type, outcome) of each damage of which one version has more.

    ``pairs`` are of versions with the same damages at other severities, ``output`` by pair. The
    outcome is 1 where the type's channel says inside the mask which has more, 0.5 where nothing.
    """
    row_of = {name: i for i, name in enumerate(output.ids)}
    outcomes = []
    for pair, test, reference in pairs:
        if pair.id not in row_of:
            continue
        found = told_of(output.values[row_of[pair.id]][None])
        for d, (more, less) in enumerate(zip(test.damages, reference.damages, strict=True)):
            assert more.severity is not None
            assert less.severity is not None
            gap = np.sign(more.severity - less.severity)
            if gap and more.type in about:
                channel, sign = about[more.type]
                outcome = (1 + gap * sign * np.sign(found.signed[0, channel, d])) / 2
                outcomes.append((pair.id, pair.content, more.type, float(outcome)))
    return outcomes
