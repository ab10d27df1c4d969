"""A person at the page asks for a picture, sees it come, and varies it; in headless Chromium.

``PARLEY_SHOTS=folder`` keeps what the page looked like.
"""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.sandbox.program import Program
from tests.sandbox.test_page import browser, newest, open_chat, pytestmark

__all__ = ["browser", "pytestmark"]

DRAWING = "drawing"


def run_command(chat: Page, typed: str, name: str, required: str, value: str) -> None:
    chat.wait_for_function("() => window.simcordPreview.ready && !window.simcordPreview.pendingAction")
    composer = chat.get_by_placeholder("Message #lounge")
    composer.press_sequentially(typed)
    chat.get_by_role("option").filter(has_text=name).first.click()
    field = chat.get_by_label(f"{required}, required")
    field.fill(value)
    field.press("Enter")


def see(chat: Page, alt_text: str) -> bytes:
    """Wait until a picture has been loaded, and return what it looks like."""
    picture = newest(chat).locator(f"img[alt='{alt_text}']")
    picture.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    chat.wait_for_function(
        "alt => [...document.querySelectorAll('img')].some(i => i.alt === alt && i.naturalWidth > 0)", arg=alt_text
    )
    return picture.screenshot()


def shoot(chat: Page, name: str) -> None:
    if folder := os.environ.get("PARLEY_SHOTS"):
        chat.screenshot(path=Path(folder) / f"{name}.png")


def test_a_person_asks_for_a_picture_and_varies_it(browser: Browser, tmp_path: Path) -> None:
    with Program(tmp_path) as program:
        chat = open_chat(browser, program.url())
        run_command(chat, "/image generate", "/image generate", "prompt", "a lighthouse at dusk")
        expect(newest(chat)).to_contain_text(DRAWING)
        shoot(chat, "drawing")
        expect(newest(chat)).not_to_contain_text(DRAWING)
        expect(newest(chat)).to_contain_text("a lighthouse at dusk")
        drawn = see(chat, "a lighthouse at dusk")
        shoot(chat, "drawn")
        newest(chat).get_by_role("button", name="Vary").click()
        expect(newest(chat)).not_to_contain_text("lighthouse")
        assert see(chat, "A variation of a picture") != drawn
        expect(newest(chat).get_by_role("button", name="Vary")).to_be_visible()
        shoot(chat, "varied")
        assert program.interrupt() == 0
    assert program.errors == ""
