"""How a run computes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .images import DecodePolicy

if TYPE_CHECKING:
    from .job import Job


@dataclass(frozen=True)
class Settings:
    """How to compute; nothing here changes a result but ``policy`` and ``device``."""

    cells: Path  # the store's folder
    policy: DecodePolicy
    workers: int = 1
    device: str = "cpu"
    retry_failed: bool = False
    progress: bool = True

    @property
    def fits(self) -> Path:
        """The folder of what fits leave, beside the store."""
        return self.cells.parent / "fits"

    @property
    def decoders(self) -> int:
        """Processes that decode ahead of an accelerator; on a CPU each worker decodes itself."""
        return 0 if self.device == "cpu" else self.workers

    def device_of(self, job: Job) -> str:
        """The kind of device that ``job`` computes on: a model that cannot move stays put."""
        return self.device.partition(":")[0] if hasattr(job.model, "to") else "cpu"
