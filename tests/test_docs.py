"""The pages say what is there: settings, commands, files."""

import re
from pathlib import Path

from bot.settings import NAMES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_setting_stands_in_the_readme_and_no_other() -> None:
    table = README[README.index("## Settings") : README.index("## What it keeps")]
    named = set(re.findall(r"`([A-Z][A-Z_]+)`", "\n".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))))
    assert named == set(NAMES)


def test_every_make_target_in_the_pages_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    pages = [README, *(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))]
    for page in pages:
        assert set(re.findall(r"`?make ([a-z]+)", page)) <= targets | {"it"}


def test_every_file_that_the_pages_name_exists() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (page.parent / link).exists(), f"{page.name} links {link}"
        for path in re.findall(r"`((?:bot|cogs|tests|migrations|docs)/[\w/.-]+\.\w+)`", text):
            assert (ROOT / path).exists(), f"{page.name} names {path}"


def test_no_page_names_this_machine_or_a_package_index() -> None:
    for path in (*ROOT.glob("*.txt"), *ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "Makefile"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^--[a-z]|index-url|find-links", text, re.MULTILINE) or path.name == "Makefile", path.name


def test_every_test_that_the_pages_name_exists() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for path, group, name in re.findall(
            r"`(tests/[\w/]+\.py)::(?:(\w+)::)?(\w+)`", page.read_text(encoding="utf-8")
        ):
            text = (ROOT / path).read_text(encoding="utf-8")
            if group:
                _, _, text = text.partition(f"\nclass {group}:")
            indent = "    " if group else ""
            assert re.search(rf"^{indent}(async )?def {name}\(", text, re.MULTILINE), (
                f"{page.name} names {path}::{name}"
            )


def test_every_fault_stands_in_the_page() -> None:
    last = {"A": 18, "B": 20, "C": 8, "D": 20, "E": 14, "F": 10, "G": 11, "H": 20, "I": 15}
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    ids = {f"{table}{number}" for table, most in last.items() for number in range(1, most + 1)}
    assert ids <= set(re.findall(r"\b[A-I]\d+\b", page))


def test_every_promise_in_the_readme_links_a_test() -> None:
    promises = README[README.index("## What it promises") : README.index("## What it keeps")]
    rows = re.findall(r"^\| \*\*(.+?)\*\*.*? \| (.+?) \|$", promises, re.MULTILINE)
    assert len(rows) >= 10
    for promise, shown in rows:
        assert re.search(r"\]\(tests/[\w/]+\.py\)", shown), promise
