"""How far a number may move: by the model's card, and by the processors of both runs."""

from __future__ import annotations

from dataclasses import dataclass

from ..model import OTHER_PROCESSOR, TOLERANCE
from ..records import Row


@dataclass(frozen=True)
class Allowed:
    """The largest difference that is allowed, in SDs of the scores, and what it rests on."""

    most: float
    why: str

    def __str__(self) -> str:
        return f"{self.most:g} is allowed ({self.why})"


def allowed(old: Row, new: Row, processors: tuple[str | None, str | None]) -> Allowed:
    """On one kind of processor the baseline's own tolerance, so that no candidate loosens it.

    Of two kinds of device, the looser one's. Where the ``processors`` of the two runs are not
    known to be of one kind, at least OTHER_PROCESSOR: equal code gives no equal scores then.
    """
    known = [
        each.tolerance
        if each.tolerance is not None
        else TOLERANCE.get(each.device, max(TOLERANCE.values()))
        for each in (old, new)
    ]
    if old.device != new.device:
        most, device, other = max(known), f"{old.device} → {new.device}", "another kind of device"
    elif None in processors:
        most, device, other = (
            known[0],
            old.device,
            "the kind of processor is not known on both sides",
        )
    elif processors[0] != processors[1]:
        most, device, other = known[0], old.device, "another kind of processor"
    else:
        return Allowed(known[0], old.device)
    if most >= OTHER_PROCESSOR:
        return Allowed(most, device)
    return Allowed(OTHER_PROCESSOR, f"{device}; {other}")
