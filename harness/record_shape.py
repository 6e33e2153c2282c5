"""What a record's file may hold: checked where it is read, so that nothing else has to.

Records come from others. What is let through has fields of the right types, numbers that are
finite and that any program can hold, JSON that is not endless, names that can be shown, and names
of files that are no paths.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any

from .canonical import canonical_json

_SHA256 = re.compile(r"[0-9a-f]{64}")
_DEEPEST = 20  # lists and mappings within each other
_MOST = 2**63  # whole numbers lie below it, and reach down to its negative
_LARGEST = 1.7976931348623157e308  # that a float can hold
_STEER = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # categories of Unicode
_LINES = dict.fromkeys(map(ord, "\t\n\r"))

_PARTS = {"shared": dict, "rows": list, "failures": dict, "warnings": dict}
_CALLED = {dict: "JSON object", list: "list"}

# By the type of a field of Row, as it is written there: the types of JSON, and words for them.
_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "a text"),
    "str | None": ((str, type(None)), "a text or null"),
    "int": ((int,), "a whole number of at most 64 bits"),
    "float | None": ((float, int, type(None)), "a finite number or null"),
    "tuple[str, ...]": ((list,), "a list of texts"),
}


def check_shape(content: Any, fields: Mapping[str, str], needed: frozenset[str]) -> None:
    """Raise ValueError if ``content``, in the newest schema, is not what a record's file holds.

    ``fields`` are those of a row, each with its type as text; ``needed`` those that none lacks.
    """
    for name, kind in _PARTS.items():
        _require(isinstance(content.get(name), kind), f"its {name} are no {_CALLED[kind]}")
    _require(content["rows"], "it has no rows")
    for i, row in enumerate([content["shared"], *content["rows"]]):
        if problem := _row(row, fields):
            raise ValueError(f"{f'row {i - 1}' if i else 'all rows'}: {problem}")
    for i, row in enumerate(content["rows"]):
        lacking = sorted(needed - content["shared"].keys() - row.keys())
        _require(not lacking, f"row {i} has no {', '.join(lacking)}")
    for operation, reasons in content["failures"].items():
        _texts(reasons, f"failures of {operation!r}")
    _texts(content["warnings"], "warnings")
    fits = content.get("fits", [])
    _require(isinstance(fits, list), "its fits are no list")
    for i, fit in enumerate(fits):
        _fit(fit, f"fit {i}")


def is_file_name(name: str) -> bool:
    """Whether ``name`` is that of a file of single samples: a SHA-256, so never a path."""
    return _SHA256.fullmatch(name) is not None


def _row(row: Any, fields: Mapping[str, str]) -> str:
    """What is wrong with the first wrong field; "" where none is."""
    if not isinstance(row, dict):
        return "no JSON object"
    for name, value in row.items():
        if name not in fields:
            return f"there is no field {name!r}"
        types, words = _TYPES[fields[name]]
        if type(value) not in types or not _sized(value):
            return f"{name} is not {words}"
        if name in _MORE and (problem := _MORE[name](value)):
            return f"{name} {problem}"
    return ""


def _sized(value: Any) -> bool:
    """Whether a number is one that a float, or 64 bits, can hold, and a list one of texts."""
    if type(value) is float:
        return -_LARGEST <= value <= _LARGEST  # no for NaN
    if type(value) is int:
        return -_MOST <= value < _MOST
    return type(value) is not list or all(type(each) is str for each in value)


@lru_cache(maxsize=4096)  # most records share theirs with others
def _options(text: str) -> str:
    """What is wrong with the canonical JSON of options; "" for nothing."""
    found = _read(text)
    if not isinstance(found, dict):
        return "is no readable JSON object"
    return _shown("".join(_texts_in(found)).translate(_LINES))  # a prompt may have lines


@lru_cache(maxsize=4096)
def _others(text: str) -> str:
    found = _read(text)
    fits = isinstance(found, dict) and all(
        isinstance(hashes, list) and all(isinstance(each, str) for each in hashes)
        for hashes in found.values()
    )
    return "" if fits else "is no readable JSON object of lists of hashes"


@lru_cache(maxsize=4096)
def _shown(name: str) -> str:
    """What is wrong with what is shown as it is, on pages and in pictures; "" for nothing."""
    wrong = (char for char in name if not char.isprintable() and _steers(char))
    char = next(wrong, None)
    return "" if char is None else f"holds a character that cannot be printed: {char!r}"


def _steers(char: str) -> bool:
    """Whether it steers what is shown, is half a character, or may stand in no XML."""
    return unicodedata.category(char) in _STEER or char in "\ufffe\uffff"


def wrong_name(name: str) -> str:
    """Why nothing that has records can be called ``name``; "" where it can."""
    return _shown(name) if name.strip() else "is empty"


def _file_name(name: str | None) -> str:
    return "" if name is None or is_file_name(name) else "is no SHA-256"


_MORE: Mapping[str, Callable[[Any], str]] = {
    **dict.fromkeys(("model", "dataset", "protocol", "metric"), wrong_name),
    **dict.fromkeys(("split", "subset", "mode", "label_kind", "decoding", "device"), _shown),
    **dict.fromkeys(("model_version", "protocol_version", "weights", "contamination"), _shown),
    **{"options": _options, "protocol_options": _options, "others": _others},
    **{"scores": _file_name, "samples": _file_name},
}


def _read(text: str) -> Any:
    """The value of ``text``; None if it cannot be read, or not be written again."""
    try:
        value = json.loads(text)
        _shallow(value, _DEEPEST)
        canonical_json(value).encode()  # NaN, or half a character
    except (ValueError, RecursionError):
        return None
    return value


def _texts_in(value: Any) -> Iterator[str]:
    """Every text in a value of JSON, names included."""
    if isinstance(value, dict):
        value = chain(value, value.values())
    elif not isinstance(value, list):
        value = [value] if isinstance(value, str) else []
    for each in value:
        yield from [each] if isinstance(each, str) else _texts_in(each)


def _shallow(value: Any, left: int) -> None:
    _require(left > 0, "nested too deeply")
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _shallow(each, left - 1)


def _fit(fit: Any, where: str) -> None:
    """Plain values, and a learning curve: a mapping of plain values for each epoch."""
    _object(fit, where)
    curve = fit.get("curve")
    _require(isinstance(curve, list), f"{where} has no learning curve")
    for epoch in curve:
        _object(epoch, f"an epoch of {where}")
    plain = ((name, value) for name, value in fit.items() if name != "curve")
    for name, value in chain(plain, *(epoch.items() for epoch in curve)):
        known = type(value) in (str, int, float) and _sized(value)
        _require(known, f"{name} of {where} is neither a text nor a finite number")


def _texts(found: Any, where: str) -> None:
    _object(found, where)
    for name, value in found.items():
        _require(type(value) is str, f"{where}: what is said of {name!r} is no text")


def _object(value: Any, where: str) -> None:
    _require(isinstance(value, dict), f"{where} is no JSON object")


def _require(met: Any, otherwise: str) -> None:
    if not met:
        raise ValueError(otherwise)
