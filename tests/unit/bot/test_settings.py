from __future__ import annotations

import textwrap
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from bot.settings import Settings, SettingsError, load_settings
from core.model.units import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN = "123456:a-made-up-token-for-tests"  # noqa: S105 - opens nothing
GOOD = {"CARRY_TELEGRAM_TOKEN": TOKEN, "CARRY_OWNER_IDS": "1001", "CARRY_ENV_FILE": ""}
EXAMPLE = Path(__file__).parents[3] / ".env.example"


def problems_of(environ: Mapping[str, str], env_file: Path | None = None) -> list[str]:
    """Return the sentences a person reads."""
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, env_file)
    return caught.value.problems


def example_of(settings: type[Settings]) -> str:
    """Return what `.env.example` must be."""
    blocks = [
        (
            "# Copy this file to .env, fill in token and owner, and run `make run`.\n"
            "# Every line that is commented out shows the default.\n"
        )
    ]
    for name, info in settings.model_fields.items():
        comment = textwrap.fill(f"{info.description}", 86).replace("\n", "\n# ")
        blocks.append(f"# {comment}\n{_line(name, info.default)}\n")
    return "\n".join(blocks)


def _line(name: str, default: object) -> str:
    variable = f"CARRY_{name.upper()}"
    if name in {"telegram_token", "owner_ids"}:
        return f"{variable}="
    if isinstance(default, bool):
        return f"#{variable}={str(default).lower()}"
    if isinstance(default, tuple):
        return f"#{variable}={','.join(default)}"
    if name == "tokens":
        return f"#{variable}=*"
    if default is None or isinstance(default, SecretStr):
        return f"#{variable}="
    return f"#{variable}={default}"


def test_the_example_file_lists_every_setting_with_default_and_meaning() -> None:
    """A person configures from this file alone, so it may never lag behind."""
    assert EXAMPLE.read_text(encoding="utf-8") == example_of(Settings)


def test_an_unchanged_example_file_asks_for_token_and_owner_only() -> None:
    """Whoever copies the file must not meet any other complaint."""
    problems = problems_of({}, EXAMPLE)

    assert [line.split(" ")[0] for line in problems] == [
        "CARRY_TELEGRAM_TOKEN",
        "CARRY_OWNER_IDS",
    ]


def test_defaults_are_those_of_the_documentation() -> None:
    """Token and owner are all a person has to give."""
    settings = load_settings(GOOD)

    assert settings.owners == (1001,)
    assert settings.mode is Mode.PAPER
    assert settings.venues == ("binance", "hyperliquid", "lighter", "extended")
    assert settings.tokens is None
    assert settings.bot_api_base == "https://api.telegram.org/bot"
    assert settings.min_daily_volume_usd == Decimal(50000)
    assert settings.min_spread_hourly == Decimal("0.00002")
    assert (settings.scan_interval_s, settings.quote_ttl_s) == (60, 45)
    assert settings.allow_unknown_volume is True


def test_all_problems_are_listed_at_once() -> None:
    """Nobody wants to find five mistakes in five starts."""
    problems = problems_of(
        {
            "CARRY_ENV_FILE": "",
            "CARRY_LEVERAGE": "three",
            "CARRY_VENUES": "binance,okx",
            "CARRY_SCAN_INTERVALL": "60",
        }
    )

    assert problems == [
        (
            "CARRY_SCAN_INTERVALL in the environment is not a setting; "
            "did you mean CARRY_SCAN_INTERVAL_S?"
        ),
        (
            "CARRY_VENUES=binance,okx cannot be used; write some of binance, "
            "hyperliquid, lighter, extended, with commas between them."
        ),
        "CARRY_LEVERAGE=three cannot be used; write a whole number from 1 to 10.",
        (
            "CARRY_TELEGRAM_TOKEN is empty; ask @BotFather for a bot and write its "
            "token there."
        ),
        "CARRY_OWNER_IDS is empty; write the numeric Telegram id of who may trade.",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CARRY_OWNER_IDS", "@anna"),
        ("CARRY_OWNER_IDS", "-5"),
        ("CARRY_VIEWER_IDS", "1002;1003"),
        ("CARRY_MODE", "demo"),
        ("CARRY_TOKENS", "BTC,<b>"),
        ("CARRY_TOKENS", ","),
        ("CARRY_VENUES", ","),
        ("CARRY_BINANCE_URL", "127.0.0.1:80"),
        ("CARRY_TELEGRAM_API_URL", "ftp://example.org"),
        ("CARRY_MIN_DAILY_VOLUME_USD", "-1"),
        ("CARRY_MIN_DAILY_VOLUME_USD", "NaN"),
        ("CARRY_MIN_SPREAD_HOURLY", "0.002%"),
        ("CARRY_POSITION_SIZE_USD", "0"),
        ("CARRY_POSITION_SIZE_USD", "Infinity"),
        ("CARRY_ALERT_SPREAD_HOURLY", "0"),
        ("CARRY_MAX_TRADE_USD", "much"),
        ("CARRY_MAX_OPEN_TRADES", "0"),
        ("CARRY_LEVERAGE", "0"),
        ("CARRY_LEVERAGE", "2.5"),
        ("CARRY_SCAN_INTERVAL_S", "1"),
        ("CARRY_SCAN_INTERVAL_S", "60s"),
        ("CARRY_QUOTE_TTL_S", "0"),
        ("CARRY_ALLOW_UNKNOWN_VOLUME", "perhaps"),
        ("CARRY_PAPER_BALANCE_USD", "-5"),
        ("CARRY_DEMO_PORT", "70000"),
        ("CARRY_LOG_LEVEL", "LOUD"),
        ("CARRY_RATE_DISPLAY", "daily"),
    ],
)
def test_a_malformed_value_is_one_sentence_with_name_value_and_remedy(
    name: str, value: str
) -> None:
    """The sentence alone must be enough to repair the line."""
    problems = problems_of({**GOOD, name: value})

    assert len(problems) == 1
    assert problems[0].startswith(f"{name}={value} cannot be used; write ")


def test_a_size_above_the_cap_is_a_contradiction() -> None:
    """Every quote would be refused, and nobody would know why."""
    assert problems_of({**GOOD, "CARRY_POSITION_SIZE_USD": "3000"}) == [
        (
            "CARRY_POSITION_SIZE_USD=3000 is above CARRY_MAX_TRADE_USD=2500; "
            "change one of them."
        )
    ]


def test_leverage_above_the_hosts_own_cap_is_a_contradiction() -> None:
    """Whoever wants five must say so twice; a slip of a finger does not."""
    assert problems_of({**GOOD, "CARRY_LEVERAGE": "5"}) == [
        "CARRY_LEVERAGE=5 is above CARRY_MAX_LEVERAGE=3; change one of them."
    ]


KEYS = {
    "CARRY_BINANCE_API_KEY": "canary-binance-key",
    "CARRY_BINANCE_API_SECRET": "canary-binance-secret",
    "CARRY_HYPERLIQUID_WALLET_ADDRESS": "0x" + "a1" * 20,
    "CARRY_HYPERLIQUID_PRIVATE_KEY": "0x" + "b2" * 32,
    "CARRY_LIGHTER_ACCOUNT_INDEX": "77",
    "CARRY_LIGHTER_API_KEY_INDEX": "5",
    "CARRY_LIGHTER_API_PRIVATE_KEY": "c3" * 40,
    "CARRY_EXTENDED_API_KEY": "canary-extended-key",
    "CARRY_EXTENDED_STARK_PRIVATE_KEY": "0xd4d4d4d4",
    "CARRY_EXTENDED_VAULT": "10002",
}
SECRET_KEYS = [
    name for name in KEYS if "KEY" in name or "SECRET" in name if "INDEX" not in name
]


def test_keys_are_taken_in_paper_too_and_name_the_venues_that_can_trade() -> None:
    """One file serves both modes; a venue without keys can only be read."""
    settings = load_settings({**GOOD, **KEYS})
    some = {name: text for name, text in KEYS.items() if "LIGHTER" not in name}

    assert settings.mode is Mode.PAPER
    assert settings.keyed_venues == ("binance", "hyperliquid", "lighter", "extended")
    assert load_settings({**GOOD, **some}).keyed_venues == (
        "binance",
        "hyperliquid",
        "extended",
    )
    assert load_settings(GOOD).keyed_venues == ()


def test_live_needs_two_accounts() -> None:
    """One leg alone is no hedge."""
    binance = {name: text for name, text in KEYS.items() if "BINANCE" in name}
    live = {**GOOD, "CARRY_MODE": "live"}

    assert problems_of({**live, **binance}) == [
        "CARRY_MODE=live needs the keys of two venues at least; give them."
    ]
    assert load_settings({**live, **KEYS}).mode is Mode.LIVE


def test_half_a_set_of_keys_is_one_clear_sentence() -> None:
    """Silently reading a venue that its owner means to trade would be a trap."""
    assert problems_of({**GOOD, "CARRY_LIGHTER_ACCOUNT_INDEX": "77"}) == [
        (
            "CARRY_LIGHTER_API_KEY_INDEX and CARRY_LIGHTER_API_PRIVATE_KEY are empty"
            " although CARRY_LIGHTER_ACCOUNT_INDEX is set; give all of them or none."
        )
    ]
    assert problems_of({**GOOD, "CARRY_BINANCE_API_KEY": "canary"}) == [
        (
            "CARRY_BINANCE_API_SECRET is empty although CARRY_BINANCE_API_KEY is set;"
            " give all of them or none."
        )
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CARRY_HYPERLIQUID_PRIVATE_KEY", "0xnot-a-key"),
        ("CARRY_LIGHTER_API_PRIVATE_KEY", "e5" * 32),
        ("CARRY_EXTENDED_STARK_PRIVATE_KEY", "not hexadecimal"),
    ],
)
def test_a_malformed_key_is_never_printed(name: str, value: str) -> None:
    """A typing error is no reason to show a key; 64 digits are a wallet's own."""
    problems = problems_of({**GOOD, **KEYS, name: value})

    assert len(problems) == 1
    assert problems[0].startswith(f"{name}=(hidden) cannot be used; ")
    assert value not in problems[0]


@pytest.mark.parametrize("name", SECRET_KEYS)
def test_settings_never_show_a_key(name: str) -> None:
    """Objects end up in logs and tracebacks."""
    settings = load_settings({**GOOD, **KEYS})
    secret = KEYS[name].removeprefix("0x")

    assert secret in settings.secrets
    assert secret not in repr(settings)
    assert secret not in str(settings.model_dump())


def test_only_a_world_wholly_on_this_machine_is_a_sandbox() -> None:
    """One real venue makes the money real."""
    here = {
        f"CARRY_{venue}_URL": f"http://127.0.0.1:8088/venue/{venue}"
        for venue in ("BINANCE", "HYPERLIQUID", "LIGHTER", "EXTENDED")
    }
    here["CARRY_TELEGRAM_API_URL"] = "http://localhost:8088/telegram"

    assert load_settings({**GOOD, **here}).is_sandbox
    for name in here:
        others = {each: text for each, text in here.items() if each != name}
        assert not load_settings({**GOOD, **others}).is_sandbox
    fake = {**here, "CARRY_LIGHTER_URL": "http://127.0.0.1.example.org/x"}
    assert not load_settings({**GOOD, **fake}).is_sandbox


def test_a_malformed_token_is_never_printed() -> None:
    """Terminals are shared and logs are kept."""
    problems = problems_of({**GOOD, "CARRY_TELEGRAM_TOKEN": "my-real-secret"})

    assert problems == [
        (
            "CARRY_TELEGRAM_TOKEN=(hidden) cannot be used; "
            "copy it from @BotFather; it looks like 123456789:AAE and more."
        )
    ]


def test_a_scan_needs_neither_token_nor_owner() -> None:
    """The market is public: looking must work before any bot exists."""
    settings = load_settings({"CARRY_ENV_FILE": ""}, needs_chat=False)

    assert settings.owner_ids == ()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """One run can be changed without editing the file."""
    file = tmp_path / "my.env"
    file.write_text("CARRY_LEVERAGE=2\nCARRY_QUOTE_TTL_S=30\nPATH=/nowhere\n")

    settings = load_settings({**GOOD, "CARRY_LEVERAGE": "1"}, file)

    assert (settings.leverage, settings.quote_ttl_s) == (1, 30)


def test_a_misspelt_prefix_in_the_file_is_noticed(tmp_path: Path) -> None:
    """A typo in the prefix would silently leave the default in force."""
    file = tmp_path / "my.env"
    file.write_text("CARY_LEVERAGE=2\ncarry_mode=paper\nOTHER_TOOL=1\n")

    assert problems_of(GOOD, file) == [
        "CARY_LEVERAGE in the .env file is not a setting; did you mean CARRY_LEVERAGE?",
        "carry_mode in the .env file is not a setting; did you mean CARRY_MODE?",
    ]


def test_a_named_file_that_is_missing_is_said(tmp_path: Path) -> None:
    """Starting on defaults because of a wrong path would be a bad surprise."""
    gone = tmp_path / "gone.env"

    problems = problems_of({**GOOD, "CARRY_ENV_FILE": str(gone)})

    assert problems == [
        f"CARRY_ENV_FILE={gone}: there is no such file; create or unset it."
    ]


def test_lists_lose_blanks_and_repetitions() -> None:
    """`1001, 1002,` is what people write."""
    settings = load_settings(
        {
            **GOOD,
            "CARRY_OWNER_IDS": " 1001, 1003,1001,",
            "CARRY_VIEWER_IDS": "1002,1001",
            "CARRY_TOKENS": "KAITO, APT ,MON",
        }
    )

    assert settings.owners == (1001, 1003)
    assert settings.viewers == (1002,)
    assert settings.tokens == ("KAITO", "APT", "MON")


def test_addresses_keep_their_path_prefix_and_lose_the_last_slash() -> None:
    """The address may point into a folder of a local server."""
    settings = load_settings(
        {
            **GOOD,
            "CARRY_VENUES": "binance,lighter",
            "CARRY_BINANCE_URL": "http://127.0.0.1:8088/venue/binance/",
            "CARRY_TELEGRAM_API_URL": "http://127.0.0.1:8088/telegram",
        }
    )

    assert settings.venue_urls == {
        "binance": "http://127.0.0.1:8088/venue/binance",
        "lighter": None,
    }
    assert settings.bot_api_base == "http://127.0.0.1:8088/telegram/bot"


def test_settings_never_show_the_token() -> None:
    """Objects end up in logs and tracebacks."""
    settings = load_settings(GOOD)

    assert TOKEN not in repr(settings)
    assert TOKEN not in str(settings.model_dump())
    assert settings.secrets == (TOKEN,)
