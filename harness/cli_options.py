"""Names and options as people type them on a command line. Each raises ValueError in one line."""

from __future__ import annotations

from typing import Any


def names(values: list[str] | None) -> list[str]:
    """Those of ``A,B`` and of repeated options."""
    return [name for value in values or () for name in value.split(",") if name]


def options(values: list[str] | None) -> dict[str, Any]:
    """``NAME=VALUE`` → options; values are read as YAML scalars (true, 3, text)."""
    import yaml

    found = {}
    for text in values or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--option {text!r}: write NAME=VALUE")
        found[name] = yaml.safe_load(value)
    return found


def options_of(protocol: str, values: list[str] | None) -> dict[str, Any]:
    """Those of PROTOCOL.NAME=VALUE that are the protocol's."""
    for text in values or ():
        if "." not in text.partition("=")[0]:
            raise ValueError(f"--protocol-option {text!r}: write PROTOCOL.NAME=VALUE")
    start = f"{protocol}."
    return options([v.removeprefix(start) for v in values or () if v.startswith(start)])
