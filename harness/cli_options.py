"""Names and options as people type them on a command line. Each raises ValueError in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import message

if TYPE_CHECKING:
    from .suite import Named, Suite


def names(values: list[str] | None) -> list[str]:
    """Those of ``A,B`` and of repeated options."""
    return [name for value in values or () for name in value.split(",") if name]


def options(
    values: list[str] | None, flag: str = "--option", of: str = "the one model"
) -> dict[str, Any]:
    """``NAME=VALUE`` → options; values are read as YAML scalars (true, 3, text)."""
    found: dict[str, Any] = {}
    for text in values or ():
        left, equals, value = text.partition("=")
        _, dot, name = left.rpartition(".")
        if not (name and equals):
            raise ValueError(f"{flag} {text!r}: write NAME=VALUE")
        if dot:
            raise ValueError(f"{flag} {text!r}: write {name}=…: {flag} is of {of}")
        _put(found, name, value, f"{flag} {text!r}")
    return found


def options_of(
    kind: str, known: Iterable[str], values: list[str] | None
) -> dict[str, dict[str, Any]]:
    """``THING.NAME=VALUE`` → the options of each of ``known``, the run's things of a ``kind``.

    Names of models hold dots too: that of the option follows the last one before the "=".
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in known}
    for text in values or ():
        where = f"--{kind}-option {text!r}"
        left, equals, value = text.partition("=")
        thing, _, option = left.rpartition(".")
        if not (thing and option and equals):
            raise ValueError(f"{where}: write {kind.upper()}.NAME=VALUE")
        if thing not in found:
            has = ", ".join(found) or "none"
            raise ValueError(f"{where}: no {kind} {thing!r} is run here, but {has}")
        _put(found[thing], option, value, where)
    return found


def _put(found: dict[str, Any], option: str, value: str, where: str) -> None:
    """Add an option to those that are ``found``."""
    import yaml

    if option == "name":  # which a suite has for the thing itself
        raise ValueError(f"{where}: name is no option")
    if option in found:
        raise ValueError(f"{where}: {option} is given twice")
    try:
        found[option] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise ValueError(f"{where}: the value cannot be read; put it in quotes: '\"…\"'") from None


def require_known(suite: Suite) -> None:
    """Raise ValueError, in one line, for all of ``suite`` that stands for nothing.

    Protocols are made, with their options; of datasets the names of options are looked at. Whether
    a family has a model, or a file is there, shows later.
    """
    from .registry import load_protocol, maker

    checks: dict[str, Callable[[Named], object]] = {
        "models": lambda named: maker(named.name),
        "datasets": _require_options,
        "protocols": lambda named: load_protocol(named.name, **named.options),
    }
    wrong: dict[str, None] = {}
    for group, check in checks.items():
        for named in getattr(suite, group):
            try:
                check(named)
            except (ValueError, OSError) as error:
                wrong[message(error)] = None
            except Exception:  # a broken plug-in costs only its own rows, where it is said
                continue
    if wrong:
        raise ValueError(" | ".join(wrong))


def _require_options(dataset: Named) -> None:
    """Raise ValueError for an unknown dataset, and for options that its function does not have."""
    from inspect import Parameter, signature

    from .registry import find

    if _is_path(dataset.name):
        return
    make = find("datasets", dataset.name).load()
    takes = signature(make).parameters.values() if callable(make) else ()
    if any(each.kind is Parameter.VAR_KEYWORD for each in takes):
        return
    names = [each.name for each in takes]
    for option in dataset.options:
        if option not in names:
            close = get_close_matches(option, names, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            listed = f"options: {', '.join(names)}" if names else "it has none"
            raise ValueError(f"dataset {dataset.name!r} has no option {option!r}; {hint}{listed}")


def _is_path(dataset: str) -> bool:
    from .datasets import HUB

    return dataset.startswith(HUB) or bool(Path(dataset).suffix) or Path(dataset).exists()
