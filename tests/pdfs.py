"""PDF files made by hand, so that a test says byte for byte what is in them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence


def a_pdf(pages: Sequence[str] = ("A heap is a tree.",), *, compress: bool = False) -> bytes:
    """Return a PDF with one line of text on each page; no text for an empty one."""
    return _pdf([f"BT /F1 12 Tf 72 700 Td ({_escaped(line)}) Tj ET".encode() for line in pages], compress=compress)


def a_bomb(*, megabytes: int = 300) -> bytes:
    """Return a small PDF whose page becomes very large when it is unpacked."""
    packer = zlib.compressobj(9)
    packed = b"".join([*(packer.compress(b" " * 1024**2) for _ in range(megabytes)), packer.flush()])
    return _pdf([packed], packed=True)


def a_slow_pdf(*, operators: int = 3_000_000) -> bytes:
    """Return a PDF whose page asks for a great deal of work."""
    return _pdf([zlib.compress(b"BT /F1 1 Tf " + b"(ab)Tj " * operators + b"ET", 9)], packed=True)


def _pdf(streams: Sequence[bytes], *, compress: bool = False, packed: bool = False) -> bytes:
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(streams)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(streams)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, stream in enumerate(streams):
        content = zlib.compress(stream) if compress else stream
        coding = b" /Filter /FlateDecode" if compress or packed else b""
        resources = b"<< /Font << /F1 3 0 R >> >>"
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources %s /Contents %d 0 R >>"
            % (resources, 5 + 2 * number)
        )
        objects.append(b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(content), coding, content))
    body = bytearray(b"%PDF-1.4\n")
    places = []
    for number, one in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % place for place in places)
    body += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(body)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
