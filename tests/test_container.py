"""What can be said about the container without Docker: no secret gets in, everything that runs does, nobody is root."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from bot.cli import ending
from bot.cli.run import END_SECONDS
from bot.core.catalogue import Catalogue
from bot.settings import SECRET_NAMES

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
RULES = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.strip()]


def in_context(path: str) -> bool:
    """Whether Docker sees a path: the last rule that matches it, or a folder above it, decides."""
    inside = True
    parts = path.split("/")
    prefixes = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    for rule in RULES:
        pattern = rule.removeprefix("!")
        names = prefixes if "**/" not in pattern else parts
        if any(fnmatch(name, pattern.removeprefix("**/")) for name in names):
            inside = rule.startswith("!")
    return inside


def test_secrets_and_data_stay_outside_of_the_image() -> None:
    for name in (".env", ".env.local", "data/parley.db", "sandbox-data/parley.db", ".git/config", "secrets/token"):
        assert not in_context(name), name
    assert not in_context("bot/__pycache__/app.cpython-313.pyc")
    assert not in_context("bot/sandbox/main.py")
    assert not re.search(r"COPY\s+\.\s", DOCKERFILE)


def test_everything_that_the_program_reads_is_copied() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    assert set(copied) == {"requirements.txt", "bot", "cogs", "migrations"}
    for path in ("requirements.txt", "bot/app.py", "bot/catalogue.toml", "bot/locales/en.toml", "cogs/ui/screen.py"):
        assert in_context(path), path
    assert all(in_context(path.relative_to(ROOT).as_posix()) for path in ROOT.glob("migrations/*.sql"))
    own = {path.name.removesuffix(".py") for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    for module in (*ROOT.glob("bot/**/*.py"), *ROOT.glob("cogs/**/*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                top = node.module.split(".")[0]
                assert top not in own - {"bot", "cogs"}, f"{module} imports {node.module}, which is not in the image"


def test_it_does_not_run_as_root_and_has_a_health_check() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    assert len(stages) == 3
    last = stages[-1]
    assert "USER parley" in last
    assert "ca-certificates" in last
    assert last.index("USER parley") < last.index("ENTRYPOINT")
    assert re.search(r'HEALTHCHECK .*CMD \["python", "-m", "bot", "health"\]', last)
    assert "EXPOSE" not in last


def test_compose_keeps_the_data_in_a_named_volume() -> None:
    assert "data:/app/data" in COMPOSE
    for line in (
        'user: "10001:10001"',
        "read_only: true",
        "/tmp:size=64m",
        "stop_grace_period: 30s",
        "cap_drop: [ALL]",
        "no-new-privileges:true",
        "init: true",
        "mem_limit: 768m",
        "memswap_limit: 768m",
        "pids_limit: 200",
        "restart: unless-stopped",
    ):
        assert line in COMPOSE
    assert "ports:" not in COMPOSE
    assert "privileged: true" not in COMPOSE
    assert "useradd --uid 10001" in DOCKERFILE


def test_the_secrets_of_the_compose_file_are_files_outside_of_image_and_repository() -> None:
    named = re.findall(r"^\s*#\s+([A-Z_]+)_FILE: /run/secrets/([a-z_]+)$", COMPOSE, re.MULTILINE)
    assert {name for name, _ in named} <= set(SECRET_NAMES)
    assert len(named) == 2
    for _, file in named:
        assert f"#   {file}: {{file: ./secrets/{file}}}" in COMPOSE
        assert not in_context(f"secrets/{file}")
    assert "secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", OPERATING, re.DOTALL))
def test_the_catalogue_examples_can_be_used_as_they_stand(example: str) -> None:
    shipped = (ROOT / "bot" / "catalogue.toml").read_text(encoding="utf-8")
    catalogue = Catalogue.parse(shipped, example)
    for name in tomllib.loads(example)["models"]:
        assert catalogue.knows(name.replace("*", "-8b"))


def test_the_pages_name_every_command_and_every_exit_code() -> None:
    main = (ROOT / "bot" / "__main__.py").read_text(encoding="utf-8")
    commands = set(re.findall(r'add_parser\("(\w+)"', main))
    table = OPERATING[OPERATING.index("## Commands") : OPERATING.index("## Spending")]
    assert {name.split()[0] for name in re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)} == commands
    codes = {value for name, value in vars(ending).items() if name.startswith("EXIT_")}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == codes | {0, 2}


def test_the_sandbox_that_the_image_does_not_have_is_told_in_one_line(tmp_path: Path) -> None:
    for folder in ("bot", "cogs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("sandbox", "__pycache__"))
    command = [sys.executable, "-m", "bot", "sandbox"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "parley: the sandbox is not part of this installation: run it from a checkout, see README.md"
    ]


def test_a_backup_goes_where_the_container_can_write() -> None:
    for path in re.findall(r"backup --to (\S+)", OPERATING):
        assert path.startswith("/app/data/")


def test_the_service_keeps_to_the_exit_codes_and_gives_time_to_end() -> None:
    unit = OPERATING[OPERATING.index("```ini") :].partition("```\n")[0]
    settings = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line)
    assert settings["RestartPreventExitStatus"] == str(ending.EXIT_CONFIG)
    assert float(settings["TimeoutStopSec"]) >= END_SECONDS
    assert settings["Restart"] == "always"
    assert settings["UMask"] == "0077"
    assert settings["ReadWritePaths"] == f"{settings['WorkingDirectory']}/data"
