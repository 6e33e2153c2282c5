"""``change:NAME``: the maps of a model that judges an image by itself, beside the pristine one's.

For a model that gives quality maps and compares nothing; what slides over windows
(``sliding:NAME``) compares by itself. The pristine image's map is made once for all its probes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from harness.model import Family, Images, ModelCard
from harness.registry import load_model

if TYPE_CHECKING:
    import torch


class Around:
    """A model around another, which keeps things in ``_kept``: moves with it, forgets with it."""

    def __init__(self, model: Any, card: ModelCard, kept: Any) -> None:
        self.model, self.card, self._kept = model, card, kept
        if hasattr(model, "to"):
            self.to = self._to

    def _to(self, device: str) -> Self:
        self.model.to(device)
        self.forget()
        return self

    def forget(self) -> None:
        """Make anew whatever was kept."""
        self._kept.clear()
        getattr(self.model, "forget", lambda: None)()


class Change(Around):
    """``model``, whose quality maps of two images make one of what is worse in the first."""

    def __init__(self, model: Any, card: ModelCard) -> None:
        from torch.utils.weak import WeakTensorKeyDictionary

        # Both operations and all probes of a reference ask for the same maps: each is kept while
        # its image lives, which nobody may change.
        super().__init__(model, card, WeakTensorKeyDictionary())

    def quality_map(self, images: Images) -> list[torch.Tensor]:
        """The model's own: ``float32 [h, w]`` for each image, higher is better."""
        if not self.card.deterministic:
            maps: list[torch.Tensor] = self.model.quality_map(images)
            return maps
        lacking = list({id(image): image for image in images if image not in self._kept}.values())
        made = self.model.quality_map(lacking) if lacking else []
        for image, found in zip(lacking, made, strict=True):
            self._kept[image] = found
        return [self._kept[image] for image in images]

    def distortion_map(self, images: Images, references: Images) -> list[torch.Tensor]:
        """``float32 [1, h, w]``: by how much quality is below that of the reference; see ``drop``.

        Raises ValueError for an image of another size than its reference.
        """
        same_sizes(images, references)
        before, after = self.quality_map(references), self.quality_map(images)
        return [drop(*pair) for pair in zip(before, after, strict=True)]


def drop(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """``float32 [1, h, w]`` in [0, 1] of two quality maps ``[h, w]``; 0.5 is no difference.

    The drop d = before − after, in units of quality, becomes 0.5 + 0.5 d / (1 + |d|): it needs
    no range, and keeps the order within a map and between maps.
    """
    d = before.double() - after.double()
    return (0.5 + 0.5 * d / (1 + d.abs())).float()[None]


def same_sizes(images: Images, references: Images) -> None:
    """Raise ValueError for an image of another size than its reference."""
    for pair in zip(images, references, strict=True):
        (_, height, width), (_, *expected) = (one.shape for one in pair)
        if [height, width] != expected:
            raise ValueError(
                f"the image is {width} × {height} pixels, "
                f"its reference {expected[1]} × {expected[0]}"
            )


def load(name: str, **options: Any) -> Change:
    """The maps of model ``name``, made with ``options``, and their change.

    Raises ValueError for a model without quality maps and for one that compares by itself, and
    what loading the model raises.
    """
    model: Any = load_model(name, **options)
    if callable(getattr(model, "distortion_map", None)):
        raise ValueError(f"change:{name}: {name} compares by itself: use it as it is")
    if not callable(getattr(model, "quality_map", None)):
        raise ValueError(
            f"change:{name}: {name} gives no quality maps; of a model that scores, sliding:{name} "
            "makes maps that compare"
        )
    given: ModelCard = model.card
    card = replace(
        given,
        name=f"change:{given.name}",
        version=f"1+{given.version}",
        summary=f"{given.summary}, and where it falls below that of the pristine image",
        map_channels=("drop",),
    )
    return Change(model, card)


FAMILY = Family(load, "a model's quality maps, and where they fall below the pristine image's")
