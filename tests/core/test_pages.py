"""Pages: what a member sees of an answer, and what surrounds it."""

import json
import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.core.conversation import ReplyFile
from bot.core.markdown import utf16_length
from bot.core.pages import clean, lay_out, lay_out_json, lay_out_unfinished, quote_block
from tests.core.test_splitting import anything, code, markdown, prose

MARK = "-# ✍️ still writing …"
thorough = settings(max_examples=50, deadline=None)
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def code_blocks(message: str) -> list[str]:
    """Read a message as Discord's client does: three backticks open a block wherever they stand, the next close it."""
    parts = message.split("```")
    assert len(parts) % 2 == 1, f"a code block is left open: {message}"
    for block in parts[1::2]:
        assert re.sub(r"^[A-Za-z0-9_+\-.#]+\n", "", block).strip("\n"), f"Discord shows no empty block: {message}"
    return parts[1::2]


def outside_code(message: str) -> str:
    text = "\n".join(message.split("```")[::2])
    return re.sub(r"\\.|(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", " ", text)


def shown(text: str) -> str:
    """What is to be seen of a text, without what cleaning and repair add or take."""
    kept = "".join(char for char in text if unicodedata.category(char) not in ("Cc", "Cs") and char not in BIDI)
    return re.sub(r"[\s`~|>\\\u200b\u2028\u2029J']", "", re.sub(r"([\u0300-\u036f]{6})[\u0300-\u036f]+", r"\1", kept))


def hold(pages: list[str], text: str) -> bool:
    """Tell whether the pages show the text, which a fence's language may precede where a page opens it again."""
    rest = shown(text)
    for page in pages:
        reopened = re.sub(r"\A(> )*(\|\|)?```[\w+#.-]+\n", "", page)
        visible = next((part for part in (shown(page), shown(reopened)) if rest.startswith(part)), None)
        if visible is None:
            return False
        rest = rest.removeprefix(visible)
    return not rest


# --- clean


def test_what_nobody_sees_is_dropped() -> None:
    assert clean("a\x00b\x1b[31m\x7f\x85c\td\r\ne\rf") == "ab[31mc\td\ne\nf"
    assert clean(f"a{BIDI}b") == "ab"
    assert clean("a\ud83db\ude00c") == "abc"
    assert clean("half \ud83d\ude00 and half") == "half 😀 and half"
    assert clean("e" + "\u0301" * 40 + "x") == "e" + "\u0301" * 6 + "x"


@pytest.mark.parametrize(
    "text",
    [
        "👨‍👩‍👧‍👦 🇩🇪 👍🏽 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "สวัสดีครับ ที่นี่", "नमस्ते दुनिया क्षत्रिय", "שָׁלוֹם עֲלֵיכֶם",
        "السَّلَامُ عَلَيْكُمْ", "မြန်မာဘာသာ", "བོད་སྐད་", "Tiếng Việt", "日本語、カタカナ。", "한국어", "ქართული",
        "አማርኛ", "ភាសាខ្មែរ", "e\u0301\u0323", "Ελληνικά", "русский", "தமிழ்", "తెలుగు", "বাংলা", "සිංහල",
    ],
)  # fmt: skip
def test_no_script_loses_a_character(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[click me](https://evil.example/x)", "click me (<https://evil.example/x>)"),
        ("[https://a.example](https://a.example)", "<https://a.example>"),
        ("[https://good.example](https://evil.example)", "https://good.example (<https://evil.example>)"),
        ("![beacon](https://evil.example/p.png?id=1)", "beacon (<https://evil.example/p.png?id=1>)"),
        ("[](https://a.example)", "<https://a.example>"),
        ("[`code`](https://a.example)", "`code` (<https://a.example>)"),
        ("[**bold** [1]](<https://a.example/b_(c)>)", "**bold** [1] (<https://a.example/b_(c)>)"),
        ("[mail](mailto:a@b.example)", "mail (<mailto:a@b.example>)"),
        # Whatever else Discord may take for a masked link is taken apart.
        ('[t](https://a.example "title")', '[t] (https://a.example "title")'),
        ("[a\nb](https://a.example)", "[a\nb] (https://a.example)"),
        ("[a]b](https://a.example)", "[a]b] (https://a.example)"),
        ("\\[a](https://a.example)", "\\[a] (https://a.example)"),
        # These are no links.
        ("`[a](https://a.example)`", "`[a](https://a.example)`"),
        ("```\n[a](https://a.example)\n```", "```\n[a](https://a.example)\n```"),
        ("f[0](x) and [see](below)", "f[0](x) and [see](below)"),
        ("https://a.example/b_(c)?d=[e] <https://f.example>", "https://a.example/b_(c)?d=[e] <https://f.example>"),
        ("<@1> <@&2> <#3> @everyone <t:4:R>", "<@1> <@&2> <#3> @everyone <t:4:R>"),
        ("$$\\frac{a}{b}$$ \\(x_1\\)", "$$\\frac{a}{b}$$ \\(x_1\\)"),
    ],
)
def test_links_show_where_they_go(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~~~js\na\n~~~", "```js\na\n```"),
        ("````md\n```py\na\n```\n````", "```md\n`\u200b`\u200b`py\na\n`\u200b`\u200b`\n```"),
        ("1. Do:\n   ```sh\n   a\n     b\n   ```\n2. Then", "1. Do:\n```sh\na\n  b\n```\n2. Then"),
        ("Like this: ```py\na```", "Like this:\n```py\na\n```"),
        ("```\n```", "```\n \n```"),
        ("```md\n> ```\na\n```", "```md\n> `\u200b`\u200b`\na\n```"),
        ("```md\n- ```\na\n```", "```md\n- `\u200b`\u200b`\na\n```"),
        ("> ```\n> a\nafter", "> ```\n> a\n> ```\nafter"),
        ("- ```sh\n  a\n  ```", "- ```sh\n  a\n```"),
        ("||```sh\na\n```||", "||```sh\na\n```||"),
        ("``` py\na", "```py\na\n```"),
        ("```one line```", "``one line``"),
        ("a ` tick and ``` three", "a \\` tick and \\`\\`\\` three"),
        ("`a` ``b ` c`` \\`d\\`", "`a` ``b ` c`` \\`d\\`"),
    ],
)
def test_code_is_written_as_discord_reads_it(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_a_table_is_shown_aligned_in_a_code_block() -> None:
    table = "Prices:\n| Fruit | Price |\n|:------|------:|\n| **Apple** | 1 |\n| 林檎 `x\\|y` | 1000 |\n\nDone."
    assert clean(table) == (
        "Prices:\n```\nFruit    | Price\n---------+------\nApple    |     1\n林檎 x|y |  1000\n```\n\nDone."
    )
    assert clean("a | b\n--|--\nc | d\ne") == "```\na | b\n--+--\nc | d\n```\ne"


@pytest.mark.parametrize(
    "text",
    [
        f"| a | b |\n|---|---|\n| {'x' * 60} | {'y' * 60} |",  # too wide
        "| a | b |\n|---|\n| 1 | 2 |",  # not a table
        "a | b\nno dashes | here",
        "```\n| a | b |\n|---|---|\n```",
        "Use `a | b` here\n---",
    ],
)
def test_what_is_no_narrow_table_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@given(anything)
@thorough
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(anything)
@thorough
def test_cleaned_text_has_no_open_code_and_no_masked_link(text: str) -> None:
    cleaned = clean(text)
    code_blocks(cleaned)
    outside = outside_code(cleaned)
    assert "`" not in outside
    assert not re.search(r"\]\(\s*<?https?:", outside)


# --- lay_out


@given(anything, st.sampled_from(["", "> a question"]), st.sampled_from(["", "-# a note"]), st.integers(1, 4))
@example("x" * 2000, "> q", "-# n", 1)
@thorough
def test_every_page_stands_on_its_own(text: str, header: str, footer: str, max_pages: int) -> None:
    if not clean(text).strip() and not header and not footer:
        with pytest.raises(ValueError, match="nothing"):
            lay_out(text, header=header, footer=footer, max_pages=max_pages)
        return
    pages = lay_out(text, header=header, footer=footer, max_pages=max_pages)
    assert 1 <= len(pages) <= max_pages
    for page in pages:
        assert page.content.strip()
        assert utf16_length(page.content) <= 2000
        assert not any(mark and mark in block for mark in (header, footer) for block in code_blocks(page.content))
    assert pages[0].content.startswith(header)
    assert pages[-1].content.endswith(footer)
    if not pages[-1].files:
        contents = [page.content for page in pages]
        contents[0] = contents[0].removeprefix(header)
        contents[-1] = contents[-1].removesuffix(footer)
        assert hold(contents, clean(text))
    assert all(not page.files for page in pages[:-1])


@given(markdown.map(lambda text: text.replace("|", "").replace("](", "")))
@thorough
def test_an_answer_is_shown_whole(text: str) -> None:
    pages = lay_out(text, footer="#", max_pages=1000)
    assert hold([page.content for page in pages], f"{text}#")


def test_a_long_answer_is_a_beginning_and_a_file() -> None:
    text = f"# Title\r\n\r\n{prose(6000)}\n\n```py\n{code(100)}\n```\n \x00 \u202e end\n"
    pages = lay_out(text, header="> why?", footer="-# cut", file_note="-# whole in the file")
    assert [[file.name for file in page.files] for page in pages] == [[], [], ["answer.md"]]
    assert pages[0].content.startswith("> why?\n\n# Title\n\nThe quick")
    assert pages[-1].content.endswith("\n-# whole in the file\n-# cut")
    assert pages[-1].files[0].content == text.encode()
    assert all(1500 < len(page.content) <= 2000 for page in pages)


def test_a_private_answer_is_one_page_and_a_file() -> None:
    (page,) = lay_out(prose(5000), footer="-# note", max_pages=1)
    assert page.files[0].content == prose(5000).encode()
    assert page.content.endswith("it sleeps.\n-# note")


def test_the_file_holds_half_a_surrogate_pair_as_a_replacement_character() -> None:
    (page,) = lay_out("😀 \ud83d" * 1000, max_pages=1)
    assert page.files[0].content == ("😀 \ufffd" * 1000).encode()


def test_a_footer_that_does_not_fit_takes_some_text_with_it() -> None:
    for length in range(1980, 2001):
        pages = lay_out("word " * 380 + "x" * (length - 1900), footer="-# note")
        assert all(len(page.content) <= 2000 for page in pages)
        assert pages[-1].content.startswith(("word ", "x"))
        assert pages[-1].content.endswith("\n-# note")


def test_there_may_be_no_text_but_not_nothing() -> None:
    assert [page.content for page in lay_out(" \n", header="> q", footer="-# f")] == ["> q\n-# f"]
    assert [page.content for page in lay_out("", footer="-# f")] == ["-# f"]
    for nothing in ("", " \n", "\x00\u202e", "\ud800"):
        with pytest.raises(ValueError, match="nothing"):
            lay_out(nothing)
    with pytest.raises(ValueError, match="at least one page"):
        lay_out("text", max_pages=0)


def test_a_header_or_footer_that_is_too_long_is_cut() -> None:
    pages = lay_out(prose(3000), header=prose(3000), footer=prose(3000))
    assert all(len(page.content) <= 2000 for page in pages)
    assert pages[-1].content.endswith("…")


# --- lay_out_unfinished


def test_while_it_is_written_the_mark_stands_under_the_text() -> None:
    assert lay_out_unfinished("", mark=MARK) == (MARK,)
    assert lay_out_unfinished("Hel", header="> q", mark=MARK) == (f"> q\n\nHel\n{MARK}",)
    assert lay_out_unfinished("Look:\n```py\nprint(", mark=MARK) == (f"Look:\n```py\nprint(\n```\n{MARK}",)
    assert lay_out_unfinished("Look:\n```py", mark=MARK) == (f"Look:\n```py\n \n```\n{MARK}",)


def test_a_growing_answer_stays_full_once_its_pages_are_used_up() -> None:
    pages = lay_out_unfinished(prose(5500), mark=MARK)
    assert lay_out_unfinished(prose(50_000), mark=MARK)[:2] == pages[:2]
    assert len(lay_out_unfinished(prose(50_000), mark=MARK)) == 3
    assert lay_out_unfinished(prose(50_000), mark=MARK)[2].endswith(f"it sleeps.\n{MARK}")
    assert all(page.endswith(f"\n{MARK}") and len(page) <= 2000 for page in pages)


@given(markdown, st.data())
@thorough
def test_every_moment_of_a_growing_answer_can_be_shown(text: str, data: st.DataObject) -> None:
    moment = text[: data.draw(st.integers(0, len(text)))]
    for page in lay_out_unfinished(moment, header="> q", mark=MARK):
        assert utf16_length(page) <= 2000
        assert page.endswith(MARK)
        assert not any(MARK in block for block in code_blocks(page))


# --- lay_out_json


def test_json_is_a_block_when_it_fits_and_a_file_when_not() -> None:
    small, large = json.dumps({"a": [1, "é"]}, indent=1), json.dumps({"a": "x" * 2000})
    (page,) = lay_out_json(f"\n{small}\n", header="> q", footer="-# n")
    assert (page.content, page.files) == (f"> q\n\n```json\n{small}\n```\n-# n", ())
    (page,) = lay_out_json(large, footer="-# n", file_note="The JSON is in the file.")
    assert page.content == "The JSON is in the file.\n-# n"
    assert page.files == (ReplyFile("answer.json", large.encode()),)
    (page,) = lay_out_json(large)
    assert page.content == "`answer.json`"
    with pytest.raises(ValueError, match="no JSON"):
        lay_out_json(" ")


def test_json_that_cannot_be_shown_as_it_is_becomes_a_file() -> None:
    for value in ("```py\na\n```", "right\u202eleft"):
        text = json.dumps({"code": value}, ensure_ascii=False)
        (page,) = lay_out_json(text)
        assert page.files[0].content == text.encode()


# --- quote_block


@given(anything, st.integers(72, 600))
@thorough
def test_a_quote_is_short_and_swallows_nothing(text: str, limit: int) -> None:
    quoted = quote_block(text, limit)
    assert utf16_length(quoted) <= limit
    assert "```" not in quoted
    for line in quoted.split("\n") if quoted else []:
        assert line.startswith("> ")
        outside = outside_code(line)
        assert "`" not in outside
        assert outside.count("||") % 2 == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" \n ", ""),
        ("Why?", "> Why?"),
        ("a\r\n\n\n\nb\n", "> a\n> \n> b"),
        ("```py\nx\n```", "> \\`\\`\\`py\n> x\n> \\`\\`\\`"),
        ("~~~\nx\n- ~~~", "> \\~~~\n> x\n> - \\~~~"),
        ("a ||b|| c ||d", "> a ||b|| c \\|\\|d"),
        ("`a || b` [c](https://d.example)", "> `a || b` c (<https://d.example>)"),
        (">>> all", "> >>> all"),
    ],
)
def test_a_quote_keeps_what_is_harmless(text: str, expected: str) -> None:
    assert quote_block(text, 200) == expected


def test_a_long_quote_is_folded_at_a_word() -> None:
    assert quote_block("word " * 100, 100) == "> " + "word " * 19 + "…"
    assert quote_block("line\n" * 100, 100).endswith("> line …")
    assert len(quote_block("||" + "secret " * 100 + "||", 100)) <= 100
    assert quote_block("||" + "secret " * 100 + "||", 100).endswith("|| …")
    assert quote_block("😀" * 6000, 100) == "> " + "😀" * 48 + " …"
    assert quote_block("line\n" + "https://example.com/" + "a" * 900, 100).startswith(
        "> line\n> https://example.com/aaa"
    )
    with pytest.raises(ValueError, match="72"):
        quote_block("text", 71)
