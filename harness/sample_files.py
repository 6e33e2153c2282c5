"""Files of single samples beside records: scores, and contents and labels, by their SHA-256.

``records/scores/<sha256>.parquet`` (id, score) and ``records/samples/<sha256>.parquet`` (id,
content, label). The same values give the same bytes with the same version of pyarrow.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic import write_atomic

if TYPE_CHECKING:
    import pandas as pd

    from .sample import Sample


def write_scores(folder: Path, scores: Mapping[str, float]) -> str:
    """Store per-sample scores (sorted by id, float64) under their SHA-256, which is returned."""
    import pyarrow as pa

    ids = sorted(scores)
    values = [float(scores[i]) for i in ids]
    columns = {"id": pa.array(ids, pa.string()), "score": pa.array(values, pa.float64())}
    return _store(folder / "scores", columns)


def read_scores(folder: Path, name: str) -> dict[str, float]:
    """The per-sample scores stored under ``name``; ValueError if the file is not what it was."""
    table = _stored(folder / "scores", name)
    return dict(zip(table["id"].to_pylist(), table["score"].to_pylist(), strict=True))


def write_samples(folder: Path, samples: Iterable[Sample]) -> str:
    """Store id, content and label of ``samples`` under their SHA-256, which is returned.

    The labels of some datasets may not be passed on: these files stay with the run.
    """
    import pyarrow as pa

    rows = sorted((s.id, s.content, s.label) for s in samples)
    ids, contents, labels = zip(*rows, strict=True)
    columns = {
        "id": pa.array(ids, pa.string()),
        "content": pa.array(contents, pa.string()),
        "label": pa.array(labels, pa.float64()),
    }
    return _store(folder / "samples", columns)


def read_samples(folder: Path, name: str) -> pd.DataFrame:
    """The samples stored under ``name``: content and label (NaN for none), by id.

    Raises ValueError if the file is not what it was.
    """
    return _stored(folder / "samples", name).to_pandas().set_index("id")


def _store(folder: Path, columns: Mapping[str, Any]) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    data = buffer.getvalue()
    name = hashlib.sha256(data).hexdigest()
    path = folder / f"{name}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)
    return name


def _stored(folder: Path, name: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = (folder / f"{name}.parquet").read_bytes()
    if hashlib.sha256(data).hexdigest() != name:
        raise ValueError(f"the {folder.name} {name[:12]}… do not match their checksum")
    # In this thread alone: a thread of Arrow's that still lets go of what Python holds while the
    # program ends would abort it.
    return pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
