"""Records of older schemas, brought to the newest, one step at a time.

Every change of what a record's file holds gets the next number and a step here; a step is a pure
function of the file's content, and files of each older schema are kept as fixtures of the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

SCHEMA = 2


def _from_1(content: Mapping[str, Any]) -> dict[str, Any]:
    """Which samples a row rests on, and what its model's card tolerates, was not written yet.

    Neither was the digest, and none is made up: a hand-edited value cannot be told any more.
    """
    shared = content.get("shared")
    if isinstance(shared, dict):
        shared = {"samples": None, "tolerance": None, **shared}
    return {**content, "schema": 2, "shared": shared}


STEPS: Mapping[int, Callable[[Mapping[str, Any]], dict[str, Any]]] = {1: _from_1}


def upgraded(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """``content`` in the newest schema; ValueError for one that is unknown.

    Its parts need not be of the types that they should have.
    """
    if not isinstance(content, Mapping):
        raise ValueError("it is no JSON object")
    while (schema := content.get("schema")) != SCHEMA or type(schema) is not int:
        if type(schema) is not int or schema not in STEPS:
            raise ValueError(f"schema {schema}, this version reads 1 to {SCHEMA}")
        content = STEPS[schema](content)
    return content
