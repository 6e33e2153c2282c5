"""``scores:FILE.csv``: scores made elsewhere, in MATLAB or a closed tool, by sample id."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.model import Family, ModelCard, Weights

from .loading import refuse

SIGNS = {"higher": 1.0, "lower": -1.0}


class FileScores:
    """Known scores, higher is better; what has no score in the file is a failure of the run."""

    def __init__(self, scores_by_id: dict[str, float], card: ModelCard) -> None:
        self.scores_by_id, self.card = scores_by_id, card


def load(path: str, *, direction: str | None = None, **options: Any) -> FileScores:
    """The scores of a UTF-8 CSV file with a header and the columns ``id`` and ``score``.

    ``direction`` says which scores are better, "higher" (default) or "lower"; a column of that
    name may say it instead. Ids match sample ids exactly. Raises ValueError, in one line, for a
    file that is missing, no such table, or holds a score that is no number or an id twice.
    """
    refuse(f"scores:{path}", options, ("direction",))
    file = Path(path)
    try:
        raw = file.read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a CSV file in UTF-8") from None
    try:
        scores = _scores(text, direction)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path}: {error}") from None
    sha256 = hashlib.sha256(raw).hexdigest()
    card = ModelCard(
        name=f"scores:{file.stem}",
        version="1",
        mode="NR",
        summary=f"scores made elsewhere, from {file.name}",
        license="not stated",
        weights=(Weights(file.name, sha256),),
        trained_on=None,
        options={"sha256": sha256[:16]} | ({"direction": direction} if direction else {}),
    )
    return FileScores(scores, card)


def _scores(text: str, direction: str | None) -> dict[str, float]:
    if direction is not None:
        _check_direction(direction, "option direction")
    scores: dict[str, float] = {}
    stated = direction
    for line, row in _rows(text):
        name, score = row["id"], _number(row["score"], line)
        if name in scores:
            raise ValueError(f"line {line}: the id {name!r} appears twice")
        if "direction" in row:
            _check_direction(row["direction"], f"line {line}")
            if stated not in (None, row["direction"]):
                raise ValueError(f"line {line}: direction {row['direction']!r} after {stated!r}")
            stated = row["direction"]
        scores[name] = score
    if not scores:
        raise ValueError("it holds no scores")
    sign = SIGNS[stated or "higher"]
    return {name: sign * score for name, score in scores.items()}


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row, by column, with its line; strict, so that a broken quote is no long field."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = [column.strip() for column in next(reader, [])]
    if len(set(header)) != len(header) or not {"id", "score"} <= set(header):
        shown = ", ".join(header)[:80] or "nothing"
        raise ValueError(f"needs a header with the columns id and score, each once; has: {shown}")
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            raise ValueError(
                f"line {reader.line_num}: {len(row)} fields under {len(header)} columns"
            )
        yield reader.line_num, dict(zip(header, row, strict=True))


def _number(text: str, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"line {line}: the score {text!r} is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"line {line}: the score {text!r} is not finite")
    return value


def _check_direction(direction: str, where: str) -> None:
    if direction not in SIGNS:
        raise ValueError(f"{where}: {direction!r} is neither 'higher' nor 'lower'")


FAMILY = Family(load, "a CSV file of scores made elsewhere: id, score, direction")
