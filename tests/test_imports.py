"""Imports run one way: cogs -> bot.core <- bot.provider, bot.store; bot.services sees all; nobody sees the sandbox."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROGRAM = sorted([*ROOT.glob("bot/**/*.py"), *ROOT.glob("cogs/**/*.py")])

# (where, what it must not import): a path prefix and module prefixes.
FORBIDDEN = [
    ("bot/core/", ("discord", "openai", "aiosqlite", "asyncpg", "sqlite3", "os", "bot.", "cogs")),
    ("bot/provider/", ("discord", "aiosqlite", "asyncpg", "sqlite3", "bot.", "cogs")),
    ("bot/store/", ("discord", "openai", "bot.", "cogs")),
    ("bot/reading/", ("discord", "openai", "aiosqlite", "asyncpg", "sqlite3", "bot.", "cogs", "os")),
    ("cogs/", ("openai", "aiosqlite", "asyncpg", "sqlite3", "bot.", "os")),
    ("bot/app.py", ("openai", "aiosqlite", "asyncpg", "sqlite3", "cogs", "bot.store", "bot.provider")),
]
# What a layer may import in spite of the row above.
ALLOWED = {
    "bot/core/": ("bot.core",),
    "bot/provider/": ("bot.core", "bot.provider"),
    "bot/store/": ("bot.core", "bot.store"),
    "bot/reading/": ("bot.core", "bot.reading"),
    "cogs/": ("bot.core", "bot.app"),
}
# Only these may import the library at all.
ONLY: dict[str, str | tuple[str, ...]] = {
    "av": ("bot/reading/", "bot/sandbox/"),
    "openai": "bot/provider/",
    "aiosqlite": "bot/store/",
    "asyncpg": "bot/store/",
    "jsonschema": "bot/reading/worker.py",
    "referencing": "bot/reading/worker.py",
    "pypdf": "bot/reading/worker.py",
    "PIL": ("bot/reading/", "bot/sandbox/"),
    "prometheus_client": "bot/metrics.py",  # which is imported when METRICS_PORT is set
}


def starts_with(module: str, prefixes: tuple[str, ...]) -> bool:
    return any(module == p.rstrip(".") or module.startswith(p.rstrip(".") + ".") for p in prefixes)


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", PROGRAM, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_run_one_way(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    for module in imported(path):
        for where, banned in FORBIDDEN:
            if name.startswith(where) and starts_with(module, banned):
                assert starts_with(module, ALLOWED.get(where, ())), f"{name} imports {module}"
        for library, home in ONLY.items():
            if starts_with(module, (library,)):
                assert name.startswith(home), f"{name} imports {module}: only {home} may"
        if not name.startswith("bot/sandbox/") and name != "bot/__main__.py":
            assert not starts_with(module, ("bot.sandbox",)), f"{name} imports {module}"


def test_only_the_settings_read_the_environment() -> None:
    for path in PROGRAM:
        name = path.relative_to(ROOT).as_posix()
        if name != "bot/settings.py":
            source = path.read_text(encoding="utf-8")
            assert "os.environ" not in source, name
            assert "getenv" not in source, name


def test_cogs_never_call_cogs() -> None:
    for path in ROOT.glob("cogs/*.py"):
        named = {module for module in imported(path) if module.startswith("cogs.")}
        others = {module for module in named if not module.startswith("cogs.ui")}
        assert not others, path.name
