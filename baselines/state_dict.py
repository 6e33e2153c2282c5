"""State dicts of strangers: tensors are read from them, and nothing in them is ever run."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# Where trainers put a state dict among other things; never "model_ema", which is another model.
_CONTAINERS = ("state_dict", "model_state_dict", "model")
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|!--|html|head|body|\?xml)", re.IGNORECASE)


def opening(path: Path) -> bytes:
    """The first bytes of a file.

    Raises ValueError if it cannot be opened, is empty, or is a page of the web.
    """
    try:
        if path.is_dir():
            raise ValueError("is a folder; give the file")
        if not path.is_file():
            raise ValueError("no such file")
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if not head:
        raise ValueError("cannot be read: it is empty; download it again")
    if _PAGE.match(head):
        raise ValueError("cannot be read: it is a web page; download the file itself")
    return head


def in_one_line(error: Exception) -> str:
    """The words of a library about a file, without its advice, fit to be printed."""
    text = str(error)
    if text.startswith("Weights only load failed"):
        text = text.partition("\n\nCheck the documentation")[0]
        text = re.split(r"WeightsUnpickler error: |\n\n", text)[-1]
    text = "".join(c if c.isprintable() else "?" for c in " ".join(text.split())[:160])
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def few(names: Sequence[str]) -> str:
    """The first of some names from a file, fit to be printed, and how many more there are."""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0][:80]!a}{more}"


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint by name, on the CPU, mapped from the file where possible.

    Reads .safetensors, and what torch.save writes (zip or legacy) without running anything in
    it. A state dict inside "state_dict", "model_state_dict" or "model" is taken out, what is
    no tensor is left out, and ``module.`` is stripped from names. Raises ValueError, in one
    line, for anything else.
    """
    try:
        return _tensors(_load(path))
    except ValueError as error:
        raise ValueError(f"weights {path}: {error}") from None


def _load(path: Path) -> Any:
    import safetensors.torch
    import torch

    head, safe = opening(path), path.suffix == ".safetensors"
    zipped = head.startswith(_ZIP)
    if zipped:
        _check_archive(path)
    elif not safe and not head.startswith(_PICKLE):
        raise ValueError("cannot be read: it is no file that torch.save has written")
    try:
        if safe:
            return safetensors.torch.load_file(path)
        with warnings.catch_warnings(action="ignore"):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:
        reason = "it is damaged" if isinstance(error, LookupError) else in_one_line(error)
        if code := re.search(r"GLOBAL (\S+)", reason):
            reason = f"it holds code ({code[1]}) and was refused; nothing was run"
        raise ValueError(f"cannot be read as a state dict: {reason}") from None


def _check_archive(path: Path) -> None:
    """Raise ValueError unless the zip archive at ``path`` can be one of torch.save."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except Exception:
        raise ValueError("cannot be read: it is cut short or damaged; download it again") from None
    if any(entry.filename.endswith("/constants.pkl") for entry in entries):
        raise ValueError("cannot be read: it is a TorchScript program, not a checkpoint")
    # Compressed tensors cannot be mapped, and may be a bomb.
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("cannot be read: it is compressed, which torch.save never does")


def _tensors(found: Any) -> dict[str, torch.Tensor]:
    import torch

    for key in _CONTAINERS:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    items = found.items() if isinstance(found, dict) else ()
    named = [(k, v) for k, v in items if isinstance(k, str) and isinstance(v, torch.Tensor)]
    if not named:
        raise ValueError("it holds no state dict")
    tensors = {name.removeprefix("module."): value for name, value in named}
    if len(tensors) < len(named):
        raise ValueError("it holds no state dict: some tensors are there twice, under module., too")
    if odd := [name for name, value in tensors.items() if not _is_plain(value)]:
        raise ValueError(f"it holds no state dict: tensors without plain values: {few(odd)}")
    return tensors


def _is_plain(value: torch.Tensor) -> bool:
    import torch

    dense = value.layout == torch.strided and not (value.is_quantized or value.is_nested)
    return dense and value.device.type == "cpu"
