"""Our picture maker against the stand-in: both contracts, what is refused, what breaks, what is never sent twice."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from bot.core.errors.provider import (
    ContentRefused,
    InvalidReply,
    ModelNotFound,
    OptionRefused,
    OrganisationUnverified,
    PicturesMissing,
    ProviderTimeout,
    ProviderUnavailable,
    RequestRefused,
)
from bot.core.pictures.formats import kind_of_picture
from bot.core.pictures.ports import MadePictures, PictureRequest
from bot.core.ports.files import Picture
from bot.core.ports.remembered import Quirk
from bot.core.tasks import PictureAction
from bot.provider.downloads import Downloads
from bot.provider.images import OpenAIPictureMaker
from bot.sandbox.standin import Cut, Draw, Hold, Html, Raw, Refuse, Stall, StandIn
from bot.sandbox.standin.bodies import Upload
from tests.clock import FakeClock
from tests.pictures import a_picture
from tests.provider.conftest import QuirkList

FLARE = "gpt-image-2.6-flare"
MakeMaker = Callable[..., OpenAIPictureMaker]


@pytest.fixture
async def make_maker(standin: StandIn, clock: FakeClock, quirks: QuirkList) -> AsyncIterator[MakeMaker]:
    async with AsyncExitStack() as stack:

        def make(*, base_url: str | None = None, deadline_seconds: float = 30.0) -> OpenAIPictureMaker:
            maker = OpenAIPictureMaker(
                base_url=base_url or standin.base_url,
                api_key=standin.key,
                quirks=quirks,
                clock=clock,
                deadline_seconds=deadline_seconds,
            )
            stack.push_async_callback(maker.aclose)
            return maker

        yield make


@pytest.fixture
async def maker(make_maker: MakeMaker) -> OpenAIPictureMaker:
    return make_maker()


def wish(prompt: str = "a lighthouse", **changes: Any) -> PictureRequest:
    given: dict[str, Any] = {
        "action": PictureAction.GENERATE,
        "model": FLARE,
        "prompt": prompt,
        "count": 1,
        "contract": "gpt-image",
        "size": "1024x1024",
        "quality": "low",
        **changes,
    }
    return PictureRequest(**given)


def of_dall_e(model: str = "dall-e-2", **changes: Any) -> PictureRequest:
    return wish(model=model, contract="dall-e", quality=None, size="256x256", **changes)


def upload(size: tuple[int, int] = (64, 64), *, mode: str = "RGB") -> Picture:
    return Picture("mine.png", "image/png", *size, a_picture(size=size, mode=mode))


async def made(maker: OpenAIPictureMaker, request: PictureRequest) -> MadePictures:
    return await maker.make(request, lambda _: None)


class TestMaking:
    async def test_pictures_come_with_what_they_used(self, maker: OpenAIPictureMaker, standin: StandIn) -> None:
        answer = await made(maker, wish(count=2, file_format="webp"))
        assert [kind_of_picture(content) for content in answer.contents] == ["webp", "webp"]
        assert len(set(answer.contents)) == 2
        assert answer.usage is not None
        assert (answer.usage.pictures, answer.usage.output_tokens) == (2, 2 * 196)
        assert answer.usage.input_tokens > 0
        (request,) = standin.requests
        assert request.body == {
            "model": FLARE, "prompt": "a lighthouse", "n": 2, "size": "1024x1024", "quality": "low",
            "output_format": "webp",
        }  # fmt: skip

    async def test_unfinished_pictures_come_before_the_finished_one(
        self, maker: OpenAIPictureMaker, standin: StandIn
    ) -> None:
        partials: list[bytes] = []
        answer = await maker.make(wish(partials=2), partials.append)
        assert len(partials) == 2
        assert len({*partials, *answer.contents}) == 3
        assert answer.usage is not None
        assert answer.usage.output_tokens == 196 + 200
        assert (standin.requests[0].body["stream"], standin.requests[0].body["partial_images"]) == (True, 2)

    async def test_an_edit_sends_named_files_and_the_mask(self, maker: OpenAIPictureMaker, standin: StandIn) -> None:
        mask = upload(mode="RGBA")
        request = wish("a hat", action=PictureAction.EDIT, pictures=(upload(), upload()), mask=mask, partials=1)
        answer = await made(maker, request)
        assert len(answer.contents) == 1
        assert answer.usage is not None
        assert answer.usage.input_image_tokens == 2200
        body = standin.requests[0].body
        assert [file.file_name for file in body["image[]"]] == ["picture.png", "picture.png"]
        assert isinstance(body["mask"], Upload)
        assert body["mask"].content == mask.content
        assert "mine" not in str(body)

    async def test_the_dall_e_contract_gives_bytes_too(self, maker: OpenAIPictureMaker, standin: StandIn) -> None:
        answer = await made(maker, of_dall_e(count=3))
        assert len(set(answer.contents)) == 3
        assert answer.usage is not None
        assert answer.usage.pictures == 3
        assert standin.requests[0].body["response_format"] == "b64_json"

    async def test_a_variation_is_asked_of_its_own_endpoint(self, maker: OpenAIPictureMaker, standin: StandIn) -> None:
        await made(maker, of_dall_e(action=PictureAction.VARY, pictures=(upload(),), by_variations=True, count=2))
        assert [request.path for request in standin.requests] == ["/v1/images/variations"]
        assert "prompt" not in standin.requests[0].body

    async def test_without_that_endpoint_an_edit_is_asked_for_and_that_is_remembered(
        self, maker: OpenAIPictureMaker, make_maker: MakeMaker, standin: StandIn, quirks: QuirkList
    ) -> None:
        standin.script(Refuse(404, message="Invalid URL", body='{"detail": "Not Found"}'), of="image")
        request = of_dall_e(action=PictureAction.VARY, pictures=(upload(),), by_variations=True)
        assert len((await made(maker, request)).contents) == 1
        assert [request.path.rpartition("/")[2] for request in standin.requests] == ["variations", "edits"]
        assert len(quirks.remembered) == 1
        await made(make_maker(), request)
        assert standin.requests[-1].path.endswith("/edits")
        assert len(standin.requests) == 3


class TestAddresses:
    async def test_a_picture_behind_an_address_is_fetched_at_once(
        self, maker: OpenAIPictureMaker, standin: StandIn
    ) -> None:
        standin.script(Draw(as_urls=True), of="image")
        answer = await made(maker, of_dall_e(count=2))
        assert [kind_of_picture(content) for content in answer.contents] == ["png", "png"]
        assert [request.method for request in standin.requests] == ["POST", "GET", "GET"]
        assert "Authorization" not in standin.requests[-1].headers

    @pytest.mark.parametrize(
        "address",
        [
            "http://example.com/picture.png",
            "https://127.0.0.1/picture.png",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/picture.png",
            "https://user@example.com/picture.png",
            "https://example.com:8443/picture.png",
            "file:///etc/hostname",
            "https://[broken/picture.png",
        ],
    )
    async def test_no_address_leads_into_a_private_network(
        self, maker: OpenAIPictureMaker, standin: StandIn, address: str
    ) -> None:
        standin.script(Draw(as_urls=True, address=address), of="image")
        with pytest.raises(InvalidReply):
            await made(maker, of_dall_e())
        assert len(standin.requests) == 1

    async def test_a_name_that_leads_to_a_private_address_is_not_followed(self, standin: StandIn) -> None:
        downloads = Downloads("https://pictures.example/v1")
        try:
            with pytest.raises(InvalidReply):  # a public name by its looks
                await downloads.picture("https://localhost/picture.png", limit_bytes=1000)
        finally:
            await downloads.aclose()
        assert standin.requests == []

    async def test_too_much_behind_an_address_is_not_read_to_its_end(self, standin: StandIn) -> None:
        downloads = Downloads(standin.base_url)
        try:
            with pytest.raises(InvalidReply):
                await downloads.picture(f"{standin.base_url}/models", limit_bytes=10)
            with pytest.raises(InvalidReply):
                await downloads.picture(f"{standin.base_url}/nothing", limit_bytes=1000)
        finally:
            await downloads.aclose()


class TestRefusals:
    async def test_moderation(self, maker: OpenAIPictureMaker) -> None:
        with pytest.raises(ContentRefused) as caught:
            await made(maker, wish("[block] this"))
        assert "the word for it" not in caught.value.detail

    async def test_an_unverified_organisation(self, maker: OpenAIPictureMaker, standin: StandIn) -> None:
        message = "Your organization must be verified to use the model `gpt-image-2.6-flare`. Go to …"
        standin.script(Refuse(403, type="invalid_request_error", message=message), of="image")
        with pytest.raises(OrganisationUnverified) as caught:
            await made(maker, wish())
        assert caught.value.fields == {"model": FLARE}
        await made(maker, wish())  # nobody else is kept waiting for that

    @pytest.mark.parametrize("model", ["gpt-image-1", "gpt-image-0"])
    async def test_a_model_that_is_gone(self, maker: OpenAIPictureMaker, model: str) -> None:
        with pytest.raises(ModelNotFound):
            await made(maker, wish(model=model))

    @pytest.mark.parametrize(
        ("changes", "option"),
        [
            ({"size": "1000x1000"}, "size"),
            ({"count": 2, "model": "dall-e-3", "contract": "dall-e", "quality": None}, "n"),
            ({"quality": "hd"}, "quality"),
            ({"background": "transparent", "file_format": "jpeg"}, "background"),
        ],
    )
    async def test_what_the_model_does_not_take_is_named(
        self, maker: OpenAIPictureMaker, changes: dict[str, Any], option: str
    ) -> None:
        with pytest.raises(OptionRefused) as caught:
            await made(maker, wish(**changes))
        assert caught.value.fields["option"] == option
        assert not caught.value.may_be_billed

    async def test_a_mask_of_another_size(self, maker: OpenAIPictureMaker, standin: StandIn) -> None:
        mask = upload((32, 32), mode="RGBA")
        with pytest.raises(RequestRefused):
            await made(maker, wish(action=PictureAction.EDIT, pictures=(upload(),), mask=mask))
        assert standin.billed == 0

    async def test_a_parameter_that_the_server_does_not_know_is_left_out_remembered_and_told(
        self, maker: OpenAIPictureMaker, standin: StandIn, quirks: QuirkList
    ) -> None:
        request = of_dall_e(style="vivid")
        answer = await made(maker, request)
        assert answer.ignored_options == ("style",)
        assert quirks.remembered == [Quirk(standin.base_url, "dall-e-2", "style", None)]
        assert (await made(maker, request)).ignored_options == ("style",)
        assert len(standin.requests) == 3

    async def test_a_server_without_pictures(self, maker: OpenAIPictureMaker, standin: StandIn) -> None:
        standin.script(Refuse(404, body="404 page not found"), of="image")
        with pytest.raises(PicturesMissing):
            await made(maker, wish())


class TestFaults:
    async def test_a_web_page_is_no_answer(self, maker: OpenAIPictureMaker, standin: StandIn) -> None:
        standin.script(Html(), of="image")
        with pytest.raises(InvalidReply) as caught:
            await made(maker, wish())
        assert caught.value.may_be_billed

    async def test_a_picture_that_was_cut_off_does_not_count(self, maker: OpenAIPictureMaker, standin: StandIn) -> None:
        standin.script(Draw(broken=1), Draw(broken=1), of="image")
        assert len((await made(maker, wish(count=3))).contents) == 2
        with pytest.raises(InvalidReply):
            await made(maker, wish())

    @pytest.mark.parametrize(
        "body", ["[]", "{}", '{"data": []}', '{"data": [{"b64_json": "aGVsbG8="}]}', "oops", '{"da']
    )
    async def test_what_is_no_answer(self, maker: OpenAIPictureMaker, standin: StandIn, body: str) -> None:
        standin.script(Raw(body), of="image")
        with pytest.raises(InvalidReply):
            await made(maker, wish())

    async def test_an_error_with_status_200_is_an_error(self, maker: OpenAIPictureMaker, standin: StandIn) -> None:
        standin.script(Raw('{"error": {"message": "…", "code": "moderation_blocked"}}'), of="image")
        with pytest.raises(ContentRefused):
            await made(maker, wish())

    @pytest.mark.parametrize("how", ["close", "reset"])
    async def test_a_lost_answer_is_not_asked_for_again(
        self, maker: OpenAIPictureMaker, standin: StandIn, how: Any
    ) -> None:
        standin.script(Cut(None, how), of="image")
        with pytest.raises(ProviderUnavailable) as caught:
            await made(maker, wish())
        assert caught.value.may_be_billed
        assert len(standin.requests) == 1

    async def test_a_stream_that_ends_early_may_have_cost(self, maker: OpenAIPictureMaker, standin: StandIn) -> None:
        standin.script(Cut(1, "no_finish"), Cut(1, "error_event"), of="image")
        with pytest.raises(InvalidReply) as ended:
            await made(maker, wish(partials=2))
        assert ended.value.may_be_billed
        with pytest.raises(ProviderUnavailable) as failed:
            await made(maker, wish(partials=2))
        assert failed.value.may_be_billed

    async def test_the_deadline_is_our_own(self, make_maker: MakeMaker, standin: StandIn) -> None:
        standin.script(Stall(None), of="image")
        with pytest.raises(ProviderTimeout) as caught:
            await made(make_maker(deadline_seconds=0.2), wish())
        assert caught.value.may_be_billed
        await standin.requests[0].ended.wait()
        assert standin.requests[0].aborted

    async def test_a_connection_that_was_never_made_is_tried_once_more(self, make_maker: MakeMaker) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            maker = make_maker(base_url=f"http://127.0.0.1:{closed.getsockname()[1]}/v1")
            with pytest.raises(ProviderUnavailable) as caught:
                await made(maker, wish())
        assert not caught.value.may_be_billed

    async def test_five_failures_leave_the_server_alone_for_a_while(
        self, maker: OpenAIPictureMaker, standin: StandIn
    ) -> None:
        standin.script(*[Refuse(503)] * 5, of="image")
        for _ in range(6):
            with pytest.raises(ProviderUnavailable):
                await made(maker, wish())
        assert len(standin.requests) == 5

    async def test_a_held_answer_comes_when_it_is_let_go(self, maker: OpenAIPictureMaker, standin: StandIn) -> None:
        standin.script(Hold(1), of="image")
        seen: list[bytes] = []

        def let_go(content: bytes) -> None:
            seen.append(content)
            standin.release()

        answer = await maker.make(wish(partials=2), let_go)
        assert (len(seen), len(answer.contents)) == (2, 1)
