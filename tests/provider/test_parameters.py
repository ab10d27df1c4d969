"""Parameters that a server refuses: mended once, remembered, and told to the member."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.catalogue import Catalogue
from bot.core.errors import StoreUnavailable
from bot.core.errors.provider import ModelNotFound, RequestRefused
from bot.core.ports.chat import ChatRequest, JsonSchema
from bot.core.ports.remembered import Quirk
from bot.provider.chat import OpenAIChatModel
from bot.provider.parameters import Parameters, is_openai
from bot.sandbox.standin import Refuse, Say, StandIn
from bot.store.quirks import SqliteQuirkStore
from tests.clock import FakeClock
from tests.provider.conftest import PATIENT, MakeModel, QuirkList, answered, ask
from tests.store.samples import open_database

WRONG_ABOUT_LUNA = '[models.gpt-6-luna]\ncap_parameter = "max_tokens"\nreasoning_effort = "minimal"\n'


def sent(standin: StandIn) -> list[set[str]]:
    return [request.body.keys() - {"model", "messages", "stream"} for request in standin.requests]


def refusal(param: str | None, *, code: str | None = "unsupported_parameter", message: str = "No.") -> Refuse:
    return Refuse(400, code=code, type="invalid_request_error", param=param, message=message)


class TestMending:
    async def test_the_cap_is_renamed_and_a_bad_effort_left_out_in_silence(
        self, standin: StandIn, make_model: MakeModel, quirks: QuirkList
    ) -> None:
        chat_model = make_model(overlay=WRONG_ABOUT_LUNA)
        _, end = await answered(chat_model, ask())
        assert end.ignored_options == ()
        assert sent(standin)[-1] == {"max_completion_tokens", "stream_options"}
        assert standin.requests[-1].body["max_completion_tokens"] == 500
        assert set(quirks.remembered) == {
            Quirk(standin.base_url, "gpt-6-luna", "max_tokens", "max_completion_tokens"),
            Quirk(standin.base_url, "gpt-6-luna", "reasoning_effort", None),
        }

    async def test_what_is_known_is_not_paid_for_again(self, standin: StandIn, make_model: MakeModel) -> None:
        chat_model = make_model(overlay=WRONG_ABOUT_LUNA)
        await answered(chat_model, ask())
        assert len(standin.requests) == 3
        await answered(chat_model, ask())
        await answered(make_model(overlay=WRONG_ABOUT_LUNA), ask())  # another process, the same store
        assert len(standin.requests) == 5

    async def test_options_of_a_member_are_told_now_and_later(
        self, standin: StandIn, chat_model: OpenAIChatModel
    ) -> None:
        request = replace(
            ask(model="standin-no-penalties"), temperature=0.5, frequency_penalty=1.0, presence_penalty=1.0
        )
        for _ in range(2):
            _, end = await answered(chat_model, request)
            assert sorted(end.ignored_options) == ["frequency_penalty", "presence_penalty"]
        assert len(standin.requests) == 4
        assert standin.requests[-1].body["temperature"] == 0.5
        _, end = await answered(chat_model, ask(model="standin-no-penalties"))
        assert end.ignored_options == ()

    async def test_a_cap_that_is_known_under_neither_name_is_told(
        self, standin: StandIn, chat_model: OpenAIChatModel, quirks: QuirkList
    ) -> None:
        standin.script(refusal("max_completion_tokens"))
        for _ in range(2):
            _, end = await answered(chat_model, ask())  # the stand-in itself refuses max_tokens for this model
            assert end.ignored_options == ("max_tokens",)
            assert not {"max_tokens", "max_completion_tokens"} & sent(standin)[-1]
        assert len(standin.requests) == 4
        assert [quirk.replacement for quirk in quirks.remembered] == ["max_tokens", None]

    async def test_a_server_without_json_mode_is_told_as_json(
        self, standin: StandIn, chat_model: OpenAIChatModel
    ) -> None:
        standin.script(refusal("response_format", code="unsupported_value"))
        _, end = await answered(chat_model, replace(ask("In JSON, please"), json=True))
        assert end.ignored_options == ("json",)

    async def test_an_old_server_is_not_asked_for_usage(self, standin: StandIn, chat_model: OpenAIChatModel) -> None:
        _, end = await answered(chat_model, ask(model="standin-classic"))
        assert (end.ignored_options, end.usage) == ((), None)
        assert sent(standin)[-1] == {"max_tokens"}

    async def test_mending_does_not_use_up_the_retries(self, standin: StandIn, chat_model: OpenAIChatModel) -> None:
        standin.script(
            Refuse(500), refusal("temperature"), Refuse(500), refusal("top_p"), refusal("stream_options"), Say("Hi")
        )
        text, end = await answered(chat_model, replace(ask(), temperature=1.0, top_p=1.0))
        assert (text, end.ignored_options) == ("Hi", ("temperature", "top_p"))

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (400, {"error": {"message": "Unsupported parameter: 'temperature'", "code": None, "param": None}}),
            (400, {"error": {"message": "temperature is not supported here", "type": "BadRequestError", "code": 400}}),
            (400, {"error": "property 'temperature' is unsupported"}),
            (400, {"message": "This model does not support temperature", "object": "error"}),
            (422, {"detail": [{"loc": ["body", "temperature"], "msg": "Extra inputs are not permitted"}]}),
            (422, {"detail": [{"loc": ["body", "temperature"], "type": "extra_forbidden", "msg": "?"}]}),
            (422, {"detail": "unknown field: temperature"}),
        ],
    )
    async def test_servers_say_it_in_many_ways(
        self, standin: StandIn, chat_model: OpenAIChatModel, status: int, body: dict[str, object]
    ) -> None:
        standin.script(Refuse(status, body=json.dumps(body)), Say("Hi"))
        text, end = await answered(chat_model, replace(ask(), temperature=1.0, top_p=1.0))
        assert (text, end.ignored_options) == ("Hi", ("temperature",))
        assert "top_p" in sent(standin)[-1]

    @pytest.mark.parametrize(
        "refuse",
        [
            refusal("temperature", code="decimal_above_max_value", message="expected a value <= 2"),
            refusal("messages"),
            refusal("model"),
            refusal("tools"),
            refusal("messages[0].name"),
            refusal(None, message="Unsupported parameter: 'tools'"),
            refusal(None, code=None, message="temperature must be between 0 and 1"),
            Refuse(400, body="<html>Bad request</html>"),
            Refuse(415, code="unsupported_parameter", param="temperature"),
        ],
    )
    async def test_other_refusals_change_nothing(
        self, standin: StandIn, chat_model: OpenAIChatModel, quirks: QuirkList, refuse: Refuse
    ) -> None:
        standin.script(refuse)
        with pytest.raises(RequestRefused):
            await answered(chat_model, replace(ask(), temperature=1.0))
        assert len(standin.requests) == 1
        assert quirks.remembered == []

    async def test_the_same_refusal_twice_ends_it(self, standin: StandIn, chat_model: OpenAIChatModel) -> None:
        standin.script(refusal("temperature"), refusal("temperature"))
        with pytest.raises(RequestRefused):
            await answered(chat_model, replace(ask(), temperature=1.0))
        assert len(standin.requests) == 2

    async def test_a_model_that_is_gone_is_named(self, standin: StandIn, chat_model: OpenAIChatModel) -> None:  # D17
        with pytest.raises(ModelNotFound) as caught:
            await answered(chat_model, ask(model="gpt-4"))
        assert caught.value.fields == {"model": "gpt-4"}
        assert len(standin.requests) == 1


class TestRemembering:
    async def test_it_outlives_the_process(self, standin: StandIn, clock: FakeClock, tmp_path: Path) -> None:
        request = replace(ask(model="standin-no-penalties"), presence_penalty=1.0)
        for _ in range(2):
            async with open_database(tmp_path / "parley.db") as database:
                chat_model = OpenAIChatModel(
                    base_url=standin.base_url,
                    api_key=standin.key,
                    catalogue=Catalogue.parse(""),
                    quirks=SqliteQuirkStore(database, clock),
                    clock=clock,
                    deadlines=PATIENT,
                )
                _, end = await answered(chat_model, request)
                await chat_model.aclose()
                assert end.ignored_options == ("presence_penalty",)
        assert len(standin.requests) == 3

    async def test_what_another_server_refuses_is_its_own_affair(
        self, standin: StandIn, chat_model: OpenAIChatModel, quirks: QuirkList
    ) -> None:
        quirks.remembered.append(Quirk("https://elsewhere.example/v1", "gpt-6-luna", "temperature", None))
        quirks.remembered.append(Quirk(standin.base_url, "gpt-6-sol", "temperature", None))
        _, end = await answered(chat_model, replace(ask(), temperature=1.0))
        assert end.ignored_options == ()
        assert standin.requests[0].body["temperature"] == 1.0

    async def test_two_quirks_that_point_at_each_other_leave_the_cap_out(
        self, standin: StandIn, chat_model: OpenAIChatModel, quirks: QuirkList
    ) -> None:
        for name, other in (("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")):
            quirks.remembered.append(Quirk(standin.base_url, "gpt-6-luna", name, other))
        _, end = await answered(chat_model, ask())
        assert end.ignored_options == ("max_tokens",)
        assert len(standin.requests) == 1

    async def test_a_store_that_fails_costs_requests_but_no_answer(self, standin: StandIn, clock: FakeClock) -> None:
        class BrokenStore:
            async def quirks(self) -> Sequence[Quirk]:
                raise StoreUnavailable

            async def remember(self, quirk: Quirk) -> None:
                raise StoreUnavailable

        chat_model = OpenAIChatModel(
            base_url=standin.base_url,
            api_key=standin.key,
            catalogue=Catalogue.parse(WRONG_ABOUT_LUNA),
            quirks=BrokenStore(),
            clock=clock,
            deadlines=PATIENT,
        )
        await answered(chat_model, ask())
        await answered(chat_model, ask())
        await chat_model.aclose()
        assert len(standin.requests) == 6


class TestOpenAIOnly:
    @pytest.mark.parametrize(
        ("base_url", "openai"),
        [
            ("https://api.openai.com/v1", True),
            ("https://eu.api.openai.com/v1", True),
            ("https://api.openai.com.example/v1", False),
            ("https://example/api.openai.com", False),
            ("https://notapi.openai.com/v1", False),
            ("http://127.0.0.1:8080/v1", False),
        ],
    )
    def test_it_is_told_by_the_host(self, base_url: str, openai: bool) -> None:
        assert is_openai(base_url) is openai

    def test_it_gets_the_pseudonyms_and_no_padding(self) -> None:
        request: ChatRequest = replace(ask(), conversation_hash="c", member_hash="m")
        body = Parameters(request, Catalogue.parse("").entry("x"), openai=True).body
        assert body["prompt_cache_key"] == "c"
        assert body["safety_identifier"] == "m"
        assert body["stream_options"] == {"include_usage": True, "include_obfuscation": False}

    def test_nothing_is_sent_for_what_is_not_known(self) -> None:
        body = Parameters(ask(), Catalogue.parse("").entry("x"), openai=True).body
        assert not {"prompt_cache_key", "safety_identifier"} & body.keys()


SCHEMA = JsonSchema("shelf", {"type": "object"}, strict=False, instructions="The JSON must fit: {}")


def with_schema() -> ChatRequest:
    return replace(ask("In JSON, please"), json=True, json_schema=SCHEMA)


class TestSchema:
    async def test_it_is_sent_by_name_with_its_strictness(self, standin: StandIn, chat_model: OpenAIChatModel) -> None:
        _, end = await answered(chat_model, with_schema())
        assert standin.requests[0].body["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": "shelf", "schema": {"type": "object"}, "strict": False},
        }
        assert end.ignored_options == ()

    async def test_a_server_that_takes_none_is_told_in_words_and_asked_once(
        self, standin: StandIn, chat_model: OpenAIChatModel, quirks: QuirkList
    ) -> None:
        message = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
        standin.script(refusal("response_format", code=None, message=message))
        for _ in range(2):
            _, end = await answered(chat_model, with_schema())
            assert end.ignored_options == ("schema",)
            body = standin.requests[-1].body
            assert body["response_format"] == {"type": "json_object"}
            assert body["messages"][0]["content"] == "You are a test.\n\nThe JSON must fit: {}"
        assert len(standin.requests) == 3
        assert quirks.remembered == [Quirk(standin.base_url, "gpt-6-luna", "json_schema", "response_format")]

    async def test_a_server_without_json_mode_gets_the_words_alone(
        self, standin: StandIn, chat_model: OpenAIChatModel
    ) -> None:
        standin.script(refusal("response_format"), refusal("response_format"))
        for _ in range(2):
            _, end = await answered(chat_model, with_schema())
            assert end.ignored_options == ("schema", "json")
            body = standin.requests[-1].body
            assert "response_format" not in body
            assert body["messages"][0]["content"].endswith("The JSON must fit: {}")
        assert len(standin.requests) == 4

    @pytest.mark.parametrize(
        "refuse",
        [
            refusal("response_format", code="invalid_json_schema"),
            refusal("response_format.json_schema.schema", code="invalid_value"),
            refusal("response_format", code=None, message="Invalid schema for response_format: 'x' is not permitted."),
            refusal(None, code=None, message="response_format.json_schema: keyword 'not' is not implemented"),
        ],
    )
    async def test_a_refused_schema_is_no_habit_of_the_server(
        self, standin: StandIn, chat_model: OpenAIChatModel, quirks: QuirkList, refuse: Refuse
    ) -> None:
        standin.script(refuse)
        _, end = await answered(chat_model, with_schema())
        assert end.ignored_options == ("schema",)
        assert quirks.remembered == []
        _, end = await answered(chat_model, with_schema())
        assert end.ignored_options == ()
