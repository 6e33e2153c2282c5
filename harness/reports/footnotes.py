"""The footnotes of a table: what they go by, and the table with them written out as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .layout import Cell, Line, Note, Table

# Small letters of which Unicode has raised ones.
_LETTERS = "abcdefghijklmnoprstuvwxyz"
_RAISED = dict(zip(_LETTERS, "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True))


def footnotes(table: Table) -> dict[Note, str]:
    """Each footnote once, in reading order, with the sign or letter that it goes by."""
    cells = (cell for line in (*table.lines, *table.apart) for cell in line)
    found = dict.fromkeys(note for cell in cells for note in cell.notes)
    lettered = [note for note in found if not note.sign]
    letters = {note: _letter(i) for i, note in enumerate(lettered)}
    return {note: note.sign or letters[note] for note in found}


def signs_of(cell: Cell, signs: Mapping[Note, str]) -> str:
    """What stands behind the text of ``cell``: signs, then letters in their order."""
    own = sorted({signs[note] for note in cell.notes}, key=lambda sign: (sign.isalpha(), sign))
    return "".join(own)


def with_footnotes(table: Table) -> Table:
    """``table`` with raised signs behind its texts and the footnotes before its notes."""
    signs = footnotes(table)
    if not signs:
        return table

    def cell(one: Cell) -> Cell:
        return replace(one, text=one.text + _raised(signs_of(one, signs)), notes=())

    def lines(part: tuple[Line, ...]) -> tuple[Line, ...]:
        return tuple(tuple(map(cell, line)) for line in part)

    said = (f"{_raised(sign)} {note.text}" for note, sign in signs.items())
    return replace(
        table, lines=lines(table.lines), apart=lines(table.apart), notes=(*said, *table.notes)
    )


def _letter(i: int) -> str:
    """a, b, …, z, aa, bb, …"""
    return _LETTERS[i % len(_LETTERS)] * (1 + i // len(_LETTERS))


def _raised(sign: str) -> str:
    return "".join(_RAISED.get(char, char) for char in sign)
