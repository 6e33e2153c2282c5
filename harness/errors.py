"""Errors as reasons: one line each, since they stand in tables."""

from __future__ import annotations

import difflib
import re
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

# An absolute path, but no address and no fraction; in quotes, it may hold whatever a name can.
_PATH = re.compile(r"(?<![\w.:/])/(?:[^\s/:;,()'\"]+/)+([^\s/:;,()'\"]+)")
_QUOTED = re.compile(r"""(?<!\w)(['"])/(?:(?:(?!\1)[^/])+/)+((?:(?!\1)[^/])+)(?:\1|$)""")

# As Python words a call with an argument that is not taken, and without one that is needed.
_REFUSED = re.compile(r"(?:unexpected|multiple values for)(?: keyword)? argument '([^']+)'")
_LACKING = re.compile(r"missing \d+ required [a-z -]+: (.+)")


def message(error: BaseException) -> str:
    """The error's own words in one line, without the number of an error of the system."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{_name(error)}: {error.strerror}"
    return " ".join(text.split())


def _name(error: OSError) -> str:
    """The file's name, in quotes where one could not tell where it ends."""
    name = str(error.filename)
    return repr(name) if " " in name else name


def printable(text: str) -> str:
    """``text`` without what would steer a terminal: names and reasons come from others."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def first_fault(error: ValidationError) -> str:
    """Where the first fault is, and what is wrong there, in one line."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    told = " ".join(first["msg"].split()).removeprefix("Value error, ")
    return f"{place}: {told}" if place else told


def one_line(error: BaseException) -> str:
    """The error's kind and its words, at most 300 characters of them."""
    kind, text = type(error).__name__, message(error)
    return f"{kind}: {text[:300]}" if text else kind


def call_failed(
    what: str, error: TypeError, options: Container[str], takes: Sequence[str] = ()
) -> str:
    """Why ``what`` cannot be called with ``options``; ``takes`` are those that it names, if known.

    Most often it does not have one of them, or needs one that is not given.
    """
    if (found := _REFUSED.search(str(error))) and (name := found[1]) in options:
        close = difflib.get_close_matches(name, takes, n=1)
        hint = f"; did you mean {close[0]}?" if close else ";"
        listed = f"{hint} options: {', '.join(takes)}" if takes else ""
        return f"{what} has no option {name!r}{listed}"
    if found := _LACKING.search(str(error)):
        lacking = re.findall(r"'(\w+)'", found[1])
        if set(lacking) <= set(takes):
            return f"{what} cannot be made without a value for {', '.join(lacking)}"
    return f"{what}: {message(error)}"


def count(n: int, noun: str) -> str:
    """``n`` of something, in words: "1 image", "5,070 images"."""
    return f"{n} {noun}" if n == 1 else f"{n:,} {noun}s"


def without_folders(text: str) -> str:
    """``text`` with absolute paths cut to their last part: records are the same everywhere."""
    return _PATH.sub(r"…/\1", _QUOTED.sub(r"\1…/\2\1", text))


def portable(options: dict[str, Any]) -> dict[str, Any]:
    """Options in which a path is its last part."""

    def cut(value: Any) -> Any:
        is_path = isinstance(value, str) and (Path(value).is_absolute() or Path(value).is_dir())
        return Path(value).name if is_path else value

    return {name: cut(value) for name, value in options.items()}
