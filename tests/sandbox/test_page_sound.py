"""A person at the page lets the bot speak: the sound is there, and the browser plays it.

``PARLEY_SOUND_PICTURE=sound.png`` takes a picture of it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.sandbox.program import Program
from tests.sandbox.test_page import CHROMIUM, browser, newest, open_chat  # noqa: F401 (fixture)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")

LOADED = """() => (document.querySelector("#channel-message-list audio")?.readyState ?? 0) >= 4"""
PLAY = """async () => {
    const player = document.querySelector("#channel-message-list audio");
    player.muted = true;  // this machine has no speakers
    await player.play();
}"""
ENDED = """() => {
    const player = document.querySelector("#channel-message-list audio");
    return player.ended && player.duration;
}"""


def speak(chat: Page, text: str) -> None:
    chat.wait_for_function("() => window.simcordPreview.ready && !window.simcordPreview.pendingAction")
    chat.get_by_placeholder("Message #lounge").press_sequentially("/audio speak")
    chat.get_by_role("option").filter(has_text="speak").first.click()
    option = chat.get_by_label("text")
    if option.count() == 0:
        chat.get_by_role("option").filter(has_text="text").first.click()
    chat.get_by_label("text").first.fill(text)
    chat.get_by_label("text").first.press("Enter")


def test_a_voice_message_plays_on_the_page(browser: Browser, tmp_path: Path) -> None:  # noqa: F811
    with Program(tmp_path) as program:
        chat = open_chat(browser, program.url())
        speak(chat, "The tide comes in at nine.")
        conversation = chat.locator("#channel-message-list")
        expect(conversation).to_contain_text("🔊 alloy")
        player = newest(chat).locator("audio")
        expect(player).to_have_count(1)
        chat.wait_for_function(LOADED)
        if picture := os.environ.get("PARLEY_SOUND_PICTURE"):
            chat.screenshot(path=picture)
        chat.evaluate(PLAY)
        assert chat.wait_for_function(ENDED).json_value() > 1
        assert program.interrupt() == 0
    assert program.errors == ""
