"""/chat and /ask: acknowledged first, answered by PATCH of the original response, private when asked for."""

import json
import re
from datetime import timedelta
from typing import Any

import discord
import pytest
from simcord.results import InteractionResult

from bot.app import Parley
from bot.core.conversation import ConversationKey
from bot.core.limits import MESSAGE_CHARS
from bot.sandbox.standin import Cut, Html, Refuse, Say
from cogs.ui.replies import TryAgainButton
from tests.cogs.conftest import World

ERROR_ID = re.compile(r"error id: ([0-9a-f]{8})")


def labels(message: discord.Message) -> list[str | None]:
    """The labels of a message's buttons."""
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    return [item.label for row in rows for item in row.children if isinstance(item, discord.Button)]


def shown(result: InteractionResult) -> str:
    assert result.response is not None
    return result.response.content


async def until_november(world: World) -> None:
    """Move the simulated clock, which begins on 2026-01-01, to when today's models cost and end as they do."""
    await world.env.advance_time(timedelta(days=326).total_seconds())


async def test_chat_is_deferred_and_answered_in_place_with_the_question_above(world: World) -> None:
    world.standin.script(Say("A heap is a tree."))
    result = await world.asker.slash(world.channel, "chat", message="What is a heap?\nReally.")
    (acknowledgement,) = [e.json for e in world.env.http_requests if e.path.endswith("/callback")]
    assert isinstance(acknowledgement, dict)
    assert acknowledgement["type"] == 5, "deferred before anything else"
    assert not result.ephemeral
    assert shown(result) == "> What is a heap?\n> Really.\n\nA heap is a tree."
    assert not result.followups
    assert len(world.answers()) == 1
    assert not world.pinged()


async def test_chat_and_mentions_share_the_channels_conversation(world: World) -> None:
    await world.asker.slash(world.channel, "chat", message="by command")
    await world.asker.send(world.channel, f"{world.mention} by mention")
    assert "by command" in str(world.sent_to_model()[1])


async def test_a_private_chat_is_a_conversation_of_ones_own(world: World) -> None:
    await world.asker.slash(world.channel, "chat", message="in public")
    private = await world.asker.slash(world.channel, "chat", message="my secret", private=True)
    assert private.ephemeral
    assert "> my secret" not in shown(private)
    await world.asker.slash(world.channel, "chat", message="and again", private=True)
    await world.other.slash(world.channel, "chat", message="other here", private=True)
    await world.other.slash(world.channel, "chat", message="what did you hear?")
    sent = [str(messages) for messages in world.sent_to_model()]
    assert "in public" not in sent[1]
    assert "my secret" in sent[2]
    assert "my secret" not in sent[3]
    assert "my secret" not in sent[4]
    assert "in public" in sent[4]


async def test_options_are_sent_only_when_they_are_set(world: World) -> None:
    await world.asker.slash(world.channel, "chat", message="plain")
    await world.asker.slash(world.channel, "ask", prompt="set", temperature=0.5, top_p=0.9, max_tokens=50)
    plain, chosen = (request.body for request in world.standin.requests)
    assert isinstance(plain, dict)
    assert isinstance(chosen, dict)
    assert not {"temperature", "top_p", "presence_penalty", "frequency_penalty"} & set(plain)
    assert plain["reasoning_effort"] == "none"
    assert plain["stream_options"] == {"include_usage": True}
    assert plain["max_completion_tokens"] > 0
    assert (chosen["temperature"], chosen["top_p"], chosen["max_completion_tokens"]) == (0.5, 0.9, 50)


async def test_ask_is_private_reads_no_history_and_leaves_none(world: World) -> None:
    await world.asker.slash(world.channel, "chat", message="earlier words")
    result = await world.asker.slash(world.channel, "ask", prompt="Who are you?", system="You are a lighthouse.")
    assert result.ephemeral
    await world.asker.slash(world.channel, "chat", message="later words")
    _, asked, later = world.sent_to_model()
    assert "earlier words" not in str(asked)
    assert asked[0]["content"].startswith("You are a lighthouse.")
    assert asked[1] == {"role": "user", "content": "Who are you?"}
    assert "Who are you?" not in str(later)


async def test_json_output_is_valid_and_shown_as_code(world: World) -> None:
    result = await world.asker.slash(world.channel, "ask", prompt="three colours", json=True)
    match = re.search(r"```json\n(.*)```", shown(result), re.DOTALL)
    assert match is not None
    json.loads(match[1])
    body = world.standin.requests[0].body
    assert isinstance(body, dict)
    assert body["response_format"] == {"type": "json_object"}


async def test_json_that_is_none_is_marked(world: World) -> None:
    world.standin.script(Say('{"half": '), Say('{"half": '))
    result = await world.asker.slash(world.channel, "ask", prompt="three colours", json=True)
    assert shown(result).endswith('{"half":\n-# ⚠️ This is not valid JSON.')


async def test_a_long_answer_is_shown_whole(world: World) -> None:
    text = "\n\n".join(f"Paragraph {n}: " + "word " * 60 for n in range(12))
    world.standin.script(Say(text.strip()))
    await world.asker.send(world.channel, f"{world.mention} tell me all")
    pages = [m.content for m in world.answers()]
    assert 1 < len(pages) <= 3
    assert all(len(page) <= MESSAGE_CHARS for page in pages)
    assert re.sub(r"\s+", " ", " ".join(pages)).strip() == re.sub(r"\s+", " ", text).strip()


async def test_a_very_long_answer_comes_with_a_file_that_holds_all_of_it(world: World) -> None:
    text = "\n".join(f"Line {n} of a very long answer." for n in range(1500))
    world.standin.script(Say(text))
    await world.asker.send(world.channel, f"{world.mention} everything")
    answers = world.answers()
    assert len(answers) == 3
    (attached,) = answers[-1].attachments
    assert attached.filename == "answer.md"
    assert world.env.backend.cdn.get(attached.url) == text.encode()


async def test_a_long_private_answer_stays_private(world: World) -> None:
    text = "\n".join(f"Line {n} of a secret answer." for n in range(500))
    world.standin.script(Say(text))
    result = await world.asker.slash(world.channel, "ask", prompt="everything")
    assert result.response is not None
    assert len(result.response.attachments) == 1
    assert not world.answers()


async def test_nobody_is_pinged_whatever_the_model_says(world: World) -> None:
    world.standin.script(Say(f"@everyone @here {world.other.mention} <@&{world.guild.default_role.id}>"))
    await world.asker.send(world.channel, f"{world.mention} wake them")
    world.standin.script(Say(f"@everyone {world.other.mention}"))
    await world.asker.slash(world.channel, "chat", message="@everyone wake them")
    assert len(world.answers()) == 2
    assert not world.pinged()


FAILURES: list[tuple[str, list[Any], str]] = [
    ("wrong key", [Refuse(401, "invalid_api_key")], "key"),
    ("no quota", [Refuse(429, "insufficient_quota", "insufficient_quota")], "credit"),
    ("unknown model", [Refuse(404, "model_not_found")], "no model named"),
    ("refused content", [Refuse(400, "content_policy_violation")], "declined"),
    ("a refusal in words", [Say(refusal="I cannot help with that.")], "declined"),
    ("too long", [Refuse(400, "context_length_exceeded", param="messages")], "longer than the model can read"),
    ("an empty answer", [Say("")], "empty answer"),
    ("a stream that breaks at once", [Cut(None, "close")] * 3, "cannot be reached"),
    ("a web page", [Html()], "not an answer"),
    ("a server that is down", [Refuse(503)] * 3, "cannot be reached"),
    ("a request it does not like", [Refuse(400, "invalid_value", param="messages")], "did not accept"),
]


@pytest.mark.parametrize(("behaviours", "words"), [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES])
@pytest.mark.parametrize("by_command", [False, True], ids=["mention", "command"])
async def test_a_failure_is_told_once_with_what_to_do_and_an_error_id(
    world: World, behaviours: list[Any], words: str, by_command: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="bot")
    world.standin.script(*behaviours)
    if by_command:
        result = await world.asker.slash(world.channel, "chat", message="my very own words")
        assert "> my very own words" in shown(result), "the question is lost"
    else:
        await world.asker.send(world.channel, f"{world.mention} my very own words")
    (notice,) = world.answers()
    assert words in notice.content
    match = ERROR_ID.search(notice.content)
    assert match is not None
    assert [r for r in caplog.records if getattr(r, "error_id", None) == match[1]], "the error id is not in the log"
    for record in caplog.records:
        assert "my very own words" not in str(vars(record))
    # The next question is answered, and the failed one is no part of the conversation.
    world.standin.script(Say("All good."))
    asked_before = len(world.sent_to_model())
    await world.other.send(world.channel, f"{world.mention} what else?")
    later = world.sent_to_model()[asked_before:]  # nothing, where the server is left alone for a while
    assert "my very own words" not in str(later)
    history = await world.services.store.history(ConversationKey(world.channel.id, world.guild.id))
    assert [turn.text for turn in history.turns] == ["what else?", "All good."] * len(later)


async def test_a_broken_stream_keeps_what_came_and_says_so(world: World) -> None:
    world.standin.script(Cut(5, "reset", Say("one two three four five six seven eight nine ten", delta_chars=5)))
    await world.asker.send(world.channel, f"{world.mention} count")
    (answer,) = world.answers()
    assert answer.content.startswith("one two three")
    assert "incomplete" in answer.content
    await world.asker.send(world.channel, f"{world.mention} go on")
    assert "one two three" in str(world.sent_to_model()[-1])


async def test_an_answer_cut_at_the_token_limit_says_so(world: World) -> None:
    result = await world.asker.slash(world.channel, "chat", message="count to 20", max_tokens=5)
    assert "Cut at the token limit" in shown(result)


async def test_an_option_that_the_model_does_not_take_is_told(world: World) -> None:
    result = await world.asker.slash(
        world.channel, "chat", message="hi", model="standin-classic", temperature=0.3, presence_penalty=1.0
    )
    assert "⚠️" not in shown(result)
    first = len(world.standin.requests)
    assert first > 1, "the stand-in's older model refuses today's parameters"
    again = await world.asker.slash(world.channel, "chat", message="hi", model="standin-classic")
    assert "⚠️" not in shown(again)
    assert len(world.standin.requests) == first + 1, "what a server refuses is paid for once"


async def test_a_retired_model_is_replaced_and_the_member_is_told(world: World) -> None:
    await until_november(world)
    result = await world.asker.slash(world.channel, "chat", message="hi", model="gpt-4")
    assert "has been shut down" in shown(result)


async def test_try_again_answers_the_kept_question_in_place(world: World) -> None:
    world.standin.script(*[Refuse(503)] * 3)
    result = await world.asker.slash(world.channel, "chat", message="what is a heap?")
    assert result.response is not None
    await world.env.restart_bot(Parley(world.services))
    other = await world.other.click(result.response, label="Try again")
    assert other.followups[0].ephemeral
    world.standin.script(Say("A tree."))
    await world.asker.click(result.response, label="Try again")
    (answer,) = world.answers()
    assert answer.content == "> what is a heap?\n\nA tree."
    assert "Try again" not in labels(answer)
    pair = world.sent_to_model()[-1]
    assert [m["role"] for m in pair] == ["system", "user"]


async def test_try_again_works_under_an_answered_mention_too(world: World) -> None:
    world.standin.script(Html())
    await world.asker.send(world.channel, f"{world.mention} what is a heap?")
    (notice,) = world.answers()
    await world.env.restart_bot(Parley(world.services))
    world.standin.script(Say("A tree."))
    await world.asker.click(notice, label="Try again")
    (answer,) = world.answers()
    assert answer.content == "A tree."


async def test_the_models_offered_show_price_and_end(world: World) -> None:
    await until_november(world)

    async def names(typed: str) -> list[str]:
        choices = await world.asker.autocomplete(world.channel, "chat", "model", typed, message="hi")
        return [choice["name"] for choice in choices]

    assert "gpt-6-luna · $0.10 in, $0.50 out per 1M tokens" in await names("LUNA")
    assert any(name.endswith("until 2027-01-14") for name in await names("gpt-4o"))
    assert len(await names("")) > 5


async def test_try_again_never_shows_what_was_asked_in_private(world: World) -> None:
    world.standin.script(Html())
    result = await world.asker.slash(world.channel, "chat", message="my secret", private=True)
    trigger_id = result._interaction.id
    view = discord.ui.View(timeout=None)
    view.add_item(TryAgainButton(trigger_id, "Try again"))
    with world.env._bot_scope():
        await world.env.bot.get_partial_messageable(world.channel.id, guild_id=world.guild.id).send("here", view=view)
    (forged,) = world.answers()
    told = await world.asker.click(forged, label="Try again")
    assert "stays private" in told.followups[0].content
    assert [m.content for m in world.answers()] == ["here"]
    assert len(world.standin.requests) == 1
    assert await world.services.turns.kept_question(trigger_id, world.asker.id), "it can still be asked again"


@pytest.mark.parametrize("name", ["chat", "ask"])
async def test_six_thousand_emoji_are_a_question_like_any_other(world: World, name: str) -> None:
    words = "🦊" * 6000
    world.standin.script(Say("Foxes."))
    result = await world.asker.slash(world.channel, name, **{"message" if name == "chat" else "prompt": words})
    assert shown(result).endswith("Foxes.")
    assert len(shown(result).encode("utf-16-le")) // 2 <= 2000
    ((*_, asked),) = world.sent_to_model()
    assert words in asked["content"]
    world.standin.script(Html())
    failed = await world.asker.slash(world.channel, name, **{"message" if name == "chat" else "prompt": words})
    assert "error id" in shown(failed)


async def test_a_cut_answer_that_is_not_kept_does_not_promise_to_go_on(world: World) -> None:
    cut = Cut(5, "reset", Say("one two three four five six seven eight", delta_chars=5))
    world.standin.script(cut, cut)
    assert "go on" not in shown(await world.asker.slash(world.channel, "ask", prompt="count"))
    assert "go on" in shown(await world.asker.slash(world.channel, "chat", message="count"))


async def test_who_may_not_read_the_history_does_not_hear_it_from_the_bot(world: World) -> None:
    may_not = discord.PermissionOverwrite(read_message_history=False)
    may = discord.PermissionOverwrite(read_message_history=True)
    quiet = world.guild.create_text_channel("quiet", overwrites={world.guild.default_role: may_not, world.asker: may})
    await world.asker.send(quiet, f"{world.mention} the merger closes on friday")
    await world.other.slash(quiet, "chat", message="my first words")
    asked = await world.other.slash(quiet, "chat", message="what did they say?")
    assert "without what others said" in shown(asked)
    await world.other.send(quiet, f"{world.mention} and by mention?")
    assert "without what others said" in world.answers(quiet)[-1].content
    for messages in world.sent_to_model()[1:]:
        assert "merger" not in str(messages)
    assert "my first words" in str(world.sent_to_model()[-1]), "their own words go along"
    told = await world.other.click(world.answers(quiet)[-1], label="Branch")
    assert told.response is not None
    assert "Read Message History" in told.response.content
    await world.other.click(world.answers(quiet)[-1], label="Regenerate")
    assert "merger" not in str(world.sent_to_model()[-1])
    await world.asker.slash(quiet, "chat", message="and now?")
    assert "by mention?" in str(world.sent_to_model()[-1]), "it is one conversation all the same"
    assert "without what others said" not in world.answers(quiet)[-1].content
