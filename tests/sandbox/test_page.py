"""A person at the page: from the printed address to a conversation, in headless Chromium.

``PARLEY_PICTURE=docs/sandbox.png`` takes the picture that the documentation shows.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.sandbox.program import Program

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MILLISECONDS = 20_000  # nothing takes as long: a wait that does is a failure
WRITING = "still writing"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")


@pytest.fixture
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


def open_chat(browser: Browser, url: str) -> Page:
    """Follow the printed address and make the one obvious click."""
    context = browser.new_context(viewport={"width": 1200, "height": 820})
    context.set_default_timeout(MILLISECONDS)
    lobby = context.new_page()
    lobby.goto(url)
    with context.expect_page() as opening:
        lobby.get_by_role("button", name="Talk in #lounge").click()
    chat = opening.value
    expect(chat.get_by_placeholder("Message #lounge")).to_be_visible()
    return chat


def say(chat: Page, text: str) -> None:
    # The page takes one action at a time, and its first one is its own.
    chat.wait_for_function("() => window.simcordPreview.ready && !window.simcordPreview.pendingAction")
    composer = chat.get_by_placeholder("Message #lounge")
    composer.fill(text)
    composer.press("Enter")


def newest(chat: Page) -> Locator:
    return chat.locator("#channel-message-list article").last


def see_it_grow(chat: Page) -> None:
    """Wait until the newest message has been seen with two different lengths, both before its end."""
    expect(newest(chat)).to_contain_text(WRITING)
    first = newest(chat).inner_text()
    grown = chat.wait_for_function(
        """([length, mark]) => {
            const text = [...document.querySelectorAll("#channel-message-list article")].at(-1).innerText;
            return text.length > length && text.includes(mark) && text;
        }""",
        arg=[len(first), WRITING],
    ).json_value()
    assert WRITING in first
    assert len(grown) > len(first)


def stop(chat: Page) -> None:
    """Press Stop and see that it is obeyed."""
    conversation = chat.locator("#channel-message-list")
    button = conversation.get_by_role("button", name="Stop")
    button.last.click()
    expect(conversation).to_contain_text("Stopped. This answer is incomplete.")
    expect(button).to_have_count(0)


def see_its_end(chat: Page) -> None:
    """Wait until the conversation is scrolled to its end."""
    chat.wait_for_function(
        """() => {
            const timeline = document.getElementById("channel-timeline");
            return timeline.scrollHeight - timeline.scrollTop - timeline.clientHeight <= 1;
        }"""
    )


def test_a_person_asks_stops_and_asks_in_private(browser: Browser, tmp_path: Path) -> None:
    with Program(tmp_path) as program:
        chat = open_chat(browser, program.url())
        say(chat, "How do you answer? As a list, please.")
        see_it_grow(chat)
        expect(newest(chat)).not_to_contain_text(WRITING)
        expect(newest(chat)).to_contain_text("stand-in")

        say(chat, "And now some long code")
        see_it_grow(chat)
        if picture := os.environ.get("PARLEY_PICTURE"):
            expect(newest(chat)).to_contain_text("def ")
            chat.screenshot(path=picture)
        stop(chat)
        expect(chat.locator("#channel-message-list")).not_to_contain_text("Only you can see this")

        composer = chat.get_by_placeholder("Message #lounge")
        composer.press_sequentially("/ask")
        chat.get_by_role("option").filter(has_text="/ask").click()
        prompt = chat.get_by_label("prompt, required")
        prompt.fill("Is this between us? Count to 3.")
        prompt.press("Enter")
        expect(newest(chat)).to_contain_text("used /ask")
        expect(newest(chat)).to_contain_text("Only you can see this")
        expect(newest(chat)).to_contain_text("Is this between us?")
        expect(newest(chat)).not_to_contain_text(WRITING)
        see_its_end(chat)

        chat.get_by_label("Viewing as").select_option(label="Moderator")
        expect(chat.locator("#channel-message-list")).to_contain_text("long code")
        expect(chat.locator("#channel-message-list")).not_to_contain_text("Is this between us?")
        assert program.interrupt() == 0
    assert program.errors == ""


def test_a_link_leads_to_the_thread_and_the_threads_own_back(browser: Browser, tmp_path: Path) -> None:
    with Program(tmp_path) as program:
        chat = open_chat(browser, program.url())
        say(chat, "Where does this lead?")
        conversation = chat.locator("#channel-message-list")
        expect(conversation.get_by_role("button", name="Branch")).to_be_visible()
        chat.wait_for_function("() => window.simcordPreview.ready && !window.simcordPreview.pendingAction")
        conversation.get_by_role("button", name="Branch").click()
        conversation.locator(".mention", has_text="#Where").click()
        expect(chat.get_by_placeholder("Message #Where does this lead?")).to_be_visible()
        conversation.locator("a").first.click()
        expect(chat.get_by_placeholder("Message #lounge")).to_be_visible()
        assert program.interrupt() == 0


def test_ctrl_c_ends_it_while_it_writes_and_the_next_start_goes_on(browser: Browser, tmp_path: Path) -> None:
    with Program(tmp_path) as first:
        chat = open_chat(browser, first.url())
        say(chat, "Remember the lighthouse")
        stop(chat)
        say(chat, "count to 30")
        expect(newest(chat)).to_contain_text(WRITING)
        assert first.interrupt() == 0
    with Program(tmp_path) as second:
        chat = open_chat(browser, second.url())
        conversation = chat.locator("#channel-message-list")
        expect(conversation).to_contain_text("Remember the lighthouse")
        expect(conversation).to_contain_text("count to 30")
        expect(newest(chat)).to_contain_text("Before that you said: “Remember the lighthouse”")
        assert second.interrupt() == 0
