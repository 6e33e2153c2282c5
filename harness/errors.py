"""Errors as reasons: one line each, since they stand in tables."""

from __future__ import annotations


def message(error: BaseException) -> str:
    """The error's own words in one line."""
    return " ".join(str(error).split())


def one_line(error: BaseException) -> str:
    """The error's kind and its words, at most 300 characters of them."""
    kind, text = type(error).__name__, message(error)
    return f"{kind}: {text[:300]}" if text else kind
