"""Files are read by a child process that can be killed: real pypdf, real jsonschema, real bombs."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader, PdfWriter

from bot.core.conversation import AttachedPicture, AttachedText, PictureSource
from bot.core.errors.files import FileProblem, FileRefused
from bot.core.limits import ATTACHMENTS, FILE_CHARS, KEPT_FILE_CHARS, PDF_FILE_BYTES, PDF_PAGES, PICTURES
from bot.core.ports.files import FilesRead, Violation
from bot.reading.reader import Reading
from tests.core.test_attachments import WEB_PAGE, zipped
from tests.core.test_schemas import BOOK, an_object
from tests.pdfs import a_bomb, a_pdf, a_slow_pdf
from tests.pictures import a_picture, heavy_png


@dataclass(frozen=True)
class HeldFile:
    """A file that needs no fetching."""

    content: bytes
    filename: str = "file.txt"
    url: str = "https://cdn.discordapp.com/attachments/1/2/file.txt"
    declared: int | None = None

    @property
    def size(self) -> int:
        return len(self.content) if self.declared is None else self.declared

    async def read(self) -> bytes:
        return self.content


async def fetch(file: Any, *, limit_bytes: int) -> bytes:
    if len(file.content) > limit_bytes:
        raise FileRefused(FileProblem.TOO_LARGE)
    content: bytes = file.content
    return content


def reading(**changes: Any) -> Reading:
    return Reading(fetch, **changes)


async def read(*files: HeldFile, schema: HeldFile | None = None, kept: bool = True, **changes: Any) -> FilesRead:
    reader = reading(**changes).files(files, schema=schema, kept=kept)
    assert reader is not None
    return await reader.read()


async def texts(*files: HeldFile, **options: Any) -> tuple[AttachedText, ...]:
    attachments = (await read(*files, **options)).attachments
    assert all(isinstance(one, AttachedText) for one in attachments)
    return tuple(one for one in attachments if isinstance(one, AttachedText))


async def refusal(*files: HeldFile, **options: Any) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        await read(*files, **options)
    return caught.value


class TestText:
    async def test_it_is_taken_as_it_is(self) -> None:
        (one, two) = await texts(HeldFile(b"one\n", "a.txt"), HeldFile("zwei ü".encode("utf-16"), "b.log"))
        assert (one.name, one.kind, one.size_bytes, one.text, one.cut) == ("a.txt", "text", 4, "one", False)
        assert two.text == "zwei ü"

    async def test_a_web_page_that_came_instead_of_a_pdf_is_text(self) -> None:
        (page,) = await texts(HeldFile(WEB_PAGE, "report.pdf"))
        assert page.kind == "text"
        assert "404" in page.text

    async def test_a_long_one_is_cut(self) -> None:
        for kept, limit in ((True, KEPT_FILE_CHARS), (False, FILE_CHARS)):
            (file,) = await texts(HeldFile(b"a" * (limit + 1)), kept=kept)
            assert (len(file.text), file.cut) == (limit, True)
            (file,) = await texts(HeldFile(b"a" * limit), kept=kept)
            assert (len(file.text), file.cut) == (limit, False)

    async def test_several_share_the_room_and_leave_none_unused(self) -> None:
        short, long, longer = await texts(HeldFile(b"a" * 10), HeldFile(b"b" * 100_000), HeldFile(b"c" * 100_000))
        assert len(short.text) == 10
        assert len(long.text) + len(longer.text) == KEPT_FILE_CHARS - 10
        assert abs(len(long.text) - len(longer.text)) <= 1

    @pytest.mark.parametrize(
        ("file", "problem"),
        [
            (HeldFile(zipped(), "notes.txt"), FileProblem.ARCHIVE),
            (HeldFile(b"BM\x00\x00", "notes.txt"), FileProblem.PICTURE),
            (HeldFile(b"\x89PNG\r\n\x1a\n\x00", "notes.txt"), FileProblem.PICTURE_BROKEN),
            (HeldFile(b"a\x00b", "notes.txt"), FileProblem.NOT_TEXT),
            (HeldFile(b"", "notes.txt"), FileProblem.EMPTY),
            (HeldFile(b"a" * (1024**2 + 1)), FileProblem.TOO_LARGE),
            (HeldFile(b"a", declared=21 * 1024**2), FileProblem.TOO_LARGE),
            (HeldFile(b"a" * (20 * 1024**2 + 1), declared=1), FileProblem.TOO_LARGE),  # it lied about its size
        ],
    )
    async def test_what_is_refused_is_named_by_its_number(self, file: HeldFile, problem: FileProblem) -> None:
        refused = await refusal(HeldFile(b"fine"), file)
        assert (refused.problem, refused.fields) == (problem, {"number": 2})

    async def test_too_many(self) -> None:
        refused = await refusal(*[HeldFile(b"a")] * (ATTACHMENTS + 1))
        assert refused.problem is FileProblem.TOO_MANY

    async def test_a_name_of_ten_thousand_characters(self) -> None:
        (file,) = await texts(HeldFile(b"a", "n" * 10_000 + ".txt"))
        assert len(file.name) <= 80

    def test_no_files_need_no_reader(self) -> None:
        assert reading().files([], kept=True) is None


class TestPictures:
    async def test_they_are_described_beside_texts_and_carry_where_they_are_found(self) -> None:
        source = PictureSource(1, 2, 3)
        reader = reading().files(
            [HeldFile(b"text", "a.txt"), HeldFile(a_picture(), "b.png")], kept=True, sources=[source, source]
        )
        assert reader is not None
        found = await reader.read()
        assert [type(one) for one in found.attachments] == [AttachedText, AttachedPicture]
        assert found.attachments[1] == AttachedPicture("b.png", "PNG", len(a_picture()), 8, 6, source)
        assert [picture.name for picture in found.pictures] == ["b.png"]

    async def test_together_they_fit_into_one_request(self) -> None:
        heavy = HeldFile(heavy_png(19 * 1024**2), "a.png")
        refused = await refusal(heavy, heavy)
        assert refused.problem is FileProblem.PICTURES_BYTES

    async def test_quoted_ones_never_stand_in_the_way(self) -> None:
        source = PictureSource(1, 2, 3)
        good, bad = HeldFile(a_picture(), "good.png"), HeldFile(a_picture()[:-12], "bad.png")
        reader = reading().files([good], kept=True, quoted=[(one, source) for one in (bad, *[good] * PICTURES)])
        assert reader is not None
        found = await reader.read()
        assert len(found.pictures) == PICTURES
        assert [isinstance(one, AttachedPicture) and one.quoted for one in found.attachments] == [False, *[True] * 3]
        assert found.lost == ("bad.png",)


class TestPdf:
    @pytest.mark.parametrize("compress", [False, True])
    async def test_its_text_is_read(self, compress: bool) -> None:
        (file,) = await texts(HeldFile(a_pdf(["A heap (is) a tree.", "A stack."], compress=compress), "x.txt"))
        assert (file.kind, file.text, file.cut) == ("PDF", "A heap (is) a tree.\n\nA stack.", False)

    async def test_only_the_first_pages_are(self) -> None:
        (file,) = await texts(HeldFile(a_pdf([f"page {n}" for n in range(PDF_PAGES + 1)])))
        assert file.cut
        assert file.text.endswith(f"page {PDF_PAGES - 1}")

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"%PDF-1.4\n" + WEB_PAGE, FileProblem.PDF_BROKEN),
            (b"%PDF-1.7", FileProblem.PDF_BROKEN),
            (a_pdf()[:200], FileProblem.PDF_BROKEN),
            (a_pdf(["", ""]), FileProblem.PDF_WITHOUT_TEXT),
        ],
        ids=["page", "nothing", "cut", "scan"],
    )
    async def test_what_cannot_be_read(self, content: bytes, problem: FileProblem) -> None:
        assert (await refusal(HeldFile(content, "a.pdf"))).problem is problem

    async def test_a_locked_one(self) -> None:
        writer = PdfWriter(PdfReader(BytesIO(a_pdf())))
        writer.encrypt("secret", algorithm="RC4-128")
        locked = BytesIO()
        writer.write(locked)
        assert (await refusal(HeldFile(locked.getvalue(), "a.pdf"))).problem is FileProblem.PDF_LOCKED

    async def test_a_bomb_is_not_unpacked(self) -> None:
        bomb = a_bomb()
        assert len(bomb) < 1024**2
        assert (await refusal(HeldFile(bomb, "a.pdf"))).problem in (
            FileProblem.PDF_BROKEN,
            FileProblem.PDF_WITHOUT_TEXT,
        )

    async def test_a_page_that_takes_too_long_is_given_up(self) -> None:
        assert (await refusal(HeldFile(a_slow_pdf(), "a.pdf"), job_seconds=3)).problem is FileProblem.PDF_BROKEN


def schema_file(schema: Any, name: str = "book.json") -> HeldFile:
    return HeldFile(json.dumps(schema).encode(), name)


class TestSchema:
    async def test_it_is_read_with_its_name(self) -> None:
        found = await read(HeldFile(b"one"), schema=schema_file(BOOK, "my book.json"))
        assert json.loads(found.schema or "") == BOOK
        assert found.schema_name == "my_book"
        assert len(found.attachments) == 1

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"", FileProblem.SCHEMA_NOT_JSON),
            (b"\x89PNG\r\n", FileProblem.SCHEMA_NOT_JSON),
            (b'{"type": "object", "type": "object"}', FileProblem.SCHEMA_NOT_JSON),
            (b'{"type": "object", "minProperties": NaN}', FileProblem.SCHEMA_NOT_JSON),
            (b"[" * 60_000, FileProblem.SCHEMA_NOT_JSON),
            (b'{"type": "object", "description": "\\ud83d"}', FileProblem.SCHEMA_NOT_JSON),
            (b" " * (64 * 1024) + b"{}", FileProblem.SCHEMA_NOT_JSON),
            (b'["object"]', FileProblem.SCHEMA_NOT_OBJECT),
            (b'{"type": "object", "minProperties": "many"}', FileProblem.SCHEMA_INVALID),
            (b'{"type": "object", "required": "all"}', FileProblem.SCHEMA_INVALID),
            (b'{"type": "object", "properties": {"a": {"type": "word"}}}', FileProblem.SCHEMA_INVALID),
        ],
    )
    async def test_what_is_refused(self, content: bytes, problem: FileProblem) -> None:
        assert (await refusal(schema=HeldFile(content))).problem is problem


class TestViolation:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ({"title": "x", "pages": 3}, None),
            ({"title": "x", "pages": 0}, Violation("$.pages", "minimum", "1")),
            ({"title": 5, "pages": 1}, Violation("$.title", "type", '"string"')),
            ({"title": "x"}, Violation("$", "required", '"pages"')),
            ({"title": "x", "pages": 1, "more": 1}, Violation("$", "additionalProperties", '"more"')),
            ([], Violation("$", "type", '"object"')),
        ],
    )
    async def test_it_is_named(self, value: Any, expected: Violation | None) -> None:
        assert await reading().violation(json.dumps(value), json.dumps(BOOK)) == expected

    async def test_a_path_is_plain(self) -> None:
        found = await reading().violation('{"a`@b": 1}', json.dumps(an_object(**{"a`@b": {"type": "string"}})))
        assert found is not None
        assert not set("`@") & set(found.path)

    async def test_a_check_that_never_ends_is_given_up(self) -> None:
        twice: Sequence[Any] = [an_object(a={"$ref": "#"})] * 2
        bomb = {"type": "object", "allOf": twice}  # twice as much work for every level of the value
        value = '{"a":' * 200 + "1" + "}" * 200
        with pytest.raises(TimeoutError):
            await reading(job_seconds=3).violation(value, json.dumps(bomb))

    async def test_nothing_is_fetched_for_a_reference(self) -> None:
        schema = {"type": "object", "$ref": "http://127.0.0.1:9/schema.json"}  # nobody checked this one
        with pytest.raises(TimeoutError):
            await reading().violation("{}", json.dumps(schema))


async def test_the_child_gets_none_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    original = subprocess.Popen

    def watched(*arguments: Any, **options: Any) -> Any:
        seen.update(options)
        return original(*arguments, **options)

    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setattr(subprocess, "Popen", watched)
    await read(HeldFile(a_pdf()))
    assert seen["env"] == {}


async def test_no_more_than_two_children_work_at_once_whoever_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    at_work = most = 0
    lock, go_on = threading.Lock(), threading.Event()

    def run(*_: object) -> bytes:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        go_on.wait(10)
        with lock:
            at_work -= 1
        return b'{"violation": null}'

    reading = Reading(fetch=nothing)
    monkeypatch.setattr(reading._children, "_run", run)
    asked = [asyncio.create_task(reading.violation("{}", "{}")) for _ in range(6)]
    while at_work < 2:  # noqa: ASYNC110  the threads tell nobody
        await asyncio.sleep(0)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    last = asyncio.create_task(reading.violation("{}", "{}"))
    await asyncio.sleep(0)
    assert at_work == 2
    go_on.set()
    assert await last is None
    assert most == 2


async def nothing(*_: object, **__: object) -> bytes:
    return b""


async def test_the_room_that_files_need_is_known_before_they_are_fetched() -> None:
    """What is too large is refused without being fetched, and keeps nobody waiting."""
    reading = Reading(fetch)
    small, large = HeldFile(b"", declared=1000), HeldFile(b"", declared=PDF_FILE_BYTES + 1)
    quoted = (HeldFile(b"", declared=500), PictureSource(1, 2, 3))
    files = reading.files([small, large], kept=False, quoted=[quoted])
    assert files is not None
    assert await files.size_bytes() == 1500
    pictures = reading.pictures([small, large], mask=small)
    assert pictures is not None
    assert await pictures.size_bytes() == 2000
