"""The leaderboard's page, with all its numbers in it."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from ..canonical import slug
from ..collection.board import Board
from ..reports.site.words import WORDS
from .facts import mode_of
from .leaderboard import compared, leaderboard
from .pages import render
from .standing import ALPHA


def index_page(board: Board) -> dict[str, bytes]:
    """``index.html``: every study of the board, to be sorted, filtered and compared."""
    content = leaderboard(board)
    page = render(
        "index.html.j2",
        root="",
        active="leaderboard",
        board=board,
        studies=content["studies"],
        datasets={row.dataset: f"datasets/{slug(row.dataset)}.html" for row in board.rows},
        modes=sorted({mode for subject in board.subjects if (mode := mode_of(subject))}),
        cost=content["cost"],
        alpha=ALPHA,
        words=WORDS,
        data=inline_json(content),
        pairs=inline_json(compared(board)),
    )
    return {"index.html": page}


def inline_json(value: Any) -> Markup:
    """JSON that may stand in a script element: nothing in it can end that element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
