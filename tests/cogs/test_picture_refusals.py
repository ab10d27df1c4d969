"""What is refused about pictures before anything is acknowledged: in private, in words, and nothing is paid."""

import pytest

from bot.core.errors import StoreUnavailable
from bot.core.tasks import KeptTask
from tests.cogs.conftest import World
from tests.cogs.test_chat import shown
from tests.cogs.test_image import asked, generate, response


@pytest.mark.parametrize("label", ["Vary", "Edit", "Again"])
async def test_a_button_says_that_the_database_fails(world: World, monkeypatch: pytest.MonkeyPatch, label: str) -> None:
    made = await generate(world)

    async def down(trigger_id: int) -> KeptTask | None:
        raise StoreUnavailable("disk")

    monkeypatch.setattr(world.services.store, "kept_task", down)
    pressed = await world.other.click(response(made).message, label=label)
    assert pressed.ephemeral
    assert "can't save anything" in shown(pressed)


async def test_blank_words_make_no_picture(world: World) -> None:
    refused = await generate(world, "   ")
    assert refused.ephemeral
    assert "no words" in shown(refused)
    made = await generate(world)
    form = await world.asker.click(response(made).message, label="Edit")
    edited = await world.asker.submit_modal(form, {"prompt": "   "})
    assert "no words" in shown(edited)
    assert len(asked(world)) == 1
    assert asked(world, "edits") == []
