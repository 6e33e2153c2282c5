"""What the tests of the adapters share: twins of the official checkpoints, with made-up weights.

A twin has the official file's container, names and shapes. Its values are drawn for each tensor
from a generator seeded by its name, as integers, so that they are the same on every machine:
the golden features in ``data/`` were made by the official code with these very values.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import uuid
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image
from torchvision.models import resnet50

from harness import load_model

DATA = Path(__file__).parent / "data"

# Of name, type, shape and value of all tensors of a file; see `digest`.
DIGESTS = {
    "CONTRIQUE_checkpoint25.tar": "54a79161b2088238",
    "quality_aware_r50.pth": "c5796818fe510549",
    "content_aware_r50.pth": "0392e11c4a1f56f7",
    "ARNIQA.pth": "c772e8cf65e37e57",
    "regressor_live.pth": "63e3114cc66ac603",
    "regressor_csiq.pth": "691299268b0a551d",
    "regressor_tid2013.pth": "2b7cbfa522d16eb6",
    "regressor_kadid10k.pth": "f5d30ce1aed352ea",
    "regressor_flive.pth": "aaaa17f61fa2764d",
    "regressor_spaq.pth": "9baaf44889b7b420",
    "regressor_clive.pth": "a83cf7edcd7949db",
    "regressor_koniq10k.pth": "50f9643691f86052",
}
# The range of the scores of each data set on which a regressor of ARNIQA was fitted.
RANGES = {
    **{"live": (1, 100), "csiq": (0, 1), "tid2013": (0, 9), "kadid10k": (1, 5)},
    **{"flive": (1, 100), "spaq": (1, 100), "clive": (1, 100), "koniq10k": (1, 100)},
}

Shapes = dict[str, tuple[int, ...]]
Tensors = OrderedDict[str, torch.Tensor]  # what state_dict() gives


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Trainings repeat to the bit: PyTorch has one thread during the test."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def official(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """``official("contrique" | "reiqa" | "arniqa")``: a folder with all files of that model.

    Each is written once for all workers, when it is first asked for; the last worker to finish
    removes them, because together they take 0.7 GB.
    """
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "official"
    users = root / "users"
    lock = FileLock(root.with_suffix(".lock"))
    mark = users / uuid.uuid4().hex
    with lock:
        users.mkdir(parents=True, exist_ok=True)
        mark.touch()

    def folder(model: str) -> Path:
        with FileLock(root / f"{model}.lock"):
            if not (root / model).exists():
                unfinished = root / f"{model}.part"
                shutil.rmtree(unfinished, ignore_errors=True)  # of a worker that was killed
                unfinished.mkdir()
                WRITERS[model](unfinished)
                unfinished.rename(root / model)
        return root / model

    yield folder
    with lock:
        mark.unlink()
        if not any(users.iterdir()):
            shutil.rmtree(root)


@pytest.fixture(scope="session")
def adapter(official: Callable[[str], Path]) -> Callable[..., Any]:
    """``adapter("arniqa" or "arniqa-whole" …)``: a model, and its variant, with these weights.

    Each is loaded once.
    """

    @cache
    def load(name: str, **options: Any) -> Any:
        model, _, variant = name.partition("-")
        options |= {"variant": variant} if variant else {}
        return load_model(model, weights=str(official(model)), **options)

    return load


@pytest.fixture(scope="session")
def golden() -> Mapping[str, np.ndarray]:
    """What the official code gives for the two images of ``data/``, named "<array>/<image>"."""
    with np.load(DATA / "golden.npz") as file:
        return dict(file)


@pytest.fixture(scope="session")
def pixels() -> Callable[[Path | str], torch.Tensor]:
    """An image file, or the name of one in ``data/``, as ``uint8 RGB [3, H, W]``."""

    def read(image: Path | str) -> torch.Tensor:
        path = image if isinstance(image, Path) else DATA / f"{image}.png"
        array = np.array(Image.open(path).convert("RGB"))
        return torch.from_numpy(array).permute(2, 0, 1).contiguous()

    return read


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """A file of the folder beside the repository; a test is skipped where it is not there."""

    def find(name: str) -> Path:
        path = Path(__file__).parents[2] / ".." / "shared" / name
        if not path.exists():
            pytest.skip(f"{path.name} is not beside the repository")
        return path

    return find


# --- the files --------------------------------------------------------------------------------


def write_contrique(folder: Path) -> None:
    shapes = {f"encoder.{_position(key)}": shape for key, shape in _resnet50().items()}
    shapes |= _linear("projector.0", 2048, bias=False) | _batch_norm("projector.1", 2048)
    shapes |= _linear("projector.3", 128, bias=False) | _batch_norm("projector.4", 128)
    _save(folder / "CONTRIQUE_checkpoint25.tar", _filled("contrique", shapes))


def write_reiqa(folder: Path) -> None:
    shapes = {f"encoder.{key}": shape for key, shape in _resnet50().items()}
    shapes |= _linear("head.0", 2048) | _linear("head.2", 128)
    for branch in ("quality", "content"):
        query = _filled(f"reiqa-{branch}", shapes)
        momentum = _filled(f"reiqa-{branch}-ema", shapes)  # whoever reads these reads wrong
        model = OrderedDict((f"module.{key}", value) for key, value in query.items())
        checkpoint = {"model": model, "epoch": 40, "model_ema": momentum}
        _save(folder / f"{branch}_aware_r50.pth", checkpoint)


def write_arniqa(folder: Path) -> None:
    shapes = {f"model.{_position(key)}": shape for key, shape in _resnet50().items()}
    shapes |= _linear("projector.0", 2048) | _linear("projector.2", 128)
    _save(folder / "ARNIQA.pth", _filled("arniqa", shapes))
    for data_set, (low, high) in RANGES.items():
        weights = _bell("arniqa-regressor", data_set, (1, 4096), (high - low) / 4)
        regressor = TorchLinearRegression(weights, torch.tensor((low + high) / 2))
        path = folder / f"regressor_{data_set}.pth"
        with warnings.catch_warnings(action="ignore"):  # TorchScript is deprecated
            torch.jit.script(regressor).save(str(path))
        assert digest(regressor.state_dict()) == DIGESTS[path.name]


WRITERS = {"contrique": write_contrique, "reiqa": write_reiqa, "arniqa": write_arniqa}


class TorchLinearRegression(torch.nn.Module):
    """The class of ARNIQA's regressors."""

    def __init__(self, weights: torch.Tensor, biases: torch.Tensor) -> None:
        super().__init__()
        self.weights, self.biases = torch.nn.Parameter(weights), torch.nn.Parameter(biases)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weights.t() + self.biases


def digest(checkpoint: Mapping[str, Any]) -> str:
    """16 digits of the SHA-256 of a checkpoint's tensors and numbers, sorted by name.

    The names of a nested dictionary come after its own and a "/".
    """
    flat: dict[str, Any] = {}
    for key, value in checkpoint.items():
        flat |= (
            {f"{key}/{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
        )
    found = hashlib.sha256()
    for key in sorted(flat):
        tensor = torch.as_tensor(flat[key]).detach()
        found.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.numpy().tobytes())
    return found.hexdigest()[:16]


def _save(path: Path, checkpoint: Mapping[str, Any]) -> None:
    assert digest(checkpoint) == DIGESTS[path.name]
    torch.save(checkpoint, path)


# --- their shapes -----------------------------------------------------------------------------


def _resnet50() -> Shapes:
    with torch.device("meta"):
        state = resnet50().state_dict()
    return {key: tuple(value.shape) for key, value in state.items() if not key.startswith("fc.")}


def _position(key: str) -> str:
    """The name of a tensor where the layers are numbered: layer1.0.bn1.bias → 4.0.bn1.bias."""
    layers = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
    layer, _, rest = key.partition(".")
    return f"{layers.index(layer)}.{rest}"


def _linear(name: str, outputs: int, *, bias: bool = True) -> Shapes:
    return {f"{name}.weight": (outputs, 2048)} | ({f"{name}.bias": (outputs,)} if bias else {})


def _batch_norm(name: str, width: int) -> Shapes:
    vectors = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{v}": (width,) for v in vectors} | {f"{name}.num_batches_tracked": ()}


# --- their values -----------------------------------------------------------------------------

_LEVELS = (
    2**24
)  # of a draw: whole numbers below it, and sums of them, are exact in all that follows


def _filled(tag: str, shapes: Shapes) -> Tensors:
    return OrderedDict((key, _value(tag, key, shape)) for key, shape in shapes.items())


def _value(tag: str, key: str, shape: tuple[int, ...]) -> torch.Tensor:
    match key.rpartition(".")[2], len(shape):
        case "num_batches_tracked", _:
            return torch.tensor(25_000)
        case "running_var", _:
            return _uniform(tag, key, shape, 0.5, 1.5)
        case "running_mean" | "bias", _:
            return _bell(tag, key, shape, 0.1)
        case _, 4:
            return _filters(tag, key, shape)
        case _, 2:
            return _bell(tag, key, shape, 1 / math.sqrt(shape[1]))
    # The weight of a batch norm, smaller where a branch joins its shortcut.
    return _uniform(tag, key, shape, *((0.3, 0.5) if ".bn3." in key else (0.8, 1.2)))


def _draws(tag: str, key: str, shape: tuple[int, ...]) -> torch.Tensor:
    seed = int.from_bytes(hashlib.sha256(f"{tag}:{key}".encode()).digest()[:8], "big")
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(_LEVELS, shape, generator=generator, dtype=torch.int32)


def _uniform(tag: str, key: str, shape: tuple[int, ...], low: float, high: float) -> torch.Tensor:
    return (_draws(tag, key, shape).double() / _LEVELS * (high - low) + low).float()


def _four(tag: str, key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Sums of four draws about their mean: almost normal, of standard deviation levels/√3."""
    return _draws(tag, key, (4, *shape)).sum(0) - 2 * _LEVELS


def _bell(tag: str, key: str, shape: tuple[int, ...], std: float) -> torch.Tensor:
    return (_four(tag, key, shape).double() * (std * math.sqrt(3) / _LEVELS)).float()


def _filters(tag: str, key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Convolution filters, each of sum 0: else all images would get nearly the same features."""
    fan_in = math.prod(shape[1:])
    sums = _four(tag, key, shape)
    centered = sums * fan_in - sums.sum((1, 2, 3), keepdim=True)
    std = math.sqrt(2 / fan_in)
    return (centered.double() * (std * math.sqrt(3) / (_LEVELS * fan_in))).float()
