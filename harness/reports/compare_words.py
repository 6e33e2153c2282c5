"""What a model says of a pair, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..judging import PairScore, Verdict

COUNTED = 0.05  # away from 0.5: less is taken for no difference
_FAINT_SHARE = 0.01  # of the picture, at least, for a channel to be shown at once
_FAINT_WEIGHT = 0.1  # of the strongest channel's weight, likewise
_TOLD = 3  # clauses about one image
# How channels that are not named after a damage are worded.
_NOUNS = {"drop": "loss of quality", "any": "difference"}
_PLACES = (
    ("top left", "top", "top right"),
    ("left", "in the center", "right"),
    ("bottom left", "bottom", "bottom right"),
)
_ROWS = ("at the top", "across the middle", "at the bottom")
_COLUMNS = ("on the left", "down the middle", "on the right")


@dataclass(frozen=True)
class Extent:
    """How much of the picture, from 0 to 1, where, in words, and how far from 0.5 on average."""

    share: float
    place: str
    mass: float

    @property
    def words(self) -> str:
        """``12 % of the picture, mostly top left``."""
        if self.share > 0.995:
            return "the whole picture"
        percent = "under 1" if self.share < 0.01 else f"{100 * self.share:.0f}"
        return f"{percent}\N{NO-BREAK SPACE}% of the picture, {self.place}"


@dataclass(frozen=True)
class Channel:
    """One map, ``values [h, w]``: what of it the test image has more of, and the reference.

    ``rises`` and ``falls``: the damages that push it above and below 0.5, where it has both ends;
    ``one_sided``: it tells that the two differ, not which one has more.
    """

    index: int
    name: str
    values: np.ndarray
    test: Extent
    reference: Extent
    rises: tuple[str, ...] = ()
    falls: tuple[str, ...] = ()
    one_sided: bool = False

    @property
    def noun(self) -> str:
        return _NOUNS.get(self.name, _spaced(self.name))

    @property
    def weight(self) -> float:
        """Mean distance from 0.5."""
        return float(np.abs(self.values - 0.5).mean())

    @property
    def sentences(self) -> str:
        """``Test has more: 12 % of the picture, mostly top left.``"""
        told = [
            f"Differs: {extent.words}." if self.one_sided else f"{who} has more: {extent.words}."
            for who, extent in zip(("Test", "Reference"), self.told, strict=True)
            if extent is not None
        ]
        return " ".join(told) or f"Nowhere more than {COUNTED} away from 0.5."

    @property
    def ends(self) -> str:
        """``Up with gaussian blur, down with high sharpen.``, of a map with both ends, else ""."""
        if not self.falls:
            return ""
        up, down = (" and ".join(map(_spaced, names)) for names in (self.rises, self.falls))
        return f"Up with {up}, down with {down}." if up else f"Down with {down}."

    @property
    def told(self) -> tuple[Extent | None, Extent | None]:
        """Of the test and of the reference, what is worth a word: no specks beside a surface."""
        sides = self.test, self.reference
        least = min(_FAINT_SHARE, max(side.share for side in sides))
        one, other = (side if side.share >= least > 0 else None for side in sides)
        return one, other


def channels(verdict: Verdict) -> tuple[list[Channel], list[Channel]]:
    """Those that say something, strongest first, and the faint ones; of all faint, one counts."""
    if verdict.maps is None:
        return [], []
    types, alone = verdict.card.channel_types, one_sided(verdict)
    found = [
        Channel(
            *(i, name, values, _extent(values - 0.5), _extent(0.5 - values)),
            rises=tuple(each for channel, each, sign in types if channel == name and sign > 0),
            falls=tuple(each for channel, each, sign in types if channel == name and sign < 0),
            one_sided=alone,
        )
        for i, (name, values) in enumerate(
            zip(verdict.card.map_channels, verdict.maps, strict=True)
        )
    ]
    found.sort(key=lambda channel: -channel.weight)
    least = _FAINT_WEIGHT * found[0].weight if found else 0
    shown = [
        channel
        for channel in found
        if channel.weight >= least and channel.test.share + channel.reference.share >= _FAINT_SHARE
    ] or found[:1]
    return shown, [channel for channel in found if channel not in shown]


def one_sided(verdict: Verdict) -> bool:
    """Whether the maps tell that the two differ, and never that the reference has more."""
    return verdict.maps is not None and not verdict.directed and bool((verdict.maps >= 0.5).all())


def meaning(score: PairScore) -> str:
    """How to read a score with a direction; "" for one that tells likeness: its sentence does."""
    if not score.directed:
        return ""
    return (
        "Above 0 the test image is the better one, below 0 the reference is, and 0 is what a "
        "picture gets beside itself. Exchanging the two turns the sign. How far it is from 0 can "
        "be compared with other versions of this scene that this model has judged: it is no "
        "percentage, no probability and no rating by people."
    )


def limits(verdict: Verdict) -> str:
    """What maps that name damages cannot tell; "" for others."""
    if not verdict.card.channel_types or verdict.maps is None:
        return ""
    return (
        "A map is there for each kind of damage that the model was trained on. Any other change "
        "shows in the maps of what looks alike to it, under their names. Changes of tone and "
        "color that people may like or dislike are not what its score has learned."
    )


def summary(verdict: Verdict) -> list[str]:
    """One sentence or two for the score, and as many for the maps."""
    told = [] if verdict.score is None else list(_score_words(verdict.score))
    if verdict.maps is not None:
        told += _map_words(verdict, channels(verdict)[0])
    return told


def number(value: float) -> str:
    """Three digits, with a minus sign and not a hyphen."""
    return f"{value:.3g}".replace("-", "−")


def _score_words(score: PairScore) -> Iterator[str]:
    if not score.directed:
        yield (
            f"Likeness of the test image to the reference: {number(score.value)}; higher is "
            f"closer, and a picture beside itself gets {number(score.same)}."
        )
        yield "This score does not say which of the two is better."
        return
    if score.value == 0:
        yield "The two are judged equal: s = 0."
    else:
        word = "better" if score.value > 0 else "worse"
        yield f"The test image is judged {word} than the reference: s = {number(score.value)}."
    yield "Scores compare versions of one scene only."


def _map_words(verdict: Verdict, shown: Sequence[Channel]) -> Iterator[str]:
    sides: dict[str, list[tuple[str, Extent]]] = {"The test image": [], "The reference": []}
    for channel in shown:
        for found, extent in zip(sides.values(), channel.told, strict=True):
            if extent is not None:
                found.append((channel.noun, extent))
    more = "" if one_sided(verdict) else "more "
    for who, found in sides.items():
        found.sort(key=lambda one: -one[1].mass)
        by_place: dict[str, list[str]] = {}  # what looks alike is found in one place
        for noun, extent in found:
            by_place.setdefault(extent.words, []).append(noun)
        first = [(words, nouns[:_TOLD]) for words, nouns in by_place.items()][:_TOLD]
        told = [f"{more}{_listed(nouns)} in {words}" for words, nouns in first]
        if others := len(found) - sum(len(nouns) for _, nouns in first):
            told.append(f"{more or 'something '}in {others} other map{'s' * (others > 1)}")
        if told:
            yield f"{f'{who} has' if more else 'The maps show'} {'; '.join(told)}."
    if not any(sides.values()):
        yield f"The maps show nothing above their limit: nowhere more than {COUNTED} away from 0.5."
    elif not verdict.directed:
        yield (
            "These maps do not turn around when the two images are exchanged: the model takes "
            "the reference for the undamaged one."
        )


def _extent(excess: np.ndarray) -> Extent:
    """Of ``[h, w]``, where it is above COUNTED."""
    mass = np.where(excess > COUNTED, excess, 0)
    return Extent(float((mass > 0).mean()), _place(mass), float(mass.mean()))


def _listed(nouns: Sequence[str]) -> str:
    *most, last = nouns
    return f"{', '.join(most)} and {last}" if most else last


def _spaced(name: str) -> str:
    return name.replace("-", " ").replace("_", " ")


def _place(mass: np.ndarray) -> str:
    """Which third, or which ninth, of the picture holds most of ``mass [h, w]``."""
    rows, columns = (np.eye(3)[np.int64(3 * (np.arange(n) + 0.5) / n)] for n in mass.shape)
    ninths = rows.T @ mass @ columns
    ninths /= max(float(ninths.sum()), 1e-12)
    row, column = divmod(int(ninths.argmax()), 3)
    if ninths[row, column] >= 0.5:
        return f"mostly {_PLACES[row][column]}"
    for sums, words in ((ninths.sum(1), _ROWS), (ninths.sum(0), _COLUMNS)):
        if sums.max() >= 2 / 3:
            return f"mostly {words[int(sums.argmax())]}"
    return "spread over it"
