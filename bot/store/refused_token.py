"""Remembers over restarts that Discord refused the token, so that it is not asked again and again with the same one."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from bot.store.files import private_file, remove

NAME = "refused-token"
SALT_BYTES = 16


class RefusedToken:
    """A file in the data folder: a salt and a digest, from which nobody learns the token."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def remember(self, token: str) -> None:
        """Write down that this one was refused. Raises ``StoreProblem`` or ``OSError``."""
        salt = secrets.token_bytes(SALT_BYTES)
        descriptor = private_file(self._path)
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{salt.hex()} {_digest(salt, token).hex()}\n".encode("ascii"))
        finally:
            os.close(descriptor)

    def is_refused(self, token: str) -> bool:
        """Whether this token was refused; a file that cannot be read says nothing."""
        try:
            salt, digest = (bytes.fromhex(part) for part in self._path.read_text(encoding="ascii").split())
        except (OSError, ValueError):
            return False
        return hmac.compare_digest(digest, _digest(salt, token))

    def forget(self) -> None:
        """Forget it: the token is another one, or good again. Raises ``OSError``."""
        remove(self._path)


def _digest(salt: bytes, token: str) -> bytes:
    return hmac.digest(salt, token.encode(), "sha256")
