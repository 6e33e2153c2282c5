"""How much memory the pictures of a fit may take."""

from __future__ import annotations

import os
from multiprocessing import parent_process
from pathlib import Path

_SHARE = 4  # a quarter of what there is
_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of the container, on Linux; "max" where there is none


def for_pictures() -> int:
    """Bytes: a quarter of the memory, which fits in worker processes divide, a worker a core."""
    workers = 1 if parent_process() is None else os.cpu_count() or 1
    return _memory() // _SHARE // workers


def _memory() -> int:
    """Bytes of the machine, or of the container that this runs in."""
    found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = _LIMIT.read_text().strip() if _LIMIT.is_file() else ""
    return min(found, int(limit)) if limit.isdecimal() else found
