"""The page: one static file that needs no network and no server."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ..figures import Picture
from ..groups import Group
from ..layout import Table
from ..overview import Overview
from .templates import environment
from .words import WORDS


@dataclass(frozen=True)
class Study:
    """One group with its tables and figures, as a section of the page.

    ``pages`` are those of its models: label and URL.
    """

    group: Group
    tables: tuple[Table, ...]
    pictures: tuple[Picture, ...]
    pages: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Joint:
    """What joins several datasets, with its figures, as a section above them."""

    overview: Overview
    pictures: tuple[Picture, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        return self.overview.tables


@dataclass(frozen=True)
class Found:
    """A picture that lay in the folder already. ``url`` is relative to the page."""

    name: str
    url: str
    caption: str


@dataclass(frozen=True)
class Fact:
    """One line about the run. A ``wide`` one is a command; a ``folded`` one opens."""

    name: str
    text: str
    wide: bool = False
    folded: str = ""


def render(
    joint: Sequence[Joint],
    studies: Sequence[Study],
    gallery: Sequence[Found],
    header: Mapping[str, Any],
    model: str = "",
) -> str:
    """The page's HTML. Everything that comes from rows, captions or the header is escaped.

    The page of one ``model`` lies one folder below the main one, and leads back to it.
    """
    measured = [study for study in studies if study.group.entries]
    return (
        environment()
        .get_template("index.html.j2")
        .render(
            lede=_lede(studies),
            facts=_facts(header),
            joint=joint,
            datasets=[
                {
                    "name": name,
                    "studies": (own := list(part)),
                    "labels": dict.fromkeys(s.group.labels for s in own if s.group.labels),
                }
                for name, part in groupby(measured, key=lambda study: study.group.key.dataset)
            ],
            empty=[study for study in studies if not study.group.entries],
            gallery=gallery,
            words=WORDS,
            model=model,
            root="../" if model else "",
        )
    )


def _lede(studies: Sequence[Study]) -> str:
    measured = {entry.label for s in studies for entry in s.group.entries}
    absent = {entry.label for s in studies for entry in s.group.absent} - measured
    datasets = {s.group.key.dataset for s in studies}
    protocols = {s.group.key.protocol for s in studies}
    text = (
        f"{_count(len(measured), 'model')} measured on {_count(len(datasets), 'dataset')} "
        f"under {_count(len(protocols), 'protocol')}."
    )
    if absent:
        text += f" {_count(len(absent), 'model')} could not be measured; the reason stands with "
        text += "each table."
    return text


def _facts(header: Mapping[str, Any]) -> list[Fact]:
    """Known keys first, in a reader's order; any other key after them."""
    known = ("started", "seconds", "hardware", "workers", "seed", "revision", "run_id")
    last = ("packages", "command")
    rest = sorted(key for key in header if key not in known and key not in last)
    facts = []
    for key in (*known, *rest, *last):
        value = header.get(key)
        if value is None or value == "":
            continue
        if key == "packages" and isinstance(value, Mapping):
            facts.append(Fact("Packages", _text(value), folded=f"{len(value)} versions"))
        elif key == "command":
            command = " ".join(map(str, value)) if isinstance(value, list) else _text(value)
            facts.append(Fact("Command", command, wide=True))
        elif key == "seconds" and isinstance(value, int | float):
            facts.append(Fact("Took", _duration(value)))
        elif key == "started":
            facts.append(Fact("Started", _text(value).replace("T", " ").replace("+00:00", " UTC")))
        else:
            facts.append(Fact(key.replace("_", " ").capitalize(), _text(value)))
    return facts


def _text(value: Any) -> str:
    """Words for any JSON value; a long hash is shortened."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(v)}" for key, v in value.items() if v is not None)
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return re.sub(r"\b([0-9a-f]{12})[0-9a-f]{20,}\b", r"\1", str(value))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
