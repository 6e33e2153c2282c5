"""What a file's first bytes say, before anything is decoded: its format, HDR, camera raw."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from PIL import TiffImagePlugin

SUPPORTED = "JPEG, PNG, TIFF, WebP, AVIF, GIF, BMP, PNM"
_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",  # BigTIFF
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    **{b"P%d" % n + space: "PNM" for n in range(1, 7) for space in (b" ", b"\n", b"\r", b"\t")},
}
_HDR_MAGIC = {
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance",
    b"#?RGBE": "Radiance",
    b"PF\n": "floating-point PFM",
    b"Pf\n": "floating-point PFM",
}
_OTHER_MAGIC = {
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"MM\0+": "big-endian BigTIFF",
    b"8BPS": "Photoshop",
    b"qoif": "QOI",
    b"%PDF": "PDF",
    b"\0\0\x01\0": "ICO",
}
HDR_TRANSFER = {16: "PQ transfer", 18: "HLG transfer"}  # ITU-T H.273, table 3
_LOG_LUV = (32844, 32845)
_DNG_VERSION = 50706
_NEW_SUBFILE_TYPE = 254


class UnusableImageError(Exception):
    """A file that cannot be scored; the message is the one-line reason, free of paths."""


def hdr(what: str) -> UnusableImageError:
    """The error for an image whose values are not display-referred SDR."""
    return UnusableImageError(f"HDR ({what}): tone-map it to an SDR image first")


def sniff(head: bytes) -> str:
    """Name the format from a file's first 64 bytes (never from its extension).

    Raises UnusableImageError for an empty file, an HDR format, a format known but not read here, or
    no image at all.
    """
    if not head:
        raise UnusableImageError("empty file")
    for magic, name in _HDR_MAGIC.items():
        if head.startswith(magic):
            raise hdr(name)
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    other = next((name for magic, name in _OTHER_MAGIC.items() if head.startswith(magic)), None)
    if head[4:8] == b"ftyp":
        brands = {head[i : i + 4] for i in (8, *range(16, len(head), 4))}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        other = "HEIF" if brands & {b"mif1", b"msf1", b"heic", b"heix"} else other
    if other:
        raise UnusableImageError(f"unsupported format {other}: convert it to PNG")
    raise UnusableImageError(f"not an image in a supported format ({SUPPORTED})")


def check_header(file: BinaryIO, image_format: str) -> int | None:
    """Refuse HDR and camera-raw files by their header; leaves the file at its start.

    Returns the H.273 color primaries that a PNG or an AVIF declares by code point, or None.
    Raises UnusableImageError, and struct.error where the header is malformed.
    """
    code_points = None
    if image_format == "TIFF":
        _check_tiff(file)
    elif image_format == "PNG":
        code_points = _png_cicp(file)
    elif image_format == "AVIF":
        code_points = _avif_nclx(file.read())
    file.seek(0)
    if code_points is None:
        return None
    primaries, transfer = code_points
    if transfer in HDR_TRANSFER:
        raise hdr(HDR_TRANSFER[transfer])
    return primaries


def _check_tiff(file: BinaryIO) -> None:
    """Refuse what Pillow misreads: floats, planes apart, camera raw (page one is a preview)."""
    head = file.read(16)
    directory = TiffImagePlugin.ImageFileDirectory_v2(head if b"+" in head[2:4] else head[:8])
    file.seek(directory.next)
    directory.load(file)
    formats = directory.get(TiffImagePlugin.SAMPLEFORMAT, ())
    photometric = directory.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION)
    if formats == 3 or (isinstance(formats, tuple) and 3 in formats) or photometric in _LOG_LUV:
        raise hdr("floating-point TIFF")
    if directory.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2:
        raise UnusableImageError("unsupported format planar TIFF: convert it to PNG")
    preview = directory.get(_NEW_SUBFILE_TYPE, 0) & 1
    if preview or _DNG_VERSION in directory or head[8:10] == b"CR":
        raise UnusableImageError("unsupported format camera raw: develop it to PNG or TIFF")


def _png_cicp(file: BinaryIO) -> tuple[int, int] | None:
    """(primaries, transfer) of a PNG's cICP chunk (PNG, third edition, 11.3.2.6)."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"cICP":
            return struct.unpack("BB", file.read(2))
        if kind == b"IDAT":
            break
        file.seek(length + 4, 1)
    return None


def _avif_nclx(data: bytes) -> tuple[int, int] | None:
    """(primaries, transfer) of the primary item's `colr` property (ISO/IEC 23008-12, 6.5.5).

    Only the primary item counts: an SDR base with a gain map also carries an HDR item.
    """
    meta = dict(_boxes(dict(_boxes(data)).get(b"meta", b"")[4:]))
    if b"pitm" not in meta or b"iprp" not in meta:
        return None
    primary = int.from_bytes(meta[b"pitm"][4:8] if meta[b"pitm"][0] else meta[b"pitm"][4:6])
    iprp = list(_boxes(meta[b"iprp"]))
    properties = [box for kind, body in iprp if kind == b"ipco" for box in _boxes(body)]
    for kind, body in iprp:
        for index in _associations(body, primary) if kind == b"ipma" else ():
            name, value = properties[index - 1] if 0 < index <= len(properties) else (b"", b"")
            if name == b"colr" and value[:4] == b"nclx":
                return struct.unpack_from(">HH", value, 4)
    return None


def _associations(ipma: bytes, item: int) -> Iterator[int]:
    """The 1-based property indices that an item-property-association box gives one item."""
    item_format, wide = (">I" if ipma[0] else ">H"), ipma[3] & 1
    (entries,) = struct.unpack_from(">I", ipma, 4)
    at = 8
    for _ in range(entries):
        (this,) = struct.unpack_from(item_format, ipma, at)
        at += struct.calcsize(item_format)
        count, at = ipma[at], at + 1
        for _ in range(count):
            if this == item:
                yield (int.from_bytes(ipma[at : at + 2]) & 0x7FFF) if wide else ipma[at] & 0x7F
            at += 1 + wide


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, payload) of each ISO base media box in a buffer."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        end = at + size if size else len(data)
        if end < at + head:
            return
        yield kind, data[at + head : end]
        at = end
