"""The adapter contract: what a model says of itself, and the operations it may offer.

An adapter is any object with a ``card`` and at least one of the methods below. Having the
method is having the capability; nothing is inherited and nothing is registered by class.
An adapter that can use an accelerator also has ``to(device: str)``; one that remembers what it
made of an image also has ``forget()``.
Every method takes a list of ``uint8`` RGB tensors ``[3, H, W]`` on the CPU, possibly of
different sizes; resizing, cropping, normalizing, batching and moving to a device are the
adapter's business. The harness never normalizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch

    from .sample import Dataset

Images = Sequence["torch.Tensor"]
Mode = Literal["NR", "FR", "PAIR"]
Role = Literal["images", "content", "labels", "pseudo"]
Component = Literal["encoder", "head"]

OPERATIONS = ("features", "score", "score_pair", "quality_map", "distortion_map")
PAIR_OPERATIONS = frozenset({"score_pair", "distortion_map"})
MAP_OPERATIONS = frozenset({"quality_map", "distortion_map"})


class Unavailable(Exception):
    """The model cannot run here: its weights or a library are absent. Not a failure: a skip.

    ``reason`` says what is missing, ``command`` is what the user should type to get it;
    ``card`` is that of the model, where it is known without what is missing.
    """

    def __init__(
        self, reason: str, command: str | None = None, card: ModelCard | None = None
    ) -> None:
        self.reason, self.command, self.card = reason, command, card
        super().__init__(f"{reason}; to get it: {command}" if command else reason)


@dataclass(frozen=True)
class Weights:
    """One file of parameters. ``sha256`` is of the file, or of the tensors where there is none."""

    name: str
    sha256: str
    source: str = ""
    license: str = "unknown"


TOLERANCE = {"cpu": 1e-6, "cuda": 1e-3}
# Another kind of processor sums in another order, and renders a pixel here and there a level off:
# scores move by up to this, in SDs (measured: up to 8.8e-3).
OTHER_PROCESSOR = 2e-2
UNKNOWN = "unknown"  # as a dataset: a model may have seen others than those that are named


@dataclass(frozen=True)
class TrainedOn:
    """What one component of a model has seen of a dataset; of any dataset, if it is UNKNOWN."""

    dataset: str
    split: str = "all"
    role: Role = "images"
    component: Component = "encoder"


@dataclass(frozen=True)
class ModelCard:
    """What a model says of itself; everything in it that changes values enters the cell key.

    ``trained_on`` is None where nothing is known (contamination is then "unknown"), and ()
    where the model was trained on nothing. ``requires`` names libraries (as distributed)
    whose version changes the values. ``batch_invariant`` promises bit-equal results whatever
    the batch; only then are images of one size grouped. ``options`` are what the model was
    loaded with, as far as it changes values: ``load_model`` fills in the keyword arguments
    where an adapter leaves None; one that takes a file names its hash, not its path.
    ``coverage`` says in words what the model sees of an image, "" where that is not certain.
    ``channel_types`` says which damage each channel of a distortion map is about: (channel, type,
    sign), where more of the type raises the channel (+1) or lowers it (-1).
    """

    name: str
    version: str
    mode: Mode
    summary: str = ""
    license: str = "unknown"
    paper: str = ""
    weights: tuple[Weights, ...] = ()
    trained_on: tuple[TrainedOn, ...] | None = None
    trained_degradations: tuple[str, ...] = ()
    trained_masks: tuple[str, ...] = ()
    coverage: str = ""
    requires: tuple[str, ...] = ()
    precision: str = "float32"
    batch_invariant: bool = False
    deterministic: bool = True
    control: bool = False  # a yardstick (constant, untrained …): shown, never ranked
    map_channels: tuple[str, ...] = ()
    channel_types: tuple[tuple[str, str, int], ...] = ()
    max_pixels: int = 100_000_000
    options: Mapping[str, Any] | None = None
    # device kind → largest difference of a score between runs on one kind of processor, in SDs
    tolerance: Mapping[str, float] = field(default_factory=TOLERANCE.copy, hash=False)

    def tolerance_on(self, device: str) -> float:
        """The tolerance on a kind of device; on one that is not named, the largest."""
        return self.tolerance.get(device, max(self.tolerance.values(), default=0.0))

    @property
    def weights_hash(self) -> str:
        """The weights' SHA-256s joined by "+", or "" for a model without parameters."""
        return "+".join(w.sha256 for w in self.weights)


@dataclass(frozen=True)
class Family:
    """Many models behind one prefix: ``pyiqa:psnr`` is ``load("psnr")`` of the family ``pyiqa``.

    Registered under the entry point of the prefix, where a single model registers its class.
    ``listed`` are the names worth showing (without the prefix); any other may work too.
    """

    load: Callable[..., Model]
    summary: str
    listed: tuple[str, ...] = ()


@runtime_checkable
class Model(Protocol):
    """The least that an adapter is: an object with a card."""

    card: ModelCard


@runtime_checkable
class Encoder(Model, Protocol):
    def features(self, images: Images) -> torch.Tensor:
        """``float32 [N, V, D]``: V views, regressed on separately and averaged; else V = 1."""


@runtime_checkable
class Scorer(Model, Protocol):
    def score(self, images: Images) -> torch.Tensor:
        """``float64 [N]``, higher is better."""


@runtime_checkable
class KnownScores(Model, Protocol):
    """Scores made elsewhere, by sample id, higher is better: no image is ever decoded."""

    scores_by_id: Mapping[str, float]


@runtime_checkable
class PairScorer(Model, Protocol):
    def score_pair(self, images: Images, references: Images) -> torch.Tensor:
        """``float64 [N]``, higher is better: each image beside its reference."""


@runtime_checkable
class QualityMapper(Model, Protocol):
    def quality_map(self, images: Images) -> list[torch.Tensor]:
        """A ``float32 [h, w]`` for each image, higher is better; h, w are the adapter's choice."""


@runtime_checkable
class DistortionMapper(Model, Protocol):
    def distortion_map(self, images: Images, references: Images) -> list[torch.Tensor]:
        """``float32 [C, h, w]`` in [0, 1]; 0.5 is no difference, above it the test has more.

        Channels are named by ``card.map_channels``.
        """


@runtime_checkable
class Fittable(Model, Protocol):
    def fit(self, train: Dataset, validation: Dataset, seed: int, workdir: Path) -> Model:
        """A fitted model, on the device of this one, which itself stays as it is.

        ``train`` is what it learns from, in that order, and ``validation`` what it may choose by;
        no other image can be reached from them. Images are read by ``sample.source.load``, which
        decodes by the policy of the run, whatever it is given (``harness.images.DEFAULT_POLICY``);
        those that cannot be read are left out with a warning.
        ``workdir`` is there, and this fit's own. It keeps progress, so that a fit that was killed
        at any moment resumes to the same model, and the model, so that a finished fit is only
        read. A ``curve.csv`` in it (a row an epoch) goes into the record. The same ``seed``
        gives the same model. Any exception becomes the reason of the rows; after an OSError, or
        one that names a file in ``workdir``, the next run fits again.

        The card of what is returned has this one's name, and ``trained_on`` grown by the dataset
        (role "labels", split "training part").
        """


def operations(model: Model) -> frozenset[str]:
    """The operations that ``model`` offers, and "fit" if it can be fitted."""
    found = {name for name in (*OPERATIONS, "fit") if callable(getattr(model, name, None))}
    return frozenset(found | ({"score"} if isinstance(model, KnownScores) else set()))
