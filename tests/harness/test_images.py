"""Every picture is built here, and compared with values worked out apart from the decoder."""

import io
import re
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

import harness
from harness.images import Decoded, DecodePolicy, Failure, decode

RNG = np.random.default_rng(7)
RGB = RNG.integers(0, 256, (21, 34, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (21, 34, 4), dtype=np.uint16)
RAMP = np.arange(65536, dtype=np.uint16).reshape(256, 256)


def rounded(samples):
    return np.rint(samples / 257).astype(np.uint8)


def pixels(source, policy=None, warnings=()):
    """The decoded picture as [H, W, 3], after checks that hold for every picture."""
    result = decode(source) if policy is None else decode(source, policy)
    assert isinstance(result, Decoded), result
    assert result.warnings == tuple(warnings)
    assert result.image.dtype == torch.uint8
    assert result.image.is_contiguous()
    return result.image.permute(1, 2, 0).numpy()


def reason(source, policy=None):
    result = decode(source) if policy is None else decode(source, policy)
    assert isinstance(result, Failure), result
    assert result.reason
    assert "\n" not in result.reason
    return result.reason


def saved(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def picture(array=RGB):
    return Image.fromarray(array)


def gray3(plane):
    return np.repeat(plane[..., None], 3, 2)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(array, color, depth, *extra):
    """A PNG written by hand: Pillow cannot write 16-bit color. `extra` chunks precede the data."""
    height, width = array.shape[:2]
    rows = np.ascontiguousarray(array.astype(">u2" if depth == 16 else "u1")).view(np.uint8)
    rows = np.pad(rows.reshape(height, -1), ((0, 0), (1, 0)))  # filter type 0
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows.tobytes()))
    return b"".join(
        (b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *extra, data, chunk(b"IEND", b""))
    )


def tiff(array, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def patched(data, old, new):
    assert old in data
    return data.replace(old, new)


# Plain files


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("PPM", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_deflate"}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_lossless_formats_keep_every_value(file_format, options):
    np.testing.assert_array_equal(pixels(saved(picture(), file_format, **options)), RGB)


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "AVIF"])
def test_lossy_formats_are_what_pillow_decodes(file_format):
    data = saved(picture(), file_format, quality=80)
    np.testing.assert_array_equal(
        pixels(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    )


def test_the_content_tells_the_format_and_a_path_is_like_its_bytes(tmp_path):
    path = tmp_path / "photograph.jpg"
    path.write_bytes(saved(picture(), "PNG"))
    for source in (path, str(path), path.read_bytes()):
        np.testing.assert_array_equal(pixels(source), RGB)


def test_the_policy_names_what_changes_values():
    assert DecodePolicy().name == "exif-srgb@1"
    assert DecodePolicy("ignore").name == "exif-ignore@1"
    assert DecodePolicy(max_pixels=9).name == DecodePolicy().name
    with pytest.raises(ValueError, match="'srgb' or 'ignore'"):
        DecodePolicy("none")


# Orientation

UPRIGHT = {  # what a viewer does to the stored rows, TIFF 6.0 tag 274
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_orientation(orientation):
    expected = UPRIGHT[orientation](RGB)
    block = exif(orientation)
    for data in (
        saved(picture(), "PNG", exif=block),
        saved(picture(), "WEBP", lossless=True, exif=block),
        saved(picture(), "TIFF", exif=block),
        saved(picture(), "TIFF", compression="tiff_lzw", exif=block),
    ):
        np.testing.assert_array_equal(pixels(data), expected)
    jpeg = saved(picture(), "JPEG", exif=block)
    stored = np.asarray(Image.open(io.BytesIO(jpeg)))
    np.testing.assert_array_equal(pixels(jpeg), UPRIGHT[orientation](stored))
    deep = png(DEEP[..., :3], 2, 16, chunk(b"eXIf", block.removeprefix(b"Exif\0\0")))
    np.testing.assert_array_equal(pixels(deep), UPRIGHT[orientation](rounded(DEEP[..., :3])))
    deep = tiff(DEEP[..., :3], photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    np.testing.assert_array_equal(pixels(deep), UPRIGHT[orientation](rounded(DEEP[..., :3])))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_corrupt_exif_block_does_not_lose_the_picture():
    note = "EXIF unreadable, ignored"
    data = saved(picture(), "PNG", exif=b"Exif\0\0 no such thing")
    np.testing.assert_array_equal(pixels(data, warnings=[note]), RGB)
    data = saved(picture(), "WEBP", lossless=True, exif=b"Exif\0\0 no such thing")
    np.testing.assert_array_equal(pixels(data, warnings=[note]), RGB)
    for junk in (b"Exif\0\0 no such thing", exif(6)[:-9], exif(6).replace(b"\x12\x01", b"\0\0")):
        assert isinstance(decode(saved(picture(), "JPEG", exif=junk)), Decoded)


# 16 bits

BYTE_ORDERS = pytest.mark.parametrize("order", ["<", ">"])


def test_every_16_bit_gray_level():
    expected = gray3(rounded(RAMP))
    for data in (
        saved(Image.fromarray(RAMP), "PNG"),
        saved(Image.fromarray(RAMP), "TIFF"),
        saved(Image.fromarray(RAMP), "TIFF", compression="tiff_lzw"),
        b"P5 256 256 65535\n" + RAMP.astype(">u2").tobytes(),
        png(np.stack([RAMP, RAMP[::-1]], -1), 4, 16),
    ):
        warnings = ["alpha channel dropped"] if data[25:26] == b"\x04" else []
        np.testing.assert_array_equal(pixels(data, warnings=warnings), expected)


def test_every_16_bit_level_of_a_color():
    samples = np.stack([RAMP, RAMP.T, RAMP[::-1]], -1)
    np.testing.assert_array_equal(pixels(png(samples, 2, 16)), rounded(samples))
    np.testing.assert_array_equal(pixels(tiff(samples, photometric="rgb")), rounded(samples))


def test_16_bit_color_with_alpha():
    dropped = ["alpha channel dropped"]
    expected = rounded(DEEP[..., :3])
    np.testing.assert_array_equal(pixels(png(DEEP, 6, 16), warnings=dropped), expected)
    data = tiff(DEEP, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(pixels(data, warnings=dropped), expected)
    data = tiff(DEEP, photometric="rgb", extrasamples=["assocalpha"])
    assert "premultiplied 16-bit TIFF" in reason(data)


@BYTE_ORDERS
@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib"}, {"tile": (16, 16)}, {"compression": "zlib", "predictor": True}],
)
def test_16_bit_tiff(order, options):
    rgb = DEEP[..., :3]
    data = tiff(rgb, photometric="rgb", byteorder=order, **options)
    np.testing.assert_array_equal(pixels(data), rounded(rgb))
    data = tiff(rgb[..., 0], photometric="minisblack", byteorder=order, **options)
    np.testing.assert_array_equal(pixels(data), gray3(rounded(rgb[..., 0])))


def test_16_bit_tiff_where_white_is_zero():
    data = tiff(RAMP, photometric="miniswhite", byteorder="<")
    np.testing.assert_array_equal(pixels(data), gray3(rounded(65535 - RAMP.astype(int))))


def test_12_bit_tiff():
    levels = np.arange(0, 4096, 15)[:272]
    first, second = levels[::2], levels[1::2]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], 1)
    data = packed.astype(np.uint8).tobytes()
    tags = [(256, 272), (257, 1), (258, 12), (259, 1), (262, 1), (277, 1), (278, 1)]
    tags += [(273, 8), (279, len(data))]
    directory = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags)
    )
    head = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    expected = np.rint(levels * 255 / 4095).astype(np.uint8)
    np.testing.assert_array_equal(pixels(head + data + directory + bytes(4))[0, :, 0], expected)


def test_16_bit_ppm():
    rgb = DEEP[..., :3]
    data = b"P6 34 21 65535\n" + rgb.astype(">u2").tobytes()
    np.testing.assert_array_equal(pixels(data), rounded(rgb))


# Other color modes


def test_gray_and_black_and_white():
    gray = RGB[..., 0]
    for file_format in ("PNG", "BMP", "TIFF", "PPM"):
        np.testing.assert_array_equal(pixels(saved(picture(gray), file_format)), gray3(gray))
    bits = gray > 99
    for file_format in ("PNG", "BMP", "TIFF", "PPM"):
        data = saved(Image.fromarray(bits), file_format)
        np.testing.assert_array_equal(pixels(data), gray3(bits * np.uint8(255)))


def test_alpha_is_dropped_not_composited():
    dropped = ["alpha channel dropped"]
    rgba = np.concatenate([RGB, RGB[..., :1]], -1)
    np.testing.assert_array_equal(pixels(saved(picture(rgba), "PNG"), warnings=dropped), RGB)
    np.testing.assert_array_equal(pixels(saved(picture(rgba), "TIFF"), warnings=dropped), RGB)
    la = Image.fromarray(RGB[..., :2].copy(), "LA")
    np.testing.assert_array_equal(pixels(saved(la, "PNG"), warnings=dropped), gray3(RGB[..., 0]))
    opaque = np.concatenate([RGB, np.full_like(RGB[..., :1], 255)], -1)
    for file_format in ("PNG", "TIFF", "WebP"):
        options = {"lossless": True} if file_format == "WebP" else {}
        np.testing.assert_array_equal(pixels(saved(picture(opaque), file_format, **options)), RGB)
    opaque[3, 4, 3] = 254
    np.testing.assert_array_equal(pixels(saved(picture(opaque), "PNG"), warnings=dropped), RGB)
    keyed = png(RGB, 2, 8, chunk(b"tRNS", struct.pack(">3H", *RGB[0, 0])))
    np.testing.assert_array_equal(pixels(keyed, warnings=dropped), RGB)


def test_premultiplied_gray_is_divided_by_its_alpha():
    samples = np.array([[[40, 80], [40, 160], [200, 200], [7, 255]]], np.uint8)
    data = tiff(samples, photometric="minisblack", extrasamples=["assocalpha"], planarconfig=1)
    expected = samples[..., 0].astype(int) * 255 // samples[..., 1]
    np.testing.assert_array_equal(
        pixels(data, warnings=["alpha channel dropped"]), gray3(expected.astype(np.uint8))
    )


@pytest.mark.filterwarnings("error")
def test_palette():
    colors = RNG.integers(0, 256, (256, 3), dtype=np.uint8)
    index = RGB[..., 0]
    image = Image.fromarray(index, "P")
    image.putpalette(colors.tobytes())
    for file_format in ("PNG", "GIF", "BMP", "TIFF"):
        np.testing.assert_array_equal(pixels(saved(image, file_format)), colors[index])
    for transparency in (5, bytes(range(256))):
        data = saved(image, "PNG", transparency=transparency)
        np.testing.assert_array_equal(
            pixels(data, warnings=["alpha channel dropped"]), colors[index]
        )


CONVERTED = ["CMYK converted to RGB"]


@pytest.mark.parametrize(("file_format", "options"), [("TIFF", {}), ("JPEG", {"quality": 100})])
def test_cmyk_without_a_profile(file_format, options):
    cmyk = np.full((16, 16, 4), (30, 90, 200, 60), np.uint8)
    ink = cmyk[..., :3].astype(float) / 255
    expected = 255 * (1 - ink) * (1 - cmyk[..., 3:] / 255)
    data = saved(Image.fromarray(cmyk, "CMYK"), file_format, **options)
    found = pixels(data, warnings=CONVERTED)
    assert np.abs(found - expected).max() <= 2


def test_16_bit_cmyk():
    expected = Image.frombytes("CMYK", (34, 21), rounded(DEEP).tobytes()).convert("RGB")
    found = pixels(tiff(DEEP, photometric="separated"), warnings=CONVERTED)
    np.testing.assert_array_equal(found, np.asarray(expected))


# ICC profiles

D50 = (0.9642, 1.0, 0.8249)
SRGB_COLORANTS = (
    (0.43607, 0.22249, 0.01392),
    (0.38515, 0.71687, 0.09708),
    (0.14307, 0.06061, 0.7141),
)
ADOBE_COLORANTS = (
    (0.60974, 0.31111, 0.01947),
    (0.20528, 0.62567, 0.06087),
    (0.14919, 0.06322, 0.74457),
)
GAMMA = 563 / 256


def fixed(*values):
    return b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def curve(*entries):
    return b"curv" + struct.pack(f">II{len(entries)}H", 0, len(entries), *entries)


def profile(space, tags, name="a test", kind=b"mntr"):
    """An ICC version 2 profile from its tags."""
    text = name.encode() + b"\0"
    tags = {
        b"desc": b"desc" + struct.pack(">II", 0, len(text)) + text + bytes(78),
        b"wtpt": b"XYZ \0\0\0\0" + fixed(*D50),
        **tags,
    }
    table, data = b"", b""
    for tag, value in tags.items():
        table += tag + struct.pack(">II", 132 + 12 * len(tags) + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    pcs = b"Lab " if b"A2B0" in tags else b"XYZ "
    head = struct.pack(
        ">I4sI4s4s4s", 132 + len(table) + len(data), bytes(4), 2 << 24, kind, space, pcs
    )
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(*D50)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def rgb_profile(colorants, response, **options):
    tags = {
        k + b"XYZ": b"XYZ \0\0\0\0" + fixed(*c)
        for k, c in zip((b"r", b"g", b"b"), colorants, strict=True)
    }
    return profile(b"RGB ", tags | {k + b"TRC": response for k in (b"r", b"g", b"b")}, **options)


def encode_srgb(linear):
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


ADOBE = rgb_profile(ADOBE_COLORANTS, curve(563))
_X = np.linspace(0, 1, 1024)
_LINEAR = np.where(_X <= 0.04045, _X / 12.92, ((_X + 0.055) / 1.055) ** 2.4)
SRGB = rgb_profile(SRGB_COLORANTS, curve(*np.rint(65535 * _LINEAR).astype(int)))


@pytest.mark.parametrize(
    ("colorants", "icc"),
    [(ADOBE_COLORANTS, ADOBE), (SRGB_COLORANTS, rgb_profile(SRGB_COLORANTS, curve(563)))],
)
def test_rgb_profile(colorants, icc):
    xyz = (RGB / 255) ** GAMMA @ np.array(colorants)
    expected = encode_srgb(xyz @ np.linalg.inv(np.array(SRGB_COLORANTS)))
    for file_format in ("PNG", "TIFF"):
        data = saved(picture(), file_format, icc_profile=icc)
        assert np.abs(pixels(data) - expected).max() <= 1.5
        assert np.abs(pixels(data).astype(int) - RGB).max() > 5
        np.testing.assert_array_equal(pixels(data, DecodePolicy("ignore")), RGB)


def test_profile_of_a_16_bit_picture():
    compressed = chunk(b"iCCP", b"x\0\0" + zlib.compress(ADOBE))
    found = pixels(png(DEEP[..., :3], 2, 16, compressed))
    small = saved(picture(rounded(DEEP[..., :3])), "PNG", icc_profile=ADOBE)
    np.testing.assert_array_equal(found, pixels(small))


@pytest.mark.parametrize(
    "icc", [SRGB, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()]
)
def test_an_srgb_profile_leaves_every_value(icc):
    np.testing.assert_array_equal(pixels(saved(picture(), "PNG", icc_profile=icc)), RGB)


def test_gray_profile():
    icc = profile(b"GRAY", {b"kTRC": curve(256)})  # gamma 1
    levels = np.arange(256, dtype=np.uint8)[None]
    expected = encode_srgb(levels / 255)
    found = pixels(saved(picture(levels), "PNG", icc_profile=icc))
    assert np.abs(found - expected[..., None]).max() <= 1
    warnings = ["ICC profile unreadable, ignored"]
    found = pixels(saved(picture(), "PNG", icc_profile=icc), warnings=warnings)
    np.testing.assert_array_equal(found, RGB)


def test_a_gray_picture_with_an_rgb_profile():
    gray = RGB[..., 0]
    expected = pixels(saved(picture(gray3(gray)), "PNG", icc_profile=ADOBE))
    np.testing.assert_array_equal(pixels(saved(picture(gray), "PNG", icc_profile=ADOBE)), expected)


def test_cmyk_profile():
    """16 combinations of inks, each a gray of its own lightness in the profile's table."""
    inks = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), -1).reshape(16, 4)
    steps = 15 - inks @ [1, 2, 4, 8]
    table = np.stack([17 * steps, np.full(16, 128), np.full(16, 128)], 1).astype(np.uint8)
    identity = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut += identity * 4 + table.tobytes() + identity * 3
    icc = profile(b"CMYK", {b"A2B0": lut}, kind=b"prtr")
    lightness = 100 * steps / 15
    luminance = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3)
    image = Image.fromarray((inks * 255).astype(np.uint8)[None], "CMYK")
    found = pixels(saved(image, "TIFF", icc_profile=icc), warnings=CONVERTED)
    assert np.abs(found - encode_srgb(luminance)[None, :, None]).max() <= 2
    ignored = pixels(
        saved(image, "TIFF", icc_profile=icc), DecodePolicy("ignore"), warnings=CONVERTED
    )
    np.testing.assert_array_equal(ignored, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(
    "icc",
    [b"no", ADOBE[:200], *(ADOBE[:16] + c + ADOBE[20:] for c in (b"CMYK", b"\xff\xfe\xfd\xfc"))],
)
def test_a_broken_profile_is_ignored_with_a_warning(icc):
    data = saved(picture(), "PNG", icc_profile=icc)
    np.testing.assert_array_equal(pixels(data, warnings=["ICC profile unreadable, ignored"]), RGB)
    np.testing.assert_array_equal(pixels(data, DecodePolicy("ignore")), RGB)


# HDR


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\x76\x2f\x31\x01" + bytes(99), "OpenEXR"),
        (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n", "Radiance"),
        (b"PF\n1 1\n-1.0\n" + bytes(12), "floating-point PFM"),
        (tiff(RGB.astype(np.float32), photometric="rgb"), "floating-point TIFF"),
        (tiff(RGB[..., 0].astype(np.float16)), "floating-point TIFF"),
        (png(RGB, 2, 8, chunk(b"cICP", bytes([9, 16, 0, 1]))), "PQ transfer"),
        (png(DEEP[..., :3], 2, 16, chunk(b"cICP", bytes([9, 18, 0, 1]))), "HLG transfer"),
    ],
)
def test_hdr_files_are_refused(data, what):
    assert reason(data) == f"HDR ({what}): tone-map it to an SDR image first"


@pytest.mark.parametrize(("code", "what"), [(16, "PQ"), (18, "HLG")])
def test_hdr_avif_is_refused(code, what):
    data = saved(picture(), "AVIF")
    at = data.index(b"colrnclx") + 10
    assert f"({what} transfer)" in reason(data[:at] + struct.pack(">H", code) + data[at + 2 :])


@pytest.mark.parametrize(
    ("name", "what"),
    [("Rec. ITU-R BT.2100 PQ", "PQ"), ("Display_P3_HLG", "HLG"), ("Rec2020 PQ v4", "PQ")],
)
def test_hdr_profiles_are_refused_by_their_name(name, what):
    icc = rgb_profile(ADOBE_COLORANTS, curve(563), name=name)
    data = saved(picture(), "PNG", icc_profile=icc)
    assert f"({what} transfer)" in reason(data)
    assert f"({what} transfer)" in reason(data, DecodePolicy("ignore"))


def test_hdr_profiles_are_refused_by_their_code_points():
    tags = {b"cicp": b"cicp" + bytes(4) + bytes([9, 16, 0, 1])}
    icc = profile(b"RGB ", tags, name="plain")
    assert "(PQ transfer)" in reason(saved(picture(), "JPEG", icc_profile=icc))


def test_an_sdr_avif_with_an_hdr_gain_map_is_read():
    """The HDR code points are made to belong to an item that is not the primary one."""
    data = saved(picture(), "AVIF")
    at = data.index(b"colrnclx") + 10
    data = data[:at] + struct.pack(">H", 16) + data[at + 2 :]
    item = data.index(b"ipma") + 12
    assert data[item : item + 2] == data[data.index(b"pitm") + 8 :][:2]
    other = data[:item] + b"\0\x63" + data[item + 2 :]
    assert "HDR" not in reason(other)  # no longer a whole AVIF, but not an HDR one either


def test_wide_gamut_code_points_are_named():
    data = png(RGB, 2, 8, chunk(b"cICP", bytes([12, 13, 0, 1])))
    np.testing.assert_array_equal(
        pixels(data, warnings=["color primaries 12 (H.273) read as sRGB"]), RGB
    )
    np.testing.assert_array_equal(pixels(data, DecodePolicy("ignore")), RGB)
    pixels(png(RGB, 2, 8, chunk(b"cICP", bytes([1, 13, 0, 1]))))


# Several frames


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_the_first_frame_is_read(file_format):
    first, second = (Image.new("RGB", (32, 32), c) for c in ((250, 0, 0), (0, 0, 250)))
    data = saved(first, file_format, save_all=True, append_images=[second])
    found = pixels(data, warnings=["several frames, first used"])
    assert np.abs(found.astype(int) - (250, 0, 0)).max() <= 5


# Bad files


def test_files_that_are_not_there(tmp_path):
    assert reason(tmp_path / "absent.png") == "file not found"
    assert reason(tmp_path) == "a directory, not a file"
    assert reason("a\0b.png") == "not a valid file name"
    assert "name too long" in reason("x" * 5000).lower()
    (tmp_path / "empty.png").touch()
    assert reason(tmp_path / "empty.png") == "empty file"
    (tmp_path / "notes.png").write_text("not a picture at all\n" * 9)
    assert reason(tmp_path / "notes.png").startswith("not an image in a supported format")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (saved(picture(), "JPEG2000"), "JPEG 2000"),
        (b"8BPS\0\1" + bytes(40), "Photoshop"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIF"),
        (tiff(RGB.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"), "planar TIFF"),
        (tiff(RGB, photometric="rgb", subfiletype=1), "camera raw"),
    ],
)
def test_formats_that_are_not_read_are_named(data, name):
    assert reason(data).startswith(f"unsupported format {name}")


FILES = {
    "JPEG": saved(picture(), "JPEG", exif=exif(6), icc_profile=ADOBE),
    "progressive JPEG": saved(picture(), "JPEG", progressive=True),
    "PNG": saved(picture(), "PNG", exif=exif(3), icc_profile=ADOBE),
    "16-bit PNG": png(DEEP, 6, 16),
    "TIFF": saved(picture(), "TIFF", exif=exif(8), icc_profile=ADOBE),
    "LZW TIFF": saved(picture(), "TIFF", compression="tiff_lzw"),
    "16-bit TIFF": tiff(DEEP[..., :3], photometric="rgb"),
    "WebP": saved(picture(), "WEBP", exif=exif(2), icc_profile=ADOBE),
    "AVIF": saved(picture(), "AVIF", exif=exif(5)),
    "GIF": saved(picture(), "GIF"),
    "BMP": saved(picture(), "BMP"),
    "PPM": saved(picture(), "PPM"),
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_truncated_files(name, kept, tmp_path):
    data = FILES[name]
    path = tmp_path / "cut.bin"
    path.write_bytes(data[: int(len(data) * kept)])
    why = reason(path)
    assert why.startswith("cannot decode")
    assert str(tmp_path) not in why
    assert why == reason(path.read_bytes())


def test_truncation_is_seen_even_where_the_process_allows_it(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    cut = FILES["progressive JPEG"][:-300]
    assert Image.open(io.BytesIO(cut)).convert("RGB").size == (34, 21)
    found = []
    threads = [
        threading.Thread(target=lambda: found.extend(decode(cut) for _ in range(20)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {type(result) for result in found} == {Failure}
    assert len(found) == 160
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


# Size limits


def huge(name, width=40_000, height=40_000):
    """The header of a picture far above the limit, with next to no data behind it."""
    sides = struct.pack(">II", width, height)
    if name == "PNG":
        return patched(FILES["PNG"], struct.pack(">II", 34, 21), sides).replace(
            FILES["PNG"][29:33], struct.pack(">I", zlib.crc32(b"IHDR" + sides + b"\x08\2\0\0\0")), 1
        )
    if name == "JPEG":
        old, new = struct.pack(">HH", 21, 34), struct.pack(">HH", height, width)
        return patched(FILES["progressive JPEG"], old, new)
    if name == "BMP":
        return patched(FILES["BMP"], struct.pack("<II", 34, 21), struct.pack("<II", width, height))
    if name == "PPM":
        return patched(FILES["PPM"], b"34 21", b"%d %d" % (width, height))
    if name == "GIF":
        old, new = struct.pack("<HH", 34, 21), struct.pack("<HH", width, height)
        return patched(FILES["GIF"], old, new)
    if name == "TIFF":
        data = bytearray(tiff(RGB, photometric="rgb", byteorder="<"))
        for tag, old, new in ((256, 34, width), (257, 21, height)):
            at = data.index(struct.pack("<HHII", tag, 4, 1, old))
            data[at : at + 12] = struct.pack("<HHII", tag, 4, 1, new)
        return bytes(data)
    head = b"WEBPVP8X" + struct.pack("<II", 10, 0)
    head += struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return b"RIFF" + struct.pack("<I", 1000) + head + FILES["WebP"][12:]


MEASURE = """
import resource, sys, time
from harness.images import decode
decode(sys.argv[1])
peak, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
for path in sys.argv[2:]:
    print(decode(path).reason)
print(time.process_time() - start)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak)
"""


def test_huge_headers_are_answered_at_once_in_little_memory(tmp_path):
    paths = [tmp_path / name for name in ("PNG", "JPEG", "TIFF", "BMP", "PPM", "GIF")]
    for path in paths:
        path.write_bytes(huge(path.name))
    (tmp_path / "small").write_bytes(FILES["PNG"])
    root = Path(harness.__file__).parents[1]
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "small"), *map(str, paths)]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    *reasons, seconds, kibibytes = run.stdout.splitlines()
    expected = "40000 × 40000 pixels: more than the model takes (max_pixels); make it smaller first"
    assert reasons == [expected] * len(paths)
    assert float(seconds) < 1
    assert int(kibibytes) < 20_000


def test_a_huge_webp_header_is_answered_at_once():
    start = time.process_time()
    assert reason(huge("WebP", 16_000, 16_000)).startswith("cannot decode WebP")
    assert time.process_time() - start < 0.5


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", [n for n in FILES if n not in ("WebP", "GIF")])
def test_only_the_limit_of_the_policy_counts(name, monkeypatch):
    expected = pixels(FILES[name], warnings=decode(FILES[name]).warnings)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    found = decode(FILES[name], DecodePolicy(max_pixels=34 * 21))
    np.testing.assert_array_equal(found.image.permute(1, 2, 0), expected)
    assert "more than the model takes" in reason(FILES[name], DecodePolicy(max_pixels=34 * 21 - 1))
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.slow
def test_a_50_megapixel_photograph(tmp_path):
    path = tmp_path / "large.jpg"
    Image.fromarray(np.tile(RGB, (275, 255, 1))).save(path)
    result = decode(path)
    assert result.image.shape == (3, 5775, 8670)
    np.testing.assert_array_equal(result.image.permute(1, 2, 0), np.asarray(Image.open(path)))


# Hostile files

SMALL = DecodePolicy(max_pixels=1_000_000)
FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def survives(data):
    result = decode(data, SMALL)
    if isinstance(result, Failure):
        assert re.fullmatch(r"[^\n\r]+", result.reason)
        assert " at 0x" not in result.reason
        assert decode(data, SMALL) == result
    else:
        assert result.image.ndim == 3
        assert result.image.shape[0] == 3


@pytest.mark.filterwarnings("ignore")
@FUZZ
@given(st.sampled_from([b"", *(data[:12] for data in FILES.values())]), st.binary(max_size=400))
def test_random_bytes_never_raise(magic, data):
    survives(magic + data)


@pytest.mark.filterwarnings("ignore")
@FUZZ
@given(
    st.sampled_from(sorted(FILES)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    st.booleans(),
)
def test_corrupted_files_never_raise(name, changes, early):
    data = bytearray(FILES[name])
    for where, value in changes:
        reach = min(len(data), 400) if early else len(data)  # headers are where parsers break
        data[int(where * reach)] = value
    survives(bytes(data))
