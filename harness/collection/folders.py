"""What lies where in a folder of records, and copying a record from one to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..about import about_paths
from ..atomic import write_atomic
from ..record_shape import is_file_name
from ..records import Record, load_record, record_bytes

# Files that rows name by SHA-256: the field of the row is the folder that they lie in.
KINDS = ("scores", "samples")


def records_folder(folder: Path) -> Path:
    """``folder`` itself, or the records below it where it is that of a run.

    Raises ValueError where no record is.
    """
    found = folder / "records" if (folder / "records").is_dir() else folder
    if next(places(found), None) is None:
        why = "has no records" if folder.is_dir() else "is no folder here"
        raise ValueError(
            f"{folder} {why}: name a folder that iqa-eval run has written, or one of records"
        )
    return found


def places(folder: Path) -> Iterator[str]:
    """Where each record lies in ``folder``, in a stable order."""
    return (path.relative_to(folder).as_posix() for path in sorted(folder.glob("*/*/*.json")))


def files_of(record: Record) -> set[tuple[str, str]]:
    """The files that the rows of ``record`` name: (kind, SHA-256)."""
    named = ((kind, getattr(row, kind)) for row in record.rows for kind in KINDS)
    return {(kind, name) for kind, name in named if name}


def file_path(folder: Path, kind: str, name: str) -> Path:
    """Where the file of a kind lies. ValueError for a name that is a path."""
    if not is_file_name(name):
        raise ValueError(f"{name!r} is no SHA-256, so no name of {kind}")
    return folder / kind / f"{name}.parquet"


def copy_record(record: Record, source: Path, target: Path, kinds: Iterable[str] = KINDS) -> None:
    """Write ``record`` of ``source`` to ``target``, after the files of ``kinds`` that it names.

    Labels may be absent, as they are where their license does not let them be passed on.
    """
    for kind, name in sorted(files_of(record)):
        old, new = file_path(source, kind, name), file_path(target, kind, name)
        if kind in kinds and not new.exists() and (kind == "scores" or old.exists()):
            write(new, old.read_bytes())
    write(target / record.path, record_bytes(record))


def about_files(record: Record, source: Path) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of what is told of the model and the dataset of ``record``, where it is."""
    for name in sorted({name for row in record.rows for name in about_paths(row)}):
        if (source / name).is_file():
            yield name, (source / name).read_bytes()


def write(path: Path, data: bytes) -> None:
    """Write what is not there in the same bytes."""
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)


def sweep(folder: Path, suspects: set[tuple[str, str]]) -> None:
    """Remove those of ``suspects`` that no record of ``folder`` names any more."""
    if suspects:
        named = (files_of(load_record(folder / place, edited=True)) for place in places(folder))
        for kind, name in suspects.difference(*named):
            file_path(folder, kind, name).unlink(missing_ok=True)
