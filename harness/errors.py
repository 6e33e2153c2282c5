"""Errors as reasons: one line each, since they stand in tables."""

from __future__ import annotations

import re
from collections.abc import Container
from pathlib import Path
from typing import Any

# An absolute path, but no address and no fraction.
_PATH = re.compile(r"(?<![\w.:/])/(?:[^\s/:;,()'\"]+/)+([^\s/:;,()'\"]+)")


def message(error: BaseException) -> str:
    """The error's own words in one line, without the number of an error of the system."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return " ".join(text.split())


def one_line(error: BaseException) -> str:
    """The error's kind and its words, at most 300 characters of them."""
    kind, text = type(error).__name__, message(error)
    return f"{kind}: {text[:300]}" if text else kind


def call_failed(what: str, error: TypeError, options: Container[str]) -> str:
    """Why ``what`` cannot be called with ``options``; most often it does not have one of them."""
    found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if found and found[1] in options:
        return f"{what} has no option {found[1]!r}"
    return f"{what}: {message(error)}"


def count(n: int, noun: str) -> str:
    """``n`` of something, in words: "1 image", "2 images"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def without_folders(text: str) -> str:
    """``text`` with absolute paths cut to their last part: records are the same everywhere."""
    return _PATH.sub(r"…/\1", text)


def portable(options: dict[str, Any]) -> dict[str, Any]:
    """Options in which a path is its last part."""

    def cut(value: Any) -> Any:
        is_path = isinstance(value, str) and (Path(value).is_absolute() or Path(value).is_dir())
        return Path(value).name if is_path else value

    return {name: cut(value) for name, value in options.items()}
