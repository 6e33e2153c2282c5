"""The run header: when, where and with what; kept apart from the records' compared bytes."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .cells import LIBRARIES, library_version

_PACKAGES = ("iqa-eval", *LIBRARIES, "kornia", "scipy", "scikit-image", "scikit-learn", "pyiqa")


def run_header(
    *, seed: int, workers: int, device: str, seconds: float, computed: int, reused: int
) -> dict[str, Any]:
    """Everything about a run that may differ between two runs with equal records."""
    return {
        "run_id": uuid.uuid4().hex,
        "started": datetime.fromtimestamp(time.time() - seconds, UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "command": " ".join(["iqa-eval", *sys.argv[1:]]),
        "hardware": {
            "machine": platform.machine(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "device": device,
        },
        "workers": workers,
        "results_computed": computed,
        "results_reused": reused,
        "revision": _revision(),
        "python": platform.python_version(),
        "packages": {name: library_version(name) for name in _PACKAGES},
        "seed": seed,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _revision() -> str:
    """The commit of the code, with "+changes" where the tree has uncommitted ones."""
    here = Path(__file__).parent
    # A file that git does not track lies in an environment inside somebody else's checkout.
    commands = (
        ["ls-files", "--error-unmatch", Path(__file__).name],
        ["rev-parse", "HEAD"],
        ["status", "--porcelain", "--untracked-files=no"],
    )
    try:
        _, commit, changes = (
            subprocess.run(
                ["git", *c], cwd=here, capture_output=True, text=True, check=True, timeout=10
            ).stdout.strip()
            for c in commands
        )
    except (OSError, subprocess.SubprocessError):
        return "not a git checkout"
    return f"{commit}+changes" if changes else commit
