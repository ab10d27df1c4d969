"""/models: what the server lists, else what the catalogue knows; always within one message."""

from collections.abc import Sequence
from datetime import date

from bot.core.catalogue import Capability, Catalogue, OfferedModel
from bot.core.errors.provider import ProviderUnavailable
from bot.core.limits import MESSAGE_CHARS
from bot.core.offering import ListedModels, Offering, Source, ending
from bot.core.spending import AllowedModels
from bot.services import read_catalogue
from tests.clock import FakeClock
from tests.cogs.conftest import World
from tests.cogs.test_chat import shown, until_november

TODAY = FakeClock().now().date()  # 2026-03-01
CATALOGUE = Catalogue.parse(
    """
    [models.main]
    [[models.main.prices]]
    effective_from = 2026-01-01
    input = 1
    output = 2
    [models.leaving]
    shutdown = 2026-03-08
    fallback = "main"
    [models.gone]
    shutdown = 2026-02-01
    [models.painter]
    capability = "image"
    """
)


class Lister:
    def __init__(self, models: Sequence[OfferedModel] = (), error: ProviderUnavailable | None = None) -> None:
        self.models, self.error, self.calls = list(models), error, 0

    async def list_models(self) -> list[OfferedModel]:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return self.models


def offering(lister: Lister, clock: FakeClock, *, allowed: str = "", only_known: bool = False) -> Offering:
    names = tuple(allowed.split(",")) if allowed else ()
    chat = Source(ListedModels(lister, clock), "main", only_known=only_known)
    return Offering({"chat": chat}, CATALOGUE, clock, allowed=AllowedModels(names))


async def names(offering: Offering) -> list[str]:
    return [choice.model for choice in (await offering.choices("chat")).models]


async def test_models_lists_what_the_server_offers_with_price_and_end(world: World) -> None:
    await until_november(world)
    result = await world.asker.slash(world.channel, "models")
    assert result.ephemeral
    listed = shown(result).splitlines()
    assert listed[1].startswith("- `gpt-6-luna` · **answers when you choose none** · $0.10 in, $0.50 out")
    assert {"/v1/models"} == {request.path for request in world.standin.requests}
    assert "- `gpt-3.5-turbo`" not in shown(result), "it has been shut down"
    await world.asker.slash(world.channel, "models")
    assert len(world.standin.requests) == 1, "the list is kept for some minutes"


async def test_a_capability_without_models_is_said_in_words(world: World) -> None:
    result = await world.asker.slash(world.channel, "models", capability="moderation")
    assert "no model for moderation" in shown(result)


async def test_a_long_list_fits_into_a_message_and_a_file(world: World) -> None:
    many = [OfferedModel(f"local-model-with-a-long-name-{number:03}") for number in range(300)]
    world.services.offering._sources["chat"].models._lister = Lister(many)
    result = await world.asker.slash(world.channel, "models")
    assert len(shown(result)) <= MESSAGE_CHARS
    assert result.response is not None
    (file,) = result.response.attachments
    assert file.filename == "list-of-models.md"


async def test_the_default_comes_first_and_what_ends_comes_last() -> None:
    clock = FakeClock()
    lister = Lister([OfferedModel(name) for name in ("zebra", "leaving", "main", "gone", "painter", "apple")])
    assert await names(offering(lister, clock)) == ["main", "apple", "zebra", "leaving"]
    assert await names(offering(lister, clock, only_known=True)) == ["main"], "it takes money, and what is not known"
    assert await names(offering(lister, clock, only_known=True, allowed="main,l*")) == ["main", "leaving"]
    assert await names(offering(lister, clock, allowed="main,z*")) == ["main", "zebra"]


async def test_a_server_for_one_capability_lists_models_for_it() -> None:
    clock, lister = FakeClock(), Lister([OfferedModel("main"), OfferedModel("painter"), OfferedModel("unheard-of")])
    models = ListedModels(lister, clock)
    sources: dict[Capability, Source] = {
        "chat": Source(models, "main", only_known=False),
        "image": Source(models, "my-painter", only_known=False),
        "speech": Source(ListedModels(Lister([OfferedModel("kokoro")]), clock), "kokoro", only_known=False, alone=True),
    }
    offering = Offering(sources, CATALOGUE, clock, allowed=AllowedModels(()))
    found = {name: [choice.model for choice in (await offering.choices(name)).models] for name in sources}
    assert found == {"chat": ["main", "unheard-of"], "image": ["painter"], "speech": ["kokoro"]}
    assert lister.calls == 1, "one server, one list"


async def test_the_servers_own_date_goes_before_the_catalogues() -> None:
    lister = Lister([OfferedModel("main", date(2026, 3, 31))])
    (choice,) = (await offering(lister, FakeClock()).choices("chat")).models
    assert (choice.shutdown, choice.ends_in_days) == (date(2026, 3, 31), 30)


async def test_without_a_list_the_catalogue_answers_and_the_server_is_asked_again() -> None:
    lister = Lister(error=ProviderUnavailable())
    own = offering(lister, FakeClock(), allowed="main,my-own,l*")
    choices = await own.choices("chat")
    assert not choices.from_server
    assert [choice.model for choice in choices.models] == ["main", "my-own", "leaving"]
    await own.choices("chat")
    assert lister.calls == 2


async def test_the_list_is_read_again_after_some_minutes() -> None:
    clock = FakeClock()
    lister = Lister([OfferedModel("main")])
    own = offering(lister, clock)
    await own.choices("chat")
    await clock.sleep(299)
    await own.choices("chat")
    assert lister.calls == 1
    await clock.sleep(2)
    await own.choices("chat")
    assert lister.calls == 2


def test_the_operator_is_warned_within_sixty_days() -> None:
    end = ending(CATALOGUE, "leaving", TODAY)
    assert end is not None
    assert (end.days, end.fallback) == (7, "main")
    assert ending(CATALOGUE, "main", TODAY) is None
    assert ending(CATALOGUE, "leaving", date(2026, 1, 6)) is None
    assert ending(CATALOGUE, "leaving", date(2026, 1, 7)) is not None
    assert ending(CATALOGUE, "gone", TODAY) is not None
    assert ending(read_catalogue(None), "gpt-6-luna", TODAY) is None
