"""Preferences and quirks: the newest value, and every change on record."""

from pathlib import Path

from bot.core.ports.remembered import Preference, PreferenceScope, PreferenceStore, Quirk, QuirkStore
from bot.store.database import Database
from bot.store.preferences import SqlitePreferenceStore
from bot.store.quirks import SqliteQuirkStore
from tests.clock import FakeClock
from tests.store.samples import open_database, read

MODE = Preference(PreferenceScope.CHANNEL, 500, "mode", "auto")


async def changes(database: Database) -> list[tuple[object, ...]]:
    rows = await database.run(
        "SELECT scope, scope_id, name, old_value, new_value, changed_by FROM preference_changes ORDER BY change_id"
    )
    return [tuple(row) for row in rows]


async def test_a_preference_is_set_and_replaced(database: Database) -> None:
    store: PreferenceStore = SqlitePreferenceStore(database, FakeClock())
    off = Preference(PreferenceScope.CHANNEL, 500, "mode", "off")
    guild = Preference(PreferenceScope.GUILD, 500, "mode", "mention")
    bot = Preference(PreferenceScope.BOT, 0, "key", "value")
    await store.set_preference(MODE, changed_by=1)
    await store.set_preference(guild, changed_by=2)
    await store.set_preference(bot, changed_by=0)
    await store.set_preference(off, changed_by=3)
    assert list(await store.preferences()) == [bot, off, guild]
    assert await changes(database) == [
        ("channel", 500, "mode", None, "auto", 1),
        ("guild", 500, "mode", None, "mention", 2),
        ("bot", 0, "key", None, "value", 0),
        ("channel", 500, "mode", "auto", "off", 3),
    ]


async def test_what_changes_nothing_is_not_on_record(database: Database) -> None:
    store = SqlitePreferenceStore(database, FakeClock())
    await store.set_preference(MODE, changed_by=1)
    await store.set_preference(MODE, changed_by=2)
    assert await changes(database) == [("channel", 500, "mode", None, "auto", 1)]


async def test_preferences_survive_a_restart(path: Path) -> None:
    async with open_database(path) as database:
        await SqlitePreferenceStore(database, FakeClock()).set_preference(MODE, changed_by=1)
    async with open_database(path) as database:
        assert list(await SqlitePreferenceStore(database, FakeClock()).preferences()) == [MODE]


async def test_the_newest_quirk_for_a_parameter_wins_and_stays(path: Path) -> None:
    first = Quirk("http://localhost/v1", "m", "max_tokens", "max_completion_tokens")
    newest = Quirk("http://localhost/v1", "m", "max_tokens", None)
    other = Quirk("http://localhost/v1", "n", "temperature", None)
    async with open_database(path) as database:
        store: QuirkStore = SqliteQuirkStore(database, FakeClock())
        assert list(await store.quirks()) == []
        for quirk in (first, other, newest, newest):
            await store.remember(quirk)
    assert b"max_tokens" in read(path)
    async with open_database(path) as database:
        assert list(await SqliteQuirkStore(database, FakeClock()).quirks()) == [newest, other]
