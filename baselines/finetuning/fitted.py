"""Models that are fitted by the loop, before and after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.file_hashes import file_sha256
from harness.model import UNKNOWN, Images, ModelCard, TrainedOn, Weights

from ..loading import usable_device

if TYPE_CHECKING:
    import torch

    from harness.sample import Dataset

    from .config import FitConfig
    from .objective import Objective
    from .student import Student

SPLIT = "training and validation parts of the protocol's splits"


class Unfitted:
    """What can be fitted on labels, and gives no score before it is."""

    def __init__(
        self, objective: Objective, config: FitConfig, card: ModelCard, device: str = "cpu"
    ) -> None:
        self.objective, self.config, self.card = objective, config, card
        self.to(device)

    def to(self, device: str) -> Unfitted:
        self.device = str(usable_device(device))
        return self

    def fit(self, train: Dataset, validation: Dataset, seed: int, workdir: Path) -> Fitted:
        """The student of the best epoch on ``validation``; see `loop.fit`, which it is done by."""
        from .loop import fit

        path = fit(self.objective, self.config, train, validation, seed, workdir, self.device)
        return Fitted(path, self.config, _grown(self.card, path, train), self.device)


class Fitted:
    """A student that was fitted, read from the file at ``path``.

    It sees crops of an image on a grid from edge to edge, on a CPU one image at a time.
    Raises ValueError, in one line, for a file that cannot be read or does not fit.
    """

    def __init__(self, path: Path, config: FitConfig, card: ModelCard, device: str = "cpu") -> None:
        import torch

        from ..pretraining import checkpoint
        from ..state_dict import in_one_line
        from .student import Student

        tensors, told = checkpoint.read(path)
        try:
            with torch.random.fork_rng(devices=[]):  # its first weights are drawn, and replaced
                self.student = Student.of(told["student"])
            self.student.load_state_dict(tensors)
            self.mean, self.scale = float(told["mean"]), float(told["scale"])
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            why = in_one_line(error)
            raise ValueError(f"{path}: does not fit: {why}; remove it to fit again") from None
        self.student.eval().requires_grad_(False)
        self.config, self.card = config, card
        self.to(device)

    def to(self, device: str) -> Fitted:
        self.student.to(usable_device(device))
        return self

    def score(self, images: Images) -> torch.Tensor:
        """``float64 [N]``, higher is better, on the scale of the labels of the fit."""
        import torch

        found = predicted(self.student, images, self.config)
        return torch.tensor(found, dtype=torch.float64) * self.scale + self.mean


class Untrained(Fitted):
    """A student before any fit: it has the shape and the cost of a fitted one, and nothing else."""

    def __init__(
        self, student: Student, config: FitConfig, card: ModelCard, device: str = "cpu"
    ) -> None:
        self.student, self.mean, self.scale = student.eval().requires_grad_(False), 0.0, 1.0
        self.config, self.card = config, card
        self.to(device)


def predicted(student: Student, images: Iterable[torch.Tensor], config: FitConfig) -> list[float]:
    """Of each ``uint8 [3, H, W]`` the mean over its crops, on the scale of standardized labels.

    On a CPU one image at a time, since what is computed beside it can change the last bits of its
    score; an accelerator gets the crops of several images together.
    """
    import torch

    from .pictures import as_float, scored_crops

    device = student.query_tokens.device
    least = _at_least(device.type)
    found: list[float] = []
    waiting: list[torch.Tensor] = []

    def ask() -> None:
        scores = student(as_float(torch.cat(waiting), device)).cpu().double()
        found.extend(float(each.mean()) for each in scores.split([len(w) for w in waiting]))
        waiting.clear()

    with torch.inference_mode():
        for image in images:
            waiting.append(scored_crops(image, config))
            if sum(map(len, waiting)) >= least:
                ask()
        if waiting:
            ask()
    return found


def _at_least(device: str) -> int:
    """Crops that are computed together; on an accelerator those of 16 large images."""
    return 1 if device == "cpu" else 160


def _grown(card: ModelCard, path: Path, train: Dataset) -> ModelCard:
    """``card`` with the weights at ``path`` and what they have seen."""
    before = (TrainedOn(UNKNOWN),) if card.trained_on is None else card.trained_on
    seen = TrainedOn(train.name, SPLIT, "labels"), TrainedOn(train.name, SPLIT, "labels", "head")
    weights = Weights(path.name, file_sha256(path), license=card.license)
    return replace(card, weights=(*card.weights, weights), trained_on=(*before, *seen))
