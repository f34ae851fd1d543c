"""Turn `CARRY_*` variables into one `Settings`, or into sentences of complaint."""

from __future__ import annotations

import difflib
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dotenv import dotenv_values
from pydantic import ValidationError

from bot.settings.fields import KEYS, PREFIX, Settings, split_list
from core.model.units import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ENV_FILE = "CARRY_ENV_FILE"
_MAX_SHOWN = 60
_LEGS = 2


class SettingsError(Exception):
    """The bot cannot start with these settings; `problems` are plain sentences."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def load_settings(
    environ: Mapping[str, str],
    env_file: Path | None = None,
    *,
    needs_chat: bool = True,
) -> Settings:
    """Read the file, then the environment over it.

    `env_file` overrides `CARRY_ENV_FILE`. With `needs_chat`, a token and an owner must
    be there. An empty value counts as not set.

    Raises:
        SettingsError: everything that is wrong, one sentence each.
    """
    stored, problems = _read_file(environ, env_file)
    problems += _unknown(stored, "the .env file", is_loose=True)
    problems += _unknown(environ, "the environment", is_loose=False)
    values = {
        name: text
        for name, text in {**stored, **environ}.items()
        if name in _NAMES and text.strip()
    }
    values[_ENV_FILE] = environ.get(_ENV_FILE, ".env")
    settings, invalid = _parse(values)
    problems += invalid + _contradictions(settings) + _half_given(values)
    problems += _unready_for_live(settings)
    if needs_chat:
        problems += _missing(values, {line.split("=", 1)[0] for line in invalid})
    if problems or settings is None:
        raise SettingsError(problems)
    return settings


def _read_file(
    environ: Mapping[str, str], env_file: Path | None
) -> tuple[dict[str, str], list[str]]:
    named = environ.get(_ENV_FILE, ".env")
    path = env_file or (Path(named) if named else None)
    if path is None:
        return {}, []
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if env_file is None and _ENV_FILE not in environ:
            return {}, []
        return {}, [f"{_ENV_FILE}={path}: there is no such file; create or unset it."]
    except (OSError, UnicodeDecodeError) as error:
        kind = type(error).__name__
        return {}, [f"{path} cannot be read as UTF-8 text ({kind}); repair it."]
    found = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value or "" for name, value in found.items()}, []


def _variable(field: str) -> str:
    return PREFIX + field.upper()


_NAMES = frozenset(_variable(field) for field in Settings.model_fields)


def _unknown(names: Mapping[str, str], where: str, *, is_loose: bool) -> list[str]:
    found = [name for name in names if name not in _NAMES]
    return [
        sentence
        for name in sorted(found)
        if (sentence := _complaint(name, where, is_loose=is_loose))
    ]


def _complaint(name: str, where: str, *, is_loose: bool) -> str | None:
    """Return why a name that we do not know is refused, None for a stranger's name."""
    is_ours = name.upper().startswith(PREFIX)
    cutoff = 0.6 if is_ours else 0.85
    close = difflib.get_close_matches(name.upper(), sorted(_NAMES), 1, cutoff)
    if not is_ours and not (is_loose and close):
        return None
    advice = f"did you mean {close[0]}?" if close else "remove it."
    return f"{_shortened(name)} in {where} is not a setting; {advice}"


def _parse(values: Mapping[str, str]) -> tuple[Settings | None, list[str]]:
    fields: dict[str, Any] = {
        name.removeprefix(PREFIX).lower(): text.strip() for name, text in values.items()
    }
    try:
        return Settings(**fields), []
    except ValidationError as error:
        names = dict.fromkeys(str(each["loc"][0]) for each in error.errors())
        return None, [_invalid(field, fields.get(field, "")) for field in names]


_ORDERED = (
    ("position_size_usd", "max_trade_usd"),
    ("max_trade_usd", "max_token_usd"),
    ("max_trade_usd", "max_venue_usd"),
    ("max_token_usd", "max_total_usd"),
    ("leverage", "max_leverage"),
)
"""The first of each pair may not be above the second."""


def _contradictions(settings: Settings | None) -> list[str]:
    return [] if settings is None else list(_disorder(settings))


def _unready_for_live(settings: Settings | None) -> list[str]:
    """Return what is missing to trade for real: two legs need two accounts."""
    if settings is None or settings.mode is not Mode.LIVE:
        return []
    if len(settings.keyed_venues) >= _LEGS:
        return []
    name = _variable("mode")
    return [f"{name}=live needs the keys of two venues at least; give them."]


def _disorder(settings: Settings) -> Iterator[str]:
    for low, high in _ORDERED:
        size, cap = getattr(settings, low), getattr(settings, high)
        if size > cap:
            names = f"{_variable(low)}={size} is above {_variable(high)}={cap}"
            yield f"{names}; change one of them."


def _half_given(values: Mapping[str, str]) -> list[str]:
    """Return a sentence for every venue that has some of its keys, but not all."""
    found = []
    for fields in KEYS.values():
        names = [_variable(field) for field in fields]
        missing = [name for name in names if name not in values]
        if 0 < len(missing) < len(names):
            given = next(name for name in names if name in values)
            verb = "is" if len(missing) == 1 else "are"
            found.append(
                f"{' and '.join(missing)} {verb} empty although {given} is set;"
                " give all of them or none."
            )
    return found


def _invalid(field: str, text: str) -> str:
    info = Settings.model_fields[field]
    extra = info.json_schema_extra
    hint = extra["hint"] if isinstance(extra, dict) else "correct it"
    is_secret = "SecretStr" in repr(info.annotation)
    shown = "(hidden)" if is_secret else _shortened(text)
    return f"{_variable(field)}={shown} cannot be used; {hint}."


def _missing(values: Mapping[str, str], complained: set[str]) -> list[str]:
    token, owners = _variable("telegram_token"), _variable("owner_ids")
    problems = []
    if token not in values:
        problems.append(
            f"{token} is empty; ask @BotFather for a bot and write its token there."
        )
    elif not re.fullmatch(r"\d{1,20}:[A-Za-z0-9_-]{3,}", values[token].strip()):
        problems.append(_invalid("telegram_token", ""))
    if owners not in complained and not split_list(values.get(owners, "")):
        problems.append(
            f"{owners} is empty; write the numeric Telegram id of who may trade."
        )
    return problems


def _shortened(text: str) -> str:
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean if len(clean) <= _MAX_SHOWN else clean[:_MAX_SHOWN] + "..."
