"""Documents that say what the program does, held to the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.handlers.routes import COMMANDS
from bot.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _rows() -> dict[str, str]:
    found = re.findall(r"^\| `(CARRY_\w+)` \|(.*?)\|", README, re.MULTILINE)
    return {name: default.strip(" `") for name, default in found}


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(str(each) for each in value)
    return str(value)


def test_readme_lists_every_setting_and_no_other() -> None:
    """A setting nobody can read about does not exist for its owner."""
    assert set(_rows()) == {f"CARRY_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("name", sorted(set(Settings.model_fields) - {"tokens"}))
def test_readme_shows_the_true_default(name: str) -> None:
    """The table is what people copy from."""
    field = Settings.model_fields[name]
    default = _shown(field.default)
    secret_free = "" if "SecretStr" in repr(field.annotation) else default

    assert _rows()[f"CARRY_{name.upper()}"] == secret_free


def test_readme_names_every_command() -> None:
    """The menu and the table agree."""
    table = README.split("## Commands")[1].split("## What each screen means")[0]

    assert set(re.findall(r"`/(\w+)`", table)) == set(COMMANDS)


def test_readme_names_only_make_targets_that_exist() -> None:
    """Each command a person copies runs."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*?##", makefile, re.MULTILINE))

    assert set(re.findall(r"`?make ([a-z]+)", README)) <= targets


def test_readme_tree_and_links_point_to_what_is_there() -> None:
    """A newcomer finds the folders where the page says they are."""
    tree = README.split("## How it is built")[1].split("```")[1]
    folders = re.findall(r"^(\w+)/", tree, re.MULTILINE)
    files = re.findall(r"`((?:docs|core|sandbox)/[\w./-]+)`", README)
    images = re.findall(r"\]\(([\w./-]+)\)", README)

    missing = [p for p in (*folders, *files, *images) if not (ROOT / p).exists()]
    assert missing == []
