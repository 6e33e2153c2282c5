"""The engine of iqa-eval: it turns models and datasets into rows; it knows no model by name."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .datasets import load_dataset as load_dataset
    from .registry import load_model as load_model
    from .runner import run as run
    from .scoring import score as score

# Public names, loaded when first used: importing the package must cost nothing.
_HOME = {
    "load_model": ".registry",
    "load_dataset": ".datasets",
    "run": ".runner",
    "score": ".scoring",
    **dict.fromkeys(
        ("Family", "ModelCard", "TrainedOn", "Weights", "Unavailable", "operations"), ".model"
    ),
    **dict.fromkeys(("Dataset", "Sample", "Pair", "Damage"), ".sample"),
    "FileSource": ".source",
    **dict.fromkeys(("Protocol", "Need", "Skip", "Measure", "Inputs"), ".protocols.base"),
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name], __name__), name)
    globals()[name] = value
    return value
