"""Options of a command line in place of the fields of a config."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Config = TypeVar("Config", bound=DataclassInstance)


def with_options(config: Config, options: Mapping[str, Any], prefix: str = "") -> Config:
    """``config``, a frozen dataclass, with ``options``, named as its fields are, in their place.

    A value is to be of the kind of what it takes the place of: an integer does for a float, a list
    for a tuple, and what is in it is of the kind of what is in the tuple; an empty one is of
    numbers. Raises ValueError, in one line, for another kind, with ``prefix`` before the name of
    the option, and as the config does for what cannot be run.
    """
    given = dict[str, Any]()
    for name, value in options.items():
        default = getattr(config, name)
        if not _alike(value, default):
            raise ValueError(f"{prefix}{name} is {value!r}; it takes the like of {default!r}")
        given[name] = tuple(value) if isinstance(default, tuple) else value
    return replace(config, **given)


def with_numbers(
    config: DataclassInstance, options: Mapping[str, Any], prefix: str = ""
) -> dict[str, Any]:
    """``options`` with numbers where ``config`` takes floats and text of a number was given.

    To YAML 1.1 ``1e-4`` is text. Names of options begin with ``prefix``; others are left alone.
    """
    defaults = {f"{prefix}{name}": value for name, value in vars(config).items()}
    return {name: _number(value, defaults.get(name)) for name, value in options.items()}


def _number(value: Any, default: Any) -> Any:
    if isinstance(default, tuple) and isinstance(value, list | tuple):
        return [_number(each, _one(default)) for each in value]
    if isinstance(default, float) and isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return value
        return number if math.isfinite(number) else value
    return value


def _one(default: tuple[Any, ...]) -> Any:
    """What a tuple holds."""
    return default[0] if default else 0.0


def _alike(value: Any, default: Any) -> bool:
    if isinstance(default, tuple):
        one = _one(default)
        return isinstance(value, list | tuple) and all(_alike(each, one) for each in value)
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(default)
