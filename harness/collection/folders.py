"""What lies where in a folder of records, and copying a record from one to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..about import about_paths
from ..atomic import write_atomic
from ..record_shape import is_file_name
from ..records import Record, load_record, record_bytes, record_files

# Files that rows name by SHA-256: the field of the row is the folder that they lie in.
KINDS = ("scores", "samples")
# Folders of what lies beside records, with the ends of its names.
BESIDE = (*((kind, ".parquet") for kind in KINDS), ("cards", ".json"), ("datasets", ".json"))


def records_folder(folder: Path) -> Path:
    """``folder`` itself, or the records below it where it is that of a run.

    Raises ValueError where no record is.
    """
    found = folder / "records" if (folder / "records").is_dir() else folder
    if not places(found):
        why = "has no records" if folder.is_dir() else "is no folder here"
        raise ValueError(
            f"{folder} {why}: name a folder that iqa-eval run has written, or one of records"
        )
    return found


def places(folder: Path) -> list[str]:
    """Where each record lies in ``folder``, in a stable order."""
    return [path.relative_to(folder).as_posix() for path in record_files(folder)]


def files_of(record: Record) -> set[tuple[str, str]]:
    """The files that the rows of ``record`` name: (kind, SHA-256)."""
    named = ((kind, getattr(row, kind)) for row in record.rows for kind in KINDS)
    return {(kind, name) for kind, name in named if name}


def file_path(folder: Path, kind: str, name: str) -> Path:
    """Where the file of a kind lies. ValueError for a name that is a path."""
    if not is_file_name(name):
        raise ValueError(f"{name!r} is no SHA-256, so no name of {kind}")
    return folder / kind / f"{name}.parquet"


def beside(record: Record) -> set[str]:
    """Where in its folder all lies that ``record`` is told with: files, card and dataset."""
    files = {file_path(Path(), kind, name).as_posix() for kind, name in files_of(record)}
    return files.union(*(about_paths(row) for row in record.rows))


def copy_record(record: Record, source: Path, target: Path, kinds: Iterable[str] = KINDS) -> None:
    """Write ``record`` of ``source`` to ``target``, after the files of ``kinds`` that it names.

    Labels may be absent, as they are where their license does not let them be passed on.
    """
    for kind, name in sorted(files_of(record)):
        old, new = file_path(source, kind, name), file_path(target, kind, name)
        if kind in kinds and not new.exists() and (kind == "scores" or old.exists()):
            write(target, new.relative_to(target).as_posix(), old.read_bytes())
    write(target, record.path, record_bytes(record))


def about_files(record: Record, source: Path) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of what is told of the model and the dataset of ``record``, where it is."""
    for name in sorted({name for row in record.rows for name in about_paths(row)}):
        if (source / name).is_file():
            yield name, (source / name).read_bytes()


def require_writable(folder: Path, records: Iterable[Record]) -> None:
    """Raise ValueError if a link is in the way of writing ``records``, with all beside them."""
    if folder.is_symlink() and not folder.exists():
        raise ValueError(f"{folder} is a link to {folder.readlink()}, where no folder is")
    names = {name for record in records for name in (record.path, *beside(record))}
    for name in sorted(names):
        _require_inside(folder, name)


def write(folder: Path, name: str, data: bytes) -> None:
    """Write ``name`` below ``folder``, if it is not there in the same bytes.

    Raises ValueError where a link takes it out of ``folder``.
    """
    _require_inside(folder, name)
    path = folder / name
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)


def sweep(folder: Path, suspects: set[str]) -> None:
    """Remove what of ``suspects``, paths in ``folder``, no record of it names any more."""
    if suspects:
        named = (beside(load_record(folder / place, edited=True)) for place in places(folder))
        for name in sorted(suspects.difference(*named)):
            if _leads_out(folder, name) is None:
                (folder / name).unlink(missing_ok=True)


def _require_inside(folder: Path, name: str) -> None:
    if (target := _leads_out(folder, name)) is not None:
        raise ValueError(
            f"{(folder / name).parent} leads through a link to {target}, which is not in {folder}"
        )


def _leads_out(folder: Path, name: str) -> Path | None:
    """Where a link takes the folder of ``name`` to, if that is out of ``folder``."""
    found = (folder / name).parent.resolve()
    return None if found.is_relative_to(folder.resolve()) else found
