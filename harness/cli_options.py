"""Names and options as people type them on a command line. Each raises ValueError in one line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def names(values: list[str] | None) -> list[str]:
    """Those of ``A,B`` and of repeated options."""
    return [name for value in values or () for name in value.split(",") if name]


def options(values: list[str] | None) -> dict[str, Any]:
    """``NAME=VALUE`` → options; values are read as YAML scalars (true, 3, text)."""
    found = {}
    for text in values or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ValueError(f"--option {text!r}: write NAME=VALUE")
        found[name] = _value(text, value)
    return found


def options_of(
    kind: str, known: Iterable[str], values: list[str] | None
) -> dict[str, dict[str, Any]]:
    """``THING.NAME=VALUE`` → the options of each of ``known``, the run's things of a ``kind``.

    Names of models hold dots too: that of the option follows the last one before the "=".
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in known}
    for text in values or ():
        left, equals, value = text.partition("=")
        thing, _, option = left.rpartition(".")
        if not (thing and option and equals):
            raise ValueError(f"--{kind}-option {text!r}: write {kind.upper()}.NAME=VALUE")
        if thing not in found:
            has = ", ".join(found) or "none"
            raise ValueError(
                f"--{kind}-option {text!r}: no {kind} {thing!r} is run here, but {has}"
            )
        found[thing][option] = _value(text, value)
    return found


def _value(text: str, value: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise ValueError(f"{text!r}: the value cannot be read; put it in quotes: '\"…\"'") from None
