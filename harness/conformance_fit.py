"""The checks of ``fit``: small labeled images, two fits, and what is left of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from .images import Decoded, DecodePolicy
from .model import Fittable, Model, operations
from .operate import operate
from .sample import Dataset, Sample
from .source import FileSource

SEED = 7
N_TRAIN, N_VALIDATION, SIZE = 8, 4, 160
_ASKED = Sample("check", FileSource(None), content="check")  # type: ignore[arg-type]


@dataclass(frozen=True)
class Shown:
    """An image in memory."""

    image: torch.Tensor  # uint8 [3, H, W]
    times: list[None] = field(default_factory=list, repr=False)  # one entry a look at any of them

    def fingerprint(self) -> str:
        return hashlib.sha256(self.image.numpy().tobytes()).hexdigest()

    def load(self, policy: DecodePolicy) -> Decoded:
        self.times.append(None)
        return Decoded(self.image.clone())

    def alpha(self) -> None:
        return None


def fit_checks(
    model: Fittable, images: list[torch.Tensor]
) -> Iterator[tuple[str, Callable[[], str | None]]]:
    """Names and checks, to be run in this order; each gives the problem, or None.

    ``images`` are those that the fitted model is asked about.
    """
    looks: list[None] = []
    train, validation = labeled_images(looks)
    fitted: list[Model] = []
    with TemporaryDirectory() as folder:
        first, second = Path(folder, "1"), Path(folder, "2")

        def fit(workdir: Path) -> Model:
            workdir.mkdir(exist_ok=True)
            return model.fit(train, validation, SEED, workdir)

        def said(of: Model) -> torch.Tensor:
            if (offered := operations(of)).isdisjoint({"score", "features"}):
                raise TypeError(f"offers {', '.join(sorted(offered))}: neither score nor features")
            operation = "score" if "score" in offered else "features"
            getattr(of, "forget", lambda: None)()  # what it remembers would prove nothing
            rows = [operate(of, operation, None, [i], samples=[_ASKED]) for i in images]
            return torch.cat(rows)

        def fits() -> str | None:
            before = _state(model, said)
            fitted.append(fit(first))
            if not isinstance(fitted[0], Model):
                return f"returned a {type(fitted.pop()).__name__}, which is no model"
            if fitted[0].card.name != model.card.name:
                return f"the fitted model is called {fitted[0].card.name}"
            if not torch.isfinite(said(fitted[0])).all():
                return "scores of the fitted model that are not finite"
            return None if _state(model, said) == before else "the model itself has changed"

        def again() -> str | None:
            if not fitted:
                return "nothing was fitted"
            same = torch.equal(said(fit(second)), said(fitted[0]))
            return None if same else "the same seed gives other scores"

        def read() -> str | None:
            if not fitted:
                return "nothing was fitted"
            left = _files(first)
            looks.clear()
            if not torch.equal(said(fit(first)), said(fitted[0])):
                return "the finished folder gives another model"
            if looks or _files(first) != left:
                return "a finished fit is not only read"
            return None

        yield "fit: fits, and leaves the model alone", fits
        yield "fit: repeatable", again
        yield "fit: resumes from its folder", read


def labeled_images(looks: list[None]) -> tuple[Dataset, Dataset]:
    """A training and a validation set: textures under noise, the less of it the better.

    Each time that one is looked at, ``looks`` grows.
    """
    generator = torch.Generator().manual_seed(0)
    ramp = torch.linspace(0, 12, SIZE).sin()
    samples = []
    for i in range(N_TRAIN + N_VALIDATION):
        strength = 10.0 * (i % 4)
        picture = 128 + 60 * (ramp[:, None] * ramp.roll(9 * i))
        noise = strength * torch.randn((3, SIZE, SIZE), generator=generator)
        image = (picture + noise).clamp(0, 255).to(torch.uint8)
        samples.append(
            Sample(f"check{i:02}", Shown(image, looks), f"content{i:02}", label=-strength)
        )
    train, validation = samples[:N_TRAIN], samples[N_TRAIN:]
    return (
        Dataset("check", tuple(train), label_kind="mos"),
        Dataset("check", tuple(validation), label_kind="mos"),
    )


def _state(model: Model, said: Callable[[Model], torch.Tensor]) -> tuple[object, ...]:
    """What a fit must not change of the model: its card, what it offers and what it says."""
    offered = operations(model)
    speaks = not offered.isdisjoint({"score", "features"})
    return model.card, offered, said(model).tolist() if speaks else None


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
