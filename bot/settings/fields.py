"""Hold every setting with its default and meaning.

Each field's description is the text that `.env.example` prints above it, and its `hint`
is what a person is told to write when the value cannot be used.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.model.units import ChatId, Mode, UserId, VenueId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_settings import PydanticBaseSettingsSource

PREFIX = "CARRY_"
KNOWN_VENUES = ("binance", "hyperliquid", "lighter", "extended")
EVERY = "*"


def split_list(value: object) -> object:
    """Split a comma list, dropping blanks and repetitions but keeping the order."""
    if not isinstance(value, str):
        return value
    parts = (part.strip() for part in value.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def _every_or_split(value: object) -> object:
    if isinstance(value, str) and value.strip() == EVERY:
        return None
    return split_list(value)


def _url(value: object) -> object:
    return value.strip().rstrip("/") if isinstance(value, str) else value


_USER_ID = Annotated[int, Field(gt=0)]
_VENUE = Literal["binance", "hyperliquid", "lighter", "extended"]
_TOKEN = Annotated[
    str, StringConstraints(min_length=1, max_length=30, pattern=r"^[^\s,*<>&]+$")
]
_UserIds = Annotated[tuple[_USER_ID, ...], BeforeValidator(split_list)]
_Url = Annotated[
    str,
    BeforeValidator(_url),
    StringConstraints(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$"),
]


def _hex_text(value: object) -> object:
    """Let hexadecimal text of any length through."""
    if isinstance(value, str) and not re.fullmatch(r"(0x)?[0-9a-fA-F]+", value.strip()):
        message = "not hexadecimal"
        raise ValueError(message)
    return value


def _hex(digits: int) -> BeforeValidator:
    """Return a check that a text is so many hexadecimal digits, 0x or not."""

    def check(value: object) -> object:
        pattern = rf"(0x)?[0-9a-fA-F]{{{digits}}}"
        if isinstance(value, str) and not re.fullmatch(pattern, value.strip()):
            message = f"not {digits} hexadecimal digits"
            raise ValueError(message)
        return value

    return BeforeValidator(check)


_HEX_TEXT = BeforeValidator(_hex_text)
_Secret = SecretStr | None


def _setting(default: object, says: str, hint: str) -> Any:  # noqa: ANN401 - as Field
    return Field(default=default, description=says, json_schema_extra={"hint": hint})


_URL_HINT = "write an address such as http://127.0.0.1:8088/name"
_USD_HINT = "write an amount in USD, for example 500"
_FRACTION_HINT = "write a fraction between 0 and 1, for example 0.005"
_WHOLE_HINT = "write a whole number"
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
        "paper trades pretend money on the real market; live trades your own.",
        "write paper or live",
    )
    venues: Annotated[
        tuple[_VENUE, ...], BeforeValidator(split_list), Field(min_length=1)
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
    binance_api_key: _Secret = _setting(
        None,
        "API key of a Binance futures account, for live: futures on, withdrawal off.",
        "copy it from the venue's page of API keys",
    )
    binance_api_secret: _Secret = _setting(
        None, "Its secret.", "copy it from the venue's page of API keys"
    )
    hyperliquid_wallet_address: Annotated[str, _hex(40)] | None = _setting(
        None,
        "Address of the Hyperliquid account to trade for, for live.",
        "write 0x and 40 hexadecimal digits",
    )
    hyperliquid_private_key: Annotated[SecretStr, _hex(64)] | None = _setting(
        None,
        "Private key of an API wallet that account approved; never the account's own.",
        "write 0x and 64 hexadecimal digits",
    )
    lighter_account_index: Annotated[int, Field(ge=0)] | None = _setting(
        None, "Number of the Lighter account to trade for, for live.", _WHOLE_HINT
    )
    lighter_api_key_index: Annotated[int, Field(ge=4, le=254)] | None = _setting(
        None,
        "Number of the API key you registered there, 4 to 254.",
        "write a whole number from 4 to 254",
    )
    lighter_api_private_key: Annotated[SecretStr, _hex(80)] | None = _setting(
        None,
        "Its private key, 80 hexadecimal digits; never the wallet's own key.",
        "write the API key's 80 hexadecimal digits",
    )
    extended_api_key: _Secret = _setting(
        None,
        "API key of an Extended account, for live.",
        "copy it from the venue's page of API keys",
    )
    extended_stark_private_key: Annotated[SecretStr, _HEX_TEXT] | None = _setting(
        None, "Its Stark private key.", "write its hexadecimal digits"
    )
    extended_vault: Annotated[int, Field(gt=0)] | None = _setting(
        None, "Number of its vault.", _WHOLE_HINT
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
    planned_hold_h: Annotated[int, Field(ge=1, le=720)] = _setting(
        24,
        "Hours for which a pair is meant to be held: net and ranking count with them.",
        "write whole hours from 1 to 720",
    )
    net_top_k: Annotated[int, Field(ge=0, le=100)] = _setting(
        20,
        "Tokens whose order books each scan reads to rank them by net; 0 for none.",
        "write a whole number from 0 to 100",
    )
    min_net: Annotated[Decimal, Field(ge=-1, le=1)] = _setting(
        Decimal("0.0005"),
        "Least net over the planned hold, as a fraction of a leg (0.0005 = 0.05 %).",
        "write a fraction of a leg, for example 0.0005",
    )
    max_break_even_h: Annotated[int, Field(ge=1, le=8760)] = _setting(
        24,
        "Most hours until the costs of a pair are earned; later ones are marked.",
        "write whole hours from 1 to 8760",
    )
    max_break_even_payments: Annotated[int, Field(ge=1, le=10000)] = _setting(
        8,
        "Most payments of the slower leg until then.",
        "write a whole number from 1 to 10000",
    )
    unit_proof_requests: Annotated[int, Field(ge=20, le=600)] = _setting(
        60,
        "Most requests per hour and venue that compare shown rates with paid ones.",
        "write a whole number from 20 to 600",
    )
    stablecoin_warn: Annotated[Decimal, Field(gt=0, lt=1)] = _setting(
        Decimal("0.003"),
        "USDT so far from USDC is told if a pair is open across both: 0.003 is 0.3 %.",
        _FRACTION_HINT,
    )
    stablecoin_block: Annotated[Decimal, Field(gt=0, lt=1)] = _setting(
        Decimal("0.005"),
        "From this distance no pair across both coins is entered.",
        _FRACTION_HINT,
    )
    stablecoin_close: Annotated[Decimal, Field(gt=0, lt=1)] = _setting(
        Decimal("0.01"),
        "From this distance closing open pairs across both coins is proposed.",
        _FRACTION_HINT,
    )
    position_size_usd: Annotated[Decimal, Field(gt=0)] = _setting(
        Decimal(500), "Size of each leg in USD.", _USD_HINT
    )
    max_trade_usd: Annotated[Decimal, Field(gt=0)] = _setting(
        Decimal(2500), "Largest size of each leg that chat may ask for.", _USD_HINT
    )
    max_token_usd: Annotated[Decimal, Field(gt=0)] = _setting(
        Decimal(5000), "Most held in one token, USD of one leg.", _USD_HINT
    )
    max_venue_usd: Annotated[Decimal, Field(gt=0)] = _setting(
        Decimal(10000), "Most held on one venue, USD over all its legs.", _USD_HINT
    )
    max_total_usd: Annotated[Decimal, Field(gt=0)] = _setting(
        Decimal(25000), "Most held over all pairs, USD of one leg each.", _USD_HINT
    )
    max_daily_loss_usd: Annotated[Decimal, Field(gt=0)] = _setting(
        Decimal(250),
        "Most that price results, fees and funding of a UTC day may lose together;"
        " then entries are off until the next.",
        _USD_HINT,
    )
    max_open_trades: Annotated[int, Field(ge=1, le=100)] = _setting(
        10, "Most pairs open at the same time.", "write a whole number from 1 to 100"
    )
    max_entries_per_hour: Annotated[int, Field(ge=1, le=1000)] = _setting(
        30, "Most pairs entered within an hour.", "write a whole number from 1 to 1000"
    )
    leverage: Annotated[int, Field(ge=1, le=10)] = _setting(
        3, "Leverage of each leg.", "write a whole number from 1 to 10"
    )
    max_leverage: Annotated[int, Field(ge=1, le=10)] = _setting(
        3, "Leverage above which nothing is entered.", _WHOLE_HINT + " from 1 to 10"
    )
    scan_interval_s: Annotated[int, Field(ge=5, le=3600)] = _setting(
        60, "Seconds between two scans.", "write whole seconds from 5 to 3600"
    )
    expect: Literal["now", "blended"] = _setting(
        "now",
        "What net is ranked by: rates as they are now, or blended with their past.",
        "write now or blended",
    )
    history_days: Annotated[int, Field(ge=1, le=365)] = _setting(
        30,
        "Days for which every scan is kept; hourly means stay for half a year.",
        "write whole days from 1 to 365",
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
    def history_kept(self) -> timedelta:
        """Return how long every scan is kept."""
        return timedelta(days=self.history_days)

    @property
    def planned_hold(self) -> timedelta:
        """Return how long a pair is meant to be held."""
        return timedelta(hours=self.planned_hold_h)

    @property
    def quote_ttl(self) -> timedelta:
        """Return how long a confirm card can be tapped."""
        return timedelta(seconds=self.quote_ttl_s)

    @property
    def keyed_venues(self) -> tuple[VenueId, ...]:
        """Return the venues whose keys are all given; the others can only be read."""
        return tuple(
            venue_id
            for venue_id in self.venue_ids
            if all(getattr(self, field) is not None for field in KEYS[venue_id])
        )

    @property
    def is_sandbox(self) -> bool:
        """Tell whether every venue and Telegram are on this machine: pretend ones."""
        addresses = (*self.venue_urls.values(), self.telegram_api_url)
        return all(each is not None and _is_loopback(each) for each in addresses)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must never be printed."""
        values = (getattr(self, field) for field in type(self).model_fields)
        hidden = (
            each.get_secret_value() for each in values if isinstance(each, SecretStr)
        )
        bare = (each.removeprefix("0x") for each in hidden if each)
        return tuple(dict.fromkeys(bare))


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


KEYS: Mapping[VenueId, tuple[str, ...]] = {
    VenueId("binance"): ("binance_api_key", "binance_api_secret"),
    VenueId("hyperliquid"): ("hyperliquid_wallet_address", "hyperliquid_private_key"),
    VenueId("lighter"): (
        "lighter_account_index",
        "lighter_api_key_index",
        "lighter_api_private_key",
    ),
    VenueId("extended"): (
        "extended_api_key",
        "extended_stark_private_key",
        "extended_vault",
    ),
}
"""Settings that open each venue's account; all of one, or none."""
