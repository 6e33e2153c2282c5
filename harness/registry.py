"""Names → things, through entry points: models, datasets, protocols, commands.

Nothing is imported until a name is asked for. A stranger's package registers its things
exactly as ours does, in its own ``pyproject.toml``::

    [project.entry-points."iqa_eval.models"]
    my-model = "my_package:MyModel"
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import metadata
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Literal

from .canonical import canonical_json
from .errors import call_failed, one_line
from .model import Family, Model, ModelCard, Unavailable, operations
from .record_shape import wrong_name

if TYPE_CHECKING:
    from .protocols.base import Comparison, Protocol

Group = Literal[
    "models", "datasets", "protocols", "reducers", "degradations", "weights", "recipes", "commands"
]


class UnknownName(ValueError):
    """No such model, dataset, protocol or command; the message names the closest ones."""


class BrokenPlugin(Exception):
    """An installed package registers a name that cannot be loaded."""


@dataclass(frozen=True)
class Entry:
    """A registered name: ``target`` is "module:attribute", ``origin`` the package it came with."""

    name: str
    target: str
    origin: str
    point: metadata.EntryPoint
    rival: str | None = None  # another package that claims the same name

    def load(self) -> Any:
        if self.rival is not None:
            raise BrokenPlugin(
                f"both {self.origin} and {self.rival} register {self.name!r}: uninstall one"
            )
        try:
            return self.point.load()
        except Exception as error:
            raise BrokenPlugin(
                f"{self.name!r} of {self.origin} cannot be loaded: {one_line(error)}"
            ) from error


@cache
def entries(group: Group) -> dict[str, Entry]:
    """All registered names of a group, sorted; one that two packages claim cannot be loaded."""
    found: dict[str, Entry] = {}
    points = metadata.entry_points(group=f"iqa_eval.{group}")
    for point in sorted(points, key=lambda p: (p.name, p.dist.name if p.dist else "")):
        origin = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown package"
        entry = Entry(point.name, point.value, origin, point)
        first = found.setdefault(point.name, entry)
        if first is not entry and first.target != entry.target:
            found[point.name] = replace(first, rival=origin)
    return found


def find(group: Group, name: str) -> Entry:
    """The entry called ``name``. Raises UnknownName with the closest names."""
    known = entries(group)
    if name not in known:
        members = _listed() if group == "models" else ()
        raise UnknownName(unknown(group.rstrip("s"), name, known, members))
    return known[name]


def unknown(kind: str, name: str, known: Iterable[str], members: Iterable[str] = ()) -> str:
    """One line for a name that does not exist, with the closest ones that do.

    ``members`` are those of families, "pyiqa:psnr": each is also found by what follows the colon.
    Case does not matter.
    """
    known = sorted(known)
    full: dict[str, tuple[str, ...]] = {}  # what may be typed, in lower case → what is meant
    for part in known:
        full[part.lower()] = (*full.get(part.lower(), ()), part)
    for member in members:
        for part in (member.lower(), member.lower().partition(":")[2]):
            full[part] = (*full.get(part, ()), member)
    typed = name.lower()
    parts = [typed] if typed in full else difflib.get_close_matches(typed, full, n=3, cutoff=0.5)
    close = list(dict.fromkeys(meant for part in parts for meant in full[part]))[:3]
    hint = f"did you mean {', '.join(close)}?" if close else f"known: {', '.join(known) or 'none'}"
    return f"unknown {kind} {name!r}; {hint}"


def listed_models() -> frozenset[str]:
    """The names of models that are registered, and those that families list."""
    return frozenset({*entries("models"), *_listed()})


def _listed() -> Iterator[str]:
    """The names that families list."""
    for entry in entries("models").values():
        with suppress(BrokenPlugin):
            thing = entry.load()
            if isinstance(thing, Family):
                yield from (f"{entry.name}:{name}" for name in thing.listed)


def maker(name: str) -> Callable[..., Any]:
    """What makes the model called ``name``, of its options. Raises UnknownName, BrokenPlugin.

    Whether a family has the member that ``name`` names shows only when it is made.
    """
    prefix, colon, rest = name.partition(":")
    thing = find("models", prefix).load()
    if isinstance(thing, Family):
        if not rest:
            known = ", ".join(f"{prefix}:{listed}" for listed in thing.listed[:5])
            raise UnknownName(f"{prefix!r} is a family of models; name one of it, e.g. {known}")
        return partial(thing.load, rest)
    if colon:
        raise UnknownName(f"unknown model {name!r}; {prefix!r} takes no name after the colon")
    found: Callable[..., Any] = thing
    return found


def option_names(make: Callable[..., Any]) -> list[str]:
    """The options that ``make`` names in its signature, in that order."""
    try:
        parameters = signature(make).parameters.values()
    except (TypeError, ValueError):  # written in C
        return []
    named = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    return [parameter.name for parameter in parameters if parameter.kind in named]


def load_model(name: str, /, **options: Any) -> Model:
    """The adapter called ``name``, e.g. ``"pyiqa:psnr"`` or ``"my-model"``.

    ``options`` are the adapter's own; they become part of its card and of every cell key.
    Raises UnknownName, BrokenPlugin, ValueError for bad options, or Unavailable where weights
    or a library are absent.
    """
    try:
        canonical_json(options)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: options must be plain values: {error}") from error
    make = maker(name)
    try:
        model = make(**options)
    except (Unavailable, ValueError, OSError):
        raise
    except TypeError as error:
        raise ValueError(call_failed(name, error, options, option_names(make))) from error
    except Exception as error:
        raise BrokenPlugin(f"{name!r} cannot be made: {one_line(error)}") from error
    if not isinstance(getattr(model, "card", None), ModelCard):
        raise BrokenPlugin(f"{name!r} has no card: an adapter's `card` is a ModelCard")
    if wrong := wrong_name(model.card.name):
        raise BrokenPlugin(f"{name!r}: the name in its card {wrong}")
    if not operations(model):
        raise BrokenPlugin(f"{name!r} offers none of the operations of a model")
    if model.card.options is None:
        # Where it runs is the cell's own field.
        given = {key: value for key, value in options.items() if key != "device"}
        model.card = replace(model.card, options=given)
    return model


def load_protocol(name: str, **options: Any) -> Protocol | Comparison:
    """The protocol or comparison called ``name``, made with ``options`` where it takes any.

    Raises UnknownName, BrokenPlugin, or ValueError for bad options.
    """
    from .protocols.base import Comparison, Protocol

    thing = find("protocols", name).load()
    if isinstance(thing, Protocol | Comparison):
        if options:
            raise ValueError(f"protocol {name!r} takes no options, not {', '.join(options)}")
        return thing
    try:
        protocol = thing(**options)
    except TypeError as error:
        what = f"protocol {name!r}"
        raise ValueError(call_failed(what, error, options, option_names(thing))) from error
    if not isinstance(protocol, Protocol | Comparison):
        raise BrokenPlugin(f"{name!r} is registered as a protocol and is none")
    # One that is made with a folder says what it found there, not where; a default says nothing.
    defaults = {p.name: p.default for p in signature(thing).parameters.values()}
    given = {name: value for name, value in options.items() if value != defaults.get(name)}
    return protocol if protocol.options else replace(protocol, options=given)
