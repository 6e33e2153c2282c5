"""Where finished work and weights are kept."""

from __future__ import annotations

import os
from pathlib import Path


def default_cache() -> Path:
    """``$IQA_EVAL_CACHE``, or ``iqa-eval`` in the user's cache folder."""
    if chosen := os.environ.get("IQA_EVAL_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iqa-eval"
