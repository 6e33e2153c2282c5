"""YAML as people write it; what cannot be read is told in a line."""

from __future__ import annotations

from typing import Any

import yaml


def read_yaml(text: str | bytes, where: object) -> Any:
    """The value of ``text``. Raises ValueError, which begins with ``where``, if it has none."""
    try:
        return yaml.safe_load(text.decode("utf-8") if isinstance(text, bytes) else text)
    except RecursionError:
        raise ValueError(f"{where}: not readable YAML: nested too deeply") from None
    # The last four come from the reader's own code: of a tag like !!int before what is no number.
    except (yaml.YAMLError, ValueError, AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"{where}: not readable YAML: {' '.join(str(error).split())}") from error
