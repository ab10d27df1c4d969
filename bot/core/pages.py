"""Lay out a reply: page by page, within Discord's limit, with what stands above and below the text."""

from __future__ import annotations

from typing import Final

from bot.core.cleaning import clean, clean_lines
from bot.core.conversation import Page, ReplyFile
from bot.core.limits import MESSAGE_CHARS, REPLY_PAGES
from bot.core.markdown import utf16_length
from bot.core.splitting import SMALLEST_LIMIT, split

__all__ = ["clean", "lay_out", "lay_out_json", "lay_out_unfinished", "quote_block"]

# What stands around the text leaves a good part of the page to it, even when both are on the same page.
HEADER_CHARS: Final = 1000
FOOTER_CHARS: Final = 600


def lay_out(
    text: str,
    *,
    header: str = "",
    footer: str = "",
    file_name: str = "answer.md",
    file_note: str = "",
    max_pages: int = REPLY_PAGES,
) -> tuple[Page, ...]:
    """Return the pages of a finished answer, cleaned for display; at least one.

    ``header`` stands above the first page's text and ``footer`` below the last page's; both are cut when they are
    longer than 1,000 and 600 characters. When more than ``max_pages`` pages come out, the last one that is left carries
    the whole text as a file (the text as it was given, UTF-8), and ``file_note`` stands above the footer.
    Raises ``ValueError`` when there is nothing to show.
    """
    shown = clean(text)
    contents, whole = _compose(shown, header, footer, max_pages)
    if whole:
        return tuple(map(Page, contents))
    if file_note:
        contents, _ = _compose(shown, header, _below(file_note, footer), max_pages)
    return (*map(Page, contents[:-1]), Page(contents[-1], (ReplyFile(file_name, _file_bytes(text)),)))


def lay_out_unfinished(text: str, *, header: str = "", mark: str, max_pages: int = REPLY_PAGES) -> tuple[str, ...]:
    """Return the pages of an answer that is still being written, with ``mark`` under the text of every one.

    Each is a message of its own, and a crash may leave any of them on the screen. Beyond ``max_pages`` the last page
    stays full.
    """
    header, mark = _fold(header, HEADER_CHARS), _fold(mark, FOOTER_CHARS)
    above, below = f"{header}\n\n" if header else "", f"\n{mark}"
    room = MESSAGE_CHARS - utf16_length(below)
    bodies = split(clean(text), room, first_limit=room - utf16_length(above))[:max_pages]
    if not bodies:
        return (_below(header, mark),)
    bodies[0] = above + bodies[0]
    return tuple(body + below for body in bodies)


def lay_out_json(
    text: str, *, header: str = "", footer: str = "", file_note: str = "", file_name: str = "answer.json"
) -> tuple[Page, ...]:
    """Return the one page of a JSON answer: a code block when it fits and is shown as it is, or else a file.

    ``file_note`` stands in place of the block; without it the file's name does. Raises ``ValueError`` for no text.
    """
    body = text.strip()
    if not body:
        raise ValueError("there is no JSON to show")
    block = f"```json\n{body}\n```"
    contents, whole = _compose(block, header, footer, 1)
    # What has to be changed to be shown would no longer be the JSON that was asked for.
    if whole and clean(block) == block:
        return (Page(contents[0]),)
    contents, _ = _compose(file_note or f"`{file_name}`", header, footer, 1)
    return (Page(contents[0], (ReplyFile(file_name, _file_bytes(text)),)),)


def quote_block(text: str, limit: int) -> str:
    """Return a member's words as a block quote of at most ``limit`` characters; nothing for whitespace.

    A longer text ends with an ellipsis. Nothing in it swallows what follows: no code fence opens, every code span and
    every spoiler ends within its line. Raises ``ValueError`` for a limit below 72.
    """
    if limit < SMALLEST_LIMIT + 8:
        raise ValueError(f"a quote must have room for {SMALLEST_LIMIT + 8} characters")
    lines = [f"> {line}" for line in clean_lines(text)]
    whole = "\n".join(lines)
    if utf16_length(whole) <= limit:
        return whole
    quoted: list[str] = []
    room = limit - 2  # for the ellipsis
    for line in lines:
        if utf16_length(line) > room:
            mark, rest = line[:2], line[2:]  # not cut with it: its space would be the best place in an endless word
            if room - len(mark) >= SMALLEST_LIMIT:
                quoted.append(mark + split(rest, room - len(mark))[0])
            break
        quoted.append(line)
        room -= utf16_length(line) + 1
    return "\n".join(quoted) + " …"


def _compose(shown: str, header: str, footer: str, max_pages: int) -> tuple[list[str], bool]:
    """Return at most ``max_pages`` pages, and whether they hold the whole text."""
    if max_pages < 1:
        raise ValueError("a reply has at least one page")
    header, footer = _fold(header, HEADER_CHARS), _fold(footer, FOOTER_CHARS)
    above, below = f"{header}\n\n" if header else "", f"\n{footer}" if footer else ""
    free = MESSAGE_CHARS - utf16_length(above)
    bodies = split(shown, first_limit=free)
    if not bodies:
        if not header and not footer:
            raise ValueError("there is nothing to show")
        return [_below(header, footer)], True
    free = (free if len(bodies) == 1 else MESSAGE_CHARS) - utf16_length(below)
    if len(bodies) <= max_pages and utf16_length(bodies[-1]) > free:
        bodies[-1:] = split(bodies[-1], MESSAGE_CHARS - utf16_length(below), first_limit=free)
    whole = len(bodies) <= max_pages
    if not whole:
        del bodies[max_pages:]
        free = MESSAGE_CHARS - utf16_length(below) - (utf16_length(above) if max_pages == 1 else 0)
        bodies[-1] = split(bodies[-1], free)[0]
    bodies[0] = above + bodies[0]
    bodies[-1] += below
    return bodies, whole


def _fold(text: str, limit: int) -> str:
    text = text.strip()
    return text if utf16_length(text) <= limit else f"{split(text, limit - 2)[0]}\n…"


def _below(text: str, footer: str) -> str:
    return f"{text}\n{footer}" if text and footer else text or footer


def _file_bytes(text: str) -> bytes:
    """Return the text in UTF-8; half a surrogate pair, which UTF-8 cannot hold, becomes a replacement character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
