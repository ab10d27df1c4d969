"""What is known of a refused token: enough to recognise it, too little to use it."""

from pathlib import Path

import pytest

from bot.store.refused_token import NAME, RefusedToken

TOKEN = "a.canary.token"


def test_it_is_recognised_until_it_is_forgotten_and_nobody_can_read_it(tmp_path: Path) -> None:
    refused = RefusedToken(tmp_path)
    assert not refused.is_refused(TOKEN)
    refused.remember(TOKEN)
    first = (tmp_path / NAME).read_text(encoding="ascii")
    refused.remember(TOKEN)
    assert RefusedToken(tmp_path).is_refused(TOKEN)
    assert not refused.is_refused("another.token")
    assert "canary" not in first
    assert (tmp_path / NAME).read_text(encoding="ascii") != first, "a salt of its own each time"
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    refused.forget()
    refused.forget()
    assert not refused.is_refused(TOKEN)


@pytest.mark.parametrize("content", [b"", b"00", b"zz zz", b"00 00 00", b"\xff"])
def test_a_file_that_makes_no_sense_keeps_nobody_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert not RefusedToken(tmp_path).is_refused(TOKEN)
