"""Codes to print: QR and Data Matrix, as SVG or PNG."""

from __future__ import annotations

import io
import struct
import zlib
from enum import StrEnum

import segno
import zxingcpp

SVG, PNG = "image/svg+xml", "image/png"


class Symbology(StrEnum):
    QR = "qr"
    DATA_MATRIX = "datamatrix"


def drawn(symbology: Symbology, text: str, *, png: bool, scale: int) -> bytes:
    """The code of a text, `scale` pixels to a module, with the quiet zone that it needs."""
    if symbology is Symbology.QR:
        out = io.BytesIO()
        code = segno.make(text, error="m", micro=False)
        if png:
            code.save(out, kind="png", scale=scale)
        else:
            code.save(out, kind="svg", scale=scale, xmldecl=False, nl=False)
        return out.getvalue()
    matrix = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix, force_square=True)
    if png:
        image = zxingcpp.write_barcode_to_image(matrix, scale=scale)
        height, width = image.shape
        pixels = memoryview(image).cast("B")  # type: ignore[arg-type]
        return _png(bytes(pixels), width, height)
    return str(zxingcpp.write_barcode_to_svg(matrix, scale=scale)).encode()


def _png(pixels: bytes, width: int, height: int) -> bytes:
    """Grey pixels, a byte each, as a PNG file (ISO/IEC 15948)."""
    rows = b"".join(b"\0" + pixels[y * width : (y + 1) * width] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
