"""What loading a model needs: no network, hashes of parameters, and refusals in one line."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import io
import logging
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.model import Unavailable

if TYPE_CHECKING:
    import torch

# What is redirected while a model loads belongs to the whole process: one loads at a time.
_LOCK = threading.RLock()
_thread = threading.local()

# Distributions of modules that are not called as their distribution is.
_DISTRIBUTIONS = {"pkg_resources": "'setuptools<82'", "clip": "openai-clip", "cv2": "opencv-python"}


class _Download(BaseException):
    """In place of a connection; no Exception, so that no library catches it and tries again."""


@contextlib.contextmanager
def only_what_is_here(model: str, command: str) -> Iterator[None]:
    """Load ``model`` inside, in silence, from what lies on this machine.

    Raises Unavailable at once where a download would begin (``command`` fetches it) and where
    a library is missing; anything else passes. Nothing is ever downloaded unasked, so a name
    in a suite starts no transfer of gigabytes, and an offline machine waits for no time-out.
    """
    with _LOCK, _hub_offline(), _silence():
        _forbid_connections()
        _thread.loading = True
        try:
            yield
        except _Download:
            raise Unavailable(f"the weights of {model} are not on this machine", command) from None
        except ModuleNotFoundError as error:
            module = (error.name or "").partition(".")[0]
            raise Unavailable(
                f"{model} needs the module {module}, which is not installed",
                f"pip install {_DISTRIBUTIONS.get(module, module)}",
            ) from None
        except Exception as error:
            if not _for_want_of_a_file(error):
                raise
            raise Unavailable(f"the weights of {model} are not on this machine", command) from None
        finally:
            _thread.loading = False


def closest(name: str, known: Iterable[str]) -> str:
    """The names most like ``name``, as the end of a sentence."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"did you mean {', '.join(close)}?" if close else "no name is like it"


def refuse(model: str, options: Iterable[str], known: Iterable[str] = ()) -> None:
    """Raise ValueError if there are options left that ``model`` does not know."""
    if extra := sorted(options):
        takes = ", ".join(sorted(known))
        hint = f"; options: {takes}" if takes else ""
        raise ValueError(f"{model}: unknown option {extra[0]!r}{hint}")


def usable_device(name: str) -> torch.device:
    """The torch device called ``name``; ValueError if there is no such thing here.

    On CUDA, convolutions are then computed in float32, and not with the 10 bits of TF32.
    """
    import torch

    try:
        device = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {name!r} cannot be used here: {reason}") from None
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = False
    return device


def tensors_sha256(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 (hex) over names, types, shapes and bytes, in the order of the names."""
    import torch

    found = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


@contextlib.contextmanager
def _hub_offline() -> Iterator[None]:
    # The hub reads its environment variable once, on import; this is where it keeps it.
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    before = logging.root.manager.disable
    quiet = io.StringIO()
    logging.disable(logging.CRITICAL)
    try:
        with (
            contextlib.redirect_stdout(quiet),
            contextlib.redirect_stderr(quiet),
            warnings.catch_warnings(action="ignore"),
        ):
            yield
    finally:
        logging.disable(before)


@cache
def _forbid_connections() -> None:
    """Make every connection that a loading thread opens raise _Download."""

    def audit(event: str, _: Any) -> None:
        if event in ("socket.getaddrinfo", "socket.connect") and _loading():
            raise _Download

    sys.addaudithook(audit)


def _loading() -> bool:
    return getattr(_thread, "loading", False)


def _for_want_of_a_file(error: BaseException | None) -> bool:
    """Whether the hub's libraries raised ``error`` because a file is not in their cache."""
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    while error is not None:
        if isinstance(error, LocalEntryNotFoundError | OfflineModeIsEnabled):
            return True
        # transformers says so in words only.
        if isinstance(error, OSError) and "huggingface.co" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
