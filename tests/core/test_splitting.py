"""The splitter: each message stands on its own, and together they hold the text."""

import re

import pytest
import regex
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.core.markdown import utf16_length
from bot.core.splitting import cut, split

# The language of the generated fences. What is visible is compared without it, because repair repeats it.
LANGUAGE = "J"
FRAGMENTS = [
    "word", "another", "sentence.", "Question?", "(paren)", "naïve", "e\u0301", "漢字", "かな。", "한국어",
    "สวัสดีครับ", "مرحبا", "שלום", "नमस्ते", "👍🏽", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "1️⃣", "\U00020000",
    "https://example.com/a/b?c=d#e", "<https://example.org/>", "[text](https://example.com)",
    "<@123456789012345678>", "<@&123456789012345678>", "<#123456789012345678>", "<t:1700000000:R>",
    "<:parrot:123456789012345678>", "<a:party:123456789012345678>",
    "`code`", "``a ` b``", "**bold text**", "||secret words||", "||", "|", "`", "```", "~~~", ">", "-", "#", "1.",
    "*", "__", "\\`", "\\", "...", "x" * 40, "\u200b", "\u0301", "\ud83d",
]  # fmt: skip
ATOMS = [fragment for fragment in FRAGMENTS if fragment.startswith(("<", "https"))]

line = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=14).flatmap(
    lambda words: st.sampled_from([" ", " ", " ", "", "  "]).map(lambda gap: gap.join(words))
)
prefix = st.sampled_from(["", "", "", "- ", "  - ", "1. ", "> ", "# ", "| ", "   ", "\t", "-# "])
mark = st.sampled_from(["```", "```", "```", "````", "~~~", "`````"])


@st.composite
def fenced(draw: st.DrawFn) -> str:
    before = draw(st.sampled_from(["", "", "", "  ", "     ", "> ", "- ", "1. ", "||"]))
    fence, closed = draw(mark), draw(st.integers(0, 3))
    inside = before if before == "> " else " " * len(before) if before != "||" else ""
    code = [f"{inside}{draw(prefix)}{text}" for text in draw(st.lists(line, max_size=12))]
    info = draw(st.sampled_from(["", LANGUAGE, f" {LANGUAGE}"]))
    closing = [] if closed == 0 else [f"{inside}{fence}{'||' if before == '||' else ''}"]
    return "\n".join([f"{before}{fence}{info}", *code, *closing])


lines = st.lists(st.tuples(prefix, line).map("".join), min_size=1, max_size=8).map("\n".join)
markdown = st.lists(st.one_of(lines, lines, fenced(), st.text(max_size=80)), min_size=1, max_size=8).flatmap(
    lambda blocks: st.sampled_from(["\n\n", "\n", "\r\n\r\n", "\n\n\n"]).map(lambda gap: gap.join(blocks))
)
limit = st.sampled_from([64, 80, 120, 300, 2000])
anything = st.one_of(markdown, st.text(max_size=600), st.text(alphabet="`~>|- \n*[]()<:a\u0301😀", max_size=600))
thorough = settings(max_examples=60, deadline=None)


def visible(text: str) -> str:
    """Everything but whitespace and what repair may add."""
    return re.sub(rf"[\s`~|>{LANGUAGE}]", "", text)


def leaves_fence_open(message: str) -> bool:
    """A reading of CommonMark's and Discord's fences that shares nothing with the splitter's."""
    opened: tuple[str, bool] | None = None
    for text in message.split("\n"):
        quoted = text.lstrip().startswith(">")
        if opened and opened[1] and not quoted:
            opened = None
        bare = text.lstrip("> \t") if quoted else text.strip()
        run = re.match(r"`+|~+", bare.removeprefix("||"))
        if opened is None:
            while item := re.match(r"([-*+]|[0-9]{1,9}[.)])[ \t]+", bare):
                bare = bare[item.end() :]
            run = re.match(r"`+|~+", bare.removeprefix("||"))
            if run and 3 <= len(run[0]) <= 10:
                info = bare.removeprefix("||")[run.end() :]
                if ("`" if run[0][0] == "`" else "~~~") not in info:
                    opened = (run[0], quoted)
        else:
            run = re.match(r"`+|~+", bare)
            ends = run and not bare[run.end() :].strip().strip("|")
            if run and ends and quoted == opened[1] and run[0].startswith(opened[0]):
                opened = None
    return opened is not None


@given(anything, limit, st.sampled_from([None, 64, 90, 500]))
@example("```" + "x" * 3000 + "\ncode\n```", 2000, None)
@example("a\u0301" * 3000, 64, None)
@thorough
def test_pieces_are_the_text_in_order_and_fit(text: str, limit: int, first_limit: int | None) -> None:
    pieces = list(cut(text, limit, first_limit))
    messages = split(text, limit, first_limit)
    assert [f"{p.opening}{text[p.start : p.end]}{p.closing}" for p in pieces] == messages
    room = first_limit or limit
    for message in messages:
        assert message.strip()
        assert utf16_length(message) <= room
        assert len(message) <= room
        room = limit
    # Between the pieces, before the first and behind the last: nothing but whitespace.
    ends, starts = [0, *(p.end for p in pieces)], [*(p.start for p in pieces), len(text)]
    for end, start in zip(ends, starts, strict=True):
        assert end <= start
        assert not text[end:start].strip()
    shown = "".join(message.removeprefix(piece.opening) for message, piece in zip(messages, pieces, strict=True))
    assert visible(shown) == visible(text)


@given(anything, limit)
@thorough
def test_repair_is_nothing_but_marks(text: str, limit: int) -> None:
    for piece in cut(text, limit):
        assert re.fullmatch(r"(?:(> )*(\|\|)?[`~]{3,10}[\w+#.-]{0,20}\n)?(> )*(\|\|\n?)?`{0,10}", piece.opening)
        assert re.fullmatch(r"`{0,10}(?:\n(> )*[`~]{3,10}|\n)?(\|\|)?", piece.closing)


@given(markdown, limit)
@thorough
def test_no_message_leaves_a_fence_open(text: str, limit: int) -> None:
    for message in split(text, limit):
        assert not leaves_fence_open(message), message


def fenceless(text: str) -> str:
    return re.sub(r"`{3,}|~{3,}|\|\|", "", text)


def at_the_margin(text: str) -> str:
    return re.sub(r"^(?:[ \t>*-]|1\.)+(?=`{3}|~{3})", "", text.replace("||", ""), flags=re.MULTILINE)


@given(
    st.lists(
        # CommonMark knows no spoilers; fences in lists and quotes are Discord's way where the two differ.
        st.one_of(lines.map(fenceless), fenced().map(at_the_margin)),
        min_size=1,
        max_size=6,
    ),
    limit,
)
@thorough
def test_commonmark_sees_no_fence_open_either(blocks: list[str], limit: int) -> None:
    for message in split("\n\n".join(blocks), limit):
        tokens = MarkdownIt().parse(f"{message}\n\nSENTINEL")
        assert tokens[-2].content == "SENTINEL", message


@given(anything, limit)
@thorough
def test_no_grapheme_is_cut(text: str, limit: int) -> None:
    graphemes = [match.span() for match in regex.finditer(r"\X", text)]
    assume(all(utf16_length(text[start:end]) < limit // 3 for start, end in graphemes))
    # A combining mark on a space may lose the space.
    borders = {start for start, _ in graphemes} | {len(text)} | {m.end() for m in re.finditer(r"\s", text)}
    for piece in cut(text, limit):
        assert piece.start in borders
        assert piece.end in borders


@given(markdown, limit)
@thorough
def test_no_mention_emoji_timestamp_or_url_is_cut(text: str, limit: int) -> None:
    kept = [match.span() for atom in ATOMS for match in re.finditer(rf"(?<!\S){re.escape(atom)}(?!\S)", text)]
    for piece in cut(text, limit):
        for start, end in kept:
            assert not start < piece.start < end
            assert not start < piece.end < end


@given(
    st.lists(st.text(alphabet="abcdeé", min_size=1, max_size=30), min_size=1, max_size=100), st.sampled_from([64, 100])
)
@thorough
def test_no_word_is_cut(words: list[str], limit: int) -> None:
    assert " ".join(split(" ".join(words), limit)).split() == words


@given(markdown.map(lambda text: text.replace("||", "")), limit, st.data())
@thorough
def test_growing_text_changes_only_the_last_two_messages(text: str, limit: int, data: st.DataObject) -> None:
    shorter = text[: data.draw(st.integers(0, len(text)))]
    settled = split(shorter, limit)[:-2]
    assert split(text, limit)[: len(settled)] == settled


@given(markdown, limit)
@thorough
def test_a_message_is_not_cut_again(text: str, limit: int) -> None:
    for message in split(text, limit):
        assert len(split(message, limit)) == 1


def prose(chars: int) -> str:
    """Sentences of words, as one paragraph of about this length."""
    sentence = "The quick brown fox jumps over the lazy dog, and then it sleeps. "
    return (sentence * (chars // len(sentence) + 1))[:chars].rsplit(" ", 1)[0]


def code(count: int) -> str:
    return "\n".join(f"    print({number})  # the line {number}" for number in range(count))


def test_nothing_to_show_gives_no_message() -> None:
    assert split("") == split(" \n\t\r\n\u3000 ") == []


def test_a_short_text_is_one_message_without_the_space_around_it() -> None:
    assert split("\n\n Hello *there*. \n") == ["Hello *there*."]


def test_a_limit_without_room_for_text_is_refused() -> None:
    for limits in ((63, None), (2000, 63)):
        with pytest.raises(ValueError, match="64"):
            split("text", *limits)


def test_paragraphs_stay_whole() -> None:
    one, two, three = prose(900), prose(800), prose(700)
    assert split(f"{one}\n\n{two}\n\n{three}") == [f"{one}\n\n{two}", three]


def test_a_long_paragraph_is_cut_at_the_end_of_a_sentence() -> None:
    first, *_ = split(prose(5000))
    assert first.endswith("it sleeps.")
    assert len(first) > 1900


def test_a_table_or_list_that_fits_a_message_is_moved_whole() -> None:
    for row in ("| a | {} |", "- item {}", "1. item {}"):
        block = "\n".join(row.format("x" * 80) for _ in range(20))
        assert split(f"{prose(700)}\n\n{block}\n\n{prose(100)}") == [prose(700), f"{block}\n\n{prose(100)}"]


def test_a_long_list_is_cut_between_items_with_what_belongs_to_them() -> None:
    items = [f"{number}. **Step**\n\n   {prose(300)}\n   - detail one\n   - detail two" for number in range(1, 20)]
    messages = split("\n\n".join(items))
    assert len(messages) > 2
    assert all(re.match(r"\d+\. \*\*Step", message) and message.endswith("detail two") for message in messages)


def test_a_heading_stays_with_what_follows() -> None:
    for heading in ("## Next part", "**Next part**"):
        assert split(f"{prose(1950)}\n\n{heading}\n\n{prose(600)}") == [prose(1950), f"{heading}\n\n{prose(600)}"]


@pytest.mark.parametrize("length", range(1970, 2010))
def test_the_closing_mark_of_a_fence_counts(length: int) -> None:
    messages = split(f"```python\n{'x' * (length - 100)}\n{'y' * 85}\nlast line\n```")
    assert all(len(message) <= 2000 for message in messages)
    assert all(message.startswith("```python\n") and message.endswith("\n```") for message in messages)


@pytest.mark.parametrize("info_chars", [30, 300, 1900, 1996, 1997, 2000, 7000])
def test_a_long_info_string_does_not_fill_the_messages(info_chars: int) -> None:
    messages = split(f"```python {'i' * info_chars}\n{code(200)}\n```")
    assert all(len(message) <= 2000 for message in messages)
    assert all(message.count("```") == 2 for message in messages)
    assert messages[-1].startswith("```python\n")
    assert len(messages) <= 6 + info_chars // 1900


@pytest.mark.parametrize(
    ("opener", "inside", "closer", "reopened", "closing"),
    [
        ("```py", "", "```", "```py", "```"),
        ("~~~ js", "", "~~~", "~~~js", "~~~"),
        ("````md", "", "````", "````md", "````"),
        ('```py title="a b"', "", "```", "```py", "```"),
        ("```", "", "```", "```", "```"),
        ("   ```sh", "   ", "   ```", "```sh", "```"),
        ("- ```sh", "  ", "  ```", "```sh", "```"),
        ("> ```sh", "> ", "> ```", "> ```sh", "> ```"),
        ("||```sh", "", "```||", "||```sh", "```||"),
    ],
)
def test_code_is_cut_between_lines_and_opened_again(
    opener: str, inside: str, closer: str, reopened: str, closing: str
) -> None:
    lines = [f"{inside}{line}" for line in code(150).split("\n")]
    messages = split("\n".join([opener, *lines, closer]))
    assert len(messages) > 2
    assert messages[0].startswith(f"{opener.strip()}\n")
    assert all(message.startswith(f"{reopened}\n") for message in messages[1:])
    assert all(message.endswith(f"\n{closing}") for message in messages[:-1])
    assert messages[-1].endswith(f"\n{closer}")
    shown = [line for message in messages for line in message.split("\n")[1:-1]]
    assert shown == lines


def test_what_looks_like_a_fence_inside_a_longer_fence_is_text() -> None:
    inner = f"```py\n{code(40)}\n```\n\nText.\n\n"
    messages = split(f"````md\n{inner * 3}````\n\nAfterwards.")
    assert len(messages) > 1
    assert all(message.startswith("````md\n") for message in messages)
    assert all(message.endswith("\n````") for message in messages[:-1])
    assert messages[-1].endswith("````\n\nAfterwards.")


def test_a_code_line_that_is_longer_than_a_message_stays_in_code() -> None:
    messages = split("```json\n" + "0123456789" * 700 + "\n```")
    assert all(message.startswith("```json\n") and message.endswith("\n```") for message in messages)
    assert "".join(message[8:-4] for message in messages) == "0123456789" * 700
    assert len(messages) == 4


def test_the_fence_that_a_growing_text_leaves_open_is_closed() -> None:
    assert split("Look:\n```py\nprint(1)") == ["Look:\n```py\nprint(1)\n```"]
    assert split("> ~~~\n> a") == ["> ~~~\n> a\n> ~~~"]
    assert split("> ~~~\n> a\n\n> b") == ["> ~~~\n> a\n\n> b"]  # ended with its quote


def test_a_spoiler_that_is_cut_stays_hidden() -> None:
    messages = split(f"Beware: ||{prose(3000)}\n\n{prose(1500)}|| That was it.")
    assert len(messages) > 2
    assert messages[0].startswith("Beware: ||")
    assert all(message.endswith("||") for message in messages[:-1])
    assert all(message.startswith("||") for message in messages[1:])
    assert messages[-1].endswith("|| That was it.")
    assert split(f"||{'x' * 1990} \\\n{'y' * 50}||")[0].endswith("\\\n||")


def test_a_code_span_that_must_be_cut_is_closed_and_opened_again() -> None:
    messages = split(f"Run `{'abc ' * 700}x` now.")
    assert all(message.count("`") == 2 for message in messages)


def test_short_marks_are_not_cut() -> None:
    for marked in ("`one two three`", "**one two three**", "[one two three](https://example.com/a)", "</ask me:1>"):
        for before in range(1975, 2001):
            assert marked in " ".join(split(f"{'x ' * (before // 2)}{marked} end"))
            assert any(marked in message for message in split(f"{'x ' * (before // 2)}{marked} end"))


def test_the_marks_of_a_code_span_are_not_cut_off() -> None:
    messages = split(f"` {'y' * 3000} z`")
    assert [message.count("`") for message in messages] == [2, 2]
    assert all(len(message) > 900 for message in messages)


def test_a_block_of_code_is_not_left_without_code() -> None:
    for before in range(1960, 2001):
        messages = split(f"{'w ' * (before // 2)}\n```py\n{code(3)}\n\n```\nEnd.")
        assert messages[1] == f"```py\n{code(3)}\n\n```\nEnd."
        messages = split(f"{'w ' * (before // 2)}\n```py\n{code(200)}\n```")
        assert not any(re.search(r"```py\s*```", message) for message in messages)
    for length in range(1960, 2001):
        messages = split(f"```py\n{'x' * (length - 40)}\n{'y' * 30}\n\n```\nEnd.")
        assert not any(re.search(r"```(py)?\n\s*```", message) for message in messages)


def test_no_cut_makes_a_list_or_heading_of_prose() -> None:
    for mark in ("-", "#", ">", "3.", "-#"):
        for before in range(1980, 2006):
            assert not split(f"{'w ' * (before // 2)}{mark} tail of the sentence")[1].startswith(mark)


def test_a_mention_in_a_text_without_spaces_is_not_cut() -> None:
    for before in range(1975, 2001):
        mention = "<@123456789012345678>"
        assert any(mention in message for message in split("ก" * before + mention + "ก" * 100))


def test_no_cut_makes_a_fence_of_what_was_none() -> None:
    for before in range(1975, 2001):
        for text in (
            f"{'w ' * (before // 2)}``` tail",
            f"{'w' * before}```\nnext",
            f"```{' w' * (before // 2)} ` tail",
        ):
            assert not any(leaves_fence_open(message) for message in split(text))
    assert split("```md\n> ```\nstill code\n```\ntext")[0].endswith("```\ntext")


def test_a_quoted_line_that_is_cut_stays_a_quote() -> None:
    assert all(message.startswith("> ") for message in split(f"> {prose(5000)}"))


def test_scripts_without_spaces_are_cut_at_punctuation_or_between_graphemes() -> None:
    assert split("这是一个句子。" * 500)[0] == "这是一个句子。" * 285
    for text in ("สวัสดีครับ" * 400, "你好世界" * 900, "ありがとう" * 900):
        messages = split(text)
        assert "".join(messages) == text
        assert len(messages) <= len(text) // 1990 + 1
    assert (
        " ".join(split("مرحبا بكم في هذا العالم الجميل " * 200)).split()
        == ["مرحبا", "بكم", "في", "هذا", "العالم", "الجميل"] * 200
    )


@pytest.mark.parametrize("grapheme", ["👨‍👩‍👧‍👦", "🇩🇪", "👍🏽", "1️⃣", "नि", "e\u0301\u0323", "\U00020000"])
def test_emoji_and_combined_characters_are_counted_in_utf16_and_not_cut(grapheme: str) -> None:
    messages = split(grapheme * 1500)
    assert "".join(messages) == grapheme * 1500
    for message in messages:
        assert utf16_length(message) <= 2000
        assert message == grapheme * (len(message) // len(grapheme))


def test_lines_that_end_with_carriage_returns_are_understood() -> None:
    text = f"## Title\n\n{prose(1500)}\n\n```py\n{code(60)}\n```\n\nEnd.\n".replace("\n", "\r\n")
    messages = split(text)
    assert [message.count("```") for message in messages] == [0, 2]
    assert messages[1].startswith("```py\r\n")
    assert messages[1].endswith("```\r\n\r\nEnd.")


def test_the_first_message_leaves_room_for_what_stands_above_it() -> None:
    messages = split(prose(6000), first_limit=500)
    assert 400 < len(messages[0]) <= 500
    assert len(messages[1]) > 1900


@pytest.mark.parametrize(
    "text",
    ["`" * 30_000, ">" * 30_000, "> " * 15_000, "[a](" * 8_000, "||" * 15_000, "```\n" * 8_000, "``` x " * 5_000,
     "**a " * 8_000, "<" * 30_000, "\t" * 15_000 + "a" + "\t" * 15_000 + "b", "a\n" * 15_000, "https://" * 4_000,
     "a" + "\u0301" * 30_000, "\ud83d" * 30_000, "- " * 15_000],
)  # fmt: skip
def test_hostile_text_is_cut_like_any_other(text: str) -> None:
    messages = split(text)
    assert all(utf16_length(message) <= 2000 for message in messages)
    assert len(messages) <= 2 * len(text) // 2000 + 2
    assert visible("".join(messages)) == visible(text)
