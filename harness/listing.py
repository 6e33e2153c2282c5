"""What ``iqa-eval list`` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from inspect import signature
from typing import Any

from .model import Family
from .registry import BrokenPlugin, Entry, entries, load_protocol, unknown

KINDS = ("models", "datasets", "protocols", "degradations")


def listing(what: str) -> Iterator[str]:
    """Lines for one kind of name. A plug-in that cannot be loaded is listed with the reason.

    Raises ValueError for an unknown kind.
    """
    if what not in KINDS:
        raise ValueError(unknown("kind of thing", what, KINDS))
    for entry in entries(what).values():
        try:
            # A protocol with options is a function of them, all of which have defaults.
            yield from _lines(entry, load_protocol(entry.name) if what == "protocols" else None)
        except (BrokenPlugin, ValueError) as error:
            yield f"{entry.name:<28} warning: {error}"


def _lines(entry: Entry, thing: Any) -> Iterator[str]:
    thing = entry.load() if thing is None else thing
    if isinstance(thing, Mapping):  # a bank of degradations
        yield from (f"{name:<24} {item.summary}  [{entry.origin}]" for name, item in thing.items())
        return
    summary = getattr(thing, "summary", None) or (thing.__doc__ or "").strip().split("\n")[0]
    name = f"{entry.name}:NAME" if isinstance(thing, Family) else entry.name
    yield f"{name:<28} {summary}  [{entry.origin}]"
    if options := _options(entry):
        yield f"  options: {options}"
    if isinstance(thing, Family):
        for listed in thing.listed:
            yield f"  {entry.name}:{listed}"


def _options(entry: Entry) -> str:
    """What a protocol can be told, with what it takes where it is not: as options are typed."""
    made = entry.load()
    if not entry.point.group.endswith("protocols") or not callable(made):
        return ""
    parameters = signature(made).parameters.values()
    return ", ".join(f"{entry.name}.{p.name}={_typed(p.default)}" for p in parameters)


def _typed(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
