"""Turn `CARRY_*` variables into one frozen `Settings`, or into sentences of complaint.

Each field's description is the text that `.env.example` prints above it, and its `hint`
is what a person is told to write when the value cannot be used.
"""

from __future__ import annotations

import difflib
import io
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.model.units import ChatId, Mode, UserId, VenueId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_settings import PydanticBaseSettingsSource

PREFIX = "CARRY_"
KNOWN_VENUES = ("binance", "hyperliquid", "lighter", "extended")
EVERY = "*"
_ENV_FILE = "CARRY_ENV_FILE"
_MAX_SHOWN = 60


class SettingsError(Exception):
    """The bot cannot start with these settings; `problems` are plain sentences."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def _split(value: object) -> object:
    """Split a comma list, dropping blanks and repetitions but keeping the order."""
    if not isinstance(value, str):
        return value
    parts = (part.strip() for part in value.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def _every_or_split(value: object) -> object:
    if isinstance(value, str) and value.strip() == EVERY:
        return None
    return _split(value)


def _url(value: object) -> object:
    return value.strip().rstrip("/") if isinstance(value, str) else value


_USER_ID = Annotated[int, Field(gt=0)]
_VENUE = Literal["binance", "hyperliquid", "lighter", "extended"]
_TOKEN = Annotated[
    str, StringConstraints(min_length=1, max_length=30, pattern=r"^[^\s,*<>&]+$")
]
_UserIds = Annotated[tuple[_USER_ID, ...], BeforeValidator(_split)]
_Url = Annotated[
    str,
    BeforeValidator(_url),
    StringConstraints(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$"),
]


def _setting(default: object, says: str, hint: str) -> Any:  # noqa: ANN401 - as Field
    return Field(default=default, description=says, json_schema_extra={"hint": hint})


_URL_HINT = "write an address such as http://127.0.0.1:8088/name"
_USD_HINT = "write an amount in USD, for example 500"
_IDS_HINT = "write numeric Telegram ids, with commas between them"


class Settings(BaseSettings):
    """Host configuration; never changes while the process runs."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    telegram_token: SecretStr = _setting(
        SecretStr(""),
        "The bot's token from @BotFather. Needed to run; a scan works without.",
        "copy it from @BotFather; it looks like 123456789:AAE and more",
    )
    telegram_api_url: _Url = _setting(
        "https://api.telegram.org",
        "Where the Bot API answers; change it only for a Bot API server of your own.",
        _URL_HINT,
    )
    owner_ids: _UserIds = _setting(
        (),
        "Telegram ids (numbers) of those who may trade, with commas. Never empty.",
        _IDS_HINT,
    )
    viewer_ids: _UserIds = _setting(
        (),
        "Telegram ids (numbers) of those who may only look, with commas.",
        _IDS_HINT,
    )
    mode: Mode = _setting(
        Mode.PAPER,
        "paper trades pretend money on the real market; live does not exist yet.",
        "write paper",
    )
    venues: Annotated[
        tuple[_VENUE, ...], BeforeValidator(_split), Field(min_length=1)
    ] = _setting(
        KNOWN_VENUES,
        "Venues to read and trade on, with commas.",
        f"write some of {', '.join(KNOWN_VENUES)}, with commas between them",
    )
    tokens: Annotated[
        Annotated[tuple[_TOKEN, ...], Field(min_length=1)] | None,
        BeforeValidator(_every_or_split),
    ] = _setting(
        None,
        "* for every token that some venue lists, or a list such as KAITO,APT,MON.",
        "write * or names such as KAITO,APT,MON",
    )
    binance_url: _Url | None = _setting(
        None,
        "Replaces Binance's scheme and host (a path prefix is kept in front).",
        _URL_HINT,
    )
    hyperliquid_url: _Url | None = _setting(
        None, "Replaces Hyperliquid's scheme and host.", _URL_HINT
    )
    lighter_url: _Url | None = _setting(
        None, "Replaces Lighter's scheme and host.", _URL_HINT
    )
    extended_url: _Url | None = _setting(
        None, "Replaces Extended's scheme and host.", _URL_HINT
    )
    min_daily_volume_usd: Annotated[Decimal, Field(ge=0)] = _setting(
        Decimal(50000),
        "Smallest 24 h volume of each side in USD.",
        _USD_HINT,
    )
    allow_unknown_volume: bool = _setting(
        True,  # noqa: FBT003 - a default, not an argument
        "Keep a side whose volume the venue does not tell (it is marked): true, false.",
        "write true or false",
    )
    min_spread_hourly: Annotated[Decimal, Field(ge=0, le=1)] = _setting(
        Decimal("0.00002"),
        "Smallest spread worth ranking, as a fraction per hour (0.00002 = 0.002 %).",
        "write a fraction per hour, for example 0.00002",
    )
    alert_spread_hourly: Annotated[Decimal, Field(gt=0, le=1)] = _setting(
        Decimal("0.0001"),
        "Smallest spread worth a message of its own; /alerts changes it in chat.",
        "write a fraction per hour, for example 0.0001",
    )
    position_size_usd: Annotated[Decimal, Field(gt=0)] = _setting(
        Decimal(500), "Size of each leg in USD.", _USD_HINT
    )
    max_trade_usd: Annotated[Decimal, Field(gt=0)] = _setting(
        Decimal(2500), "Largest size of each leg that chat may ask for.", _USD_HINT
    )
    max_open_trades: Annotated[int, Field(ge=1, le=100)] = _setting(
        10, "Most pairs open at the same time.", "write a whole number from 1 to 100"
    )
    leverage: Annotated[int, Field(ge=1, le=10)] = _setting(
        3, "Leverage of each leg.", "write a whole number from 1 to 10"
    )
    scan_interval_s: Annotated[int, Field(ge=5, le=3600)] = _setting(
        60, "Seconds between two scans.", "write whole seconds from 5 to 3600"
    )
    quote_ttl_s: Annotated[int, Field(ge=5, le=600)] = _setting(
        45,
        "Seconds for which a confirm card can be tapped.",
        "write whole seconds from 5 to 600",
    )
    data_dir: Path = _setting(
        Path("data"),
        "Folder of the databases, one per mode.",
        "write the path of a folder",
    )
    paper_balance_usd: Annotated[Decimal, Field(gt=0)] = _setting(
        Decimal(5000), "Pretend money at the start, in USD on each venue.", _USD_HINT
    )
    rate_display: Literal["8h", "1h"] = _setting(
        "8h", "Period of the rates on screen: 8h or 1h.", "write 8h or 1h"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = _setting(
        "INFO",
        "How much is logged: DEBUG, INFO, WARNING, ERROR.",
        "write DEBUG, INFO, WARNING or ERROR",
    )
    demo_port: Annotated[int, Field(ge=1, le=65535)] = _setting(
        8088,
        "Port of the page that `make demo` opens; the bot itself does not use it.",
        "write a port number, for example 8088",
    )
    env_file: str = _setting(
        ".env",
        "Which file to read; empty for none. Counts only in the environment.",
        "write the path of a file, or nothing",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from arguments alone: `load_settings` reads the machine."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @property
    def owners(self) -> tuple[UserId, ...]:
        """Return who may trade."""
        return tuple(UserId(each) for each in self.owner_ids)

    @property
    def viewers(self) -> tuple[UserId, ...]:
        """Return who may only look; an owner is no viewer."""
        return tuple(UserId(e) for e in self.viewer_ids if e not in self.owner_ids)

    @property
    def owner_chats(self) -> tuple[ChatId, ...]:
        """Return the owners' private chats, whose ids equal the user ids."""
        return tuple(ChatId(each) for each in self.owner_ids)

    @property
    def venue_ids(self) -> tuple[VenueId, ...]:
        """Return the venues in the order given."""
        return tuple(VenueId(each) for each in self.venues)

    @property
    def venue_urls(self) -> Mapping[VenueId, str | None]:
        """Return each venue's replaced address, None for its own."""
        return {each: getattr(self, f"{each}_url") for each in self.venue_ids}

    @property
    def bot_api_base(self) -> str:
        """Return the address to which the token is appended."""
        return f"{self.telegram_api_url}/bot"

    @property
    def scan_interval(self) -> timedelta:
        """Return the time between two scans."""
        return timedelta(seconds=self.scan_interval_s)

    @property
    def quote_ttl(self) -> timedelta:
        """Return how long a confirm card can be tapped."""
        return timedelta(seconds=self.quote_ttl_s)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must never be printed."""
        token = self.telegram_token.get_secret_value()
        return (token,) if token else ()


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
    values, refused = _without_live(values)
    settings, invalid = _parse(values)
    problems += refused + invalid + _contradictions(settings)
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


def _without_live(values: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    name = _variable("mode")
    if values.get(name, "").strip().lower() != Mode.LIVE:
        return values, []
    kept = {key: text for key, text in values.items() if key != name}
    return kept, [f"{name}=live is not available yet; use paper."]


def _parse(values: Mapping[str, str]) -> tuple[Settings | None, list[str]]:
    fields: dict[str, Any] = {
        name.removeprefix(PREFIX).lower(): text.strip() for name, text in values.items()
    }
    try:
        return Settings(**fields), []
    except ValidationError as error:
        names = dict.fromkeys(str(each["loc"][0]) for each in error.errors())
        return None, [_invalid(field, fields.get(field, "")) for field in names]


def _contradictions(settings: Settings | None) -> list[str]:
    if settings is None or settings.position_size_usd <= settings.max_trade_usd:
        return []
    size, cap = settings.position_size_usd, settings.max_trade_usd
    names = f"CARRY_POSITION_SIZE_USD={size} is above CARRY_MAX_TRADE_USD={cap}"
    return [f"{names}; change one of them."]


def _invalid(field: str, text: str) -> str:
    info = Settings.model_fields[field]
    extra = info.json_schema_extra
    hint = extra["hint"] if isinstance(extra, dict) else "correct it"
    shown = "(hidden)" if field == "telegram_token" else _shortened(text)
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
    if owners not in complained and not _split(values.get(owners, "")):
        problems.append(
            f"{owners} is empty; write the numeric Telegram id of who may trade."
        )
    return problems


def _shortened(text: str) -> str:
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean if len(clean) <= _MAX_SHOWN else clean[:_MAX_SHOWN] + "..."
