"""One text form of a value, so that equal values have equal hashes."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import PurePath
from typing import Any


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces; a path is its text.

    Raises ValueError for NaN and infinity, TypeError for what JSON has no form for.
    """
    return json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
        default=_text_of_path,
    )


def _text_of_path(value: Any) -> str:
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{value!r} is neither text, number, list nor mapping")


def digest(value: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def slug(name: str, options: Any = None) -> str:
    """A name for a path: safe on every file system, unique for (name, options)."""
    text = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "unnamed"
    if text == name and len(text) <= 80 and not options:
        return text
    return f"{text[:80]}--{digest([name, options or {}])[:8]}"
