"""What a picture's bytes are, whatever anybody says of them."""

from __future__ import annotations

ENDINGS = {"png": "png", "jpeg": "jpg", "webp": "webp", "gif": "gif"}
TAIL_BYTES = 64  # some encoders leave a few bytes behind the end


def kind_of_picture(content: bytes) -> str | None:
    """Return png, jpeg, webp or gif; ``None`` for anything else, and for a picture that was cut off."""
    tail = content[-TAIL_BYTES:]
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png" if b"IEND" in tail else None
    if content.startswith(b"\xff\xd8\xff"):
        return "jpeg" if b"\xff\xd9" in tail else None
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "webp" if int.from_bytes(content[4:8], "little") + 8 <= len(content) else None
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "gif" if b";" in tail else None
    return None
