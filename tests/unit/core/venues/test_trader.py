"""The client that signs: what it may never do, and the signer it needs."""

from __future__ import annotations

import importlib.metadata
import logging
import platform
import sys
from typing import TYPE_CHECKING

import pytest

from core.errors import VenueError
from core.model.units import VenueId
from core.venues import trader
from core.venues.account import open_account
from core.venues.catalog import VENUES
from core.venues.http import VenueSession
from core.venues.markets import MarketReader
from core.venues.pacing import RequestBudget
from core.venues.trader import open_trader, signer_file
from tests.fakes.runtime import FakeClock
from tests.unit.core.venues.accounts import KEYS

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from core.ports import AccountInspector, TradingVenue

ALL = list(VENUES)


def client_of(venue_id: VenueId) -> Any:  # noqa: ANN401 - ccxt is untyped
    """Return a client that has sent nothing."""
    entry, clock, keys = VENUES[venue_id], FakeClock(), KEYS.of(venue_id)
    assert keys is not None
    session = VenueSession(entry, base_url=None, clock=clock, reads_only=False)
    budget = RequestBudget(venue_id, entry.requests_per_minute, clock)
    return open_trader(entry, keys, session, budget, clock=clock, timeout_ms=9000)


@pytest.mark.parametrize("venue_id", ALL)
def test_no_client_sends_twice_or_pays_others(venue_id: VenueId) -> None:
    """The stock client does both when asked, and the second by default."""
    client = client_of(venue_id)

    assert client.options["builderFee"] is False
    assert client.options["maxRetriesOnFailure"] == 0
    assert client.verbose is False


@pytest.mark.parametrize("venue_id", ALL)
def test_no_client_writes_to_the_log(
    venue_id: VenueId, caplog: pytest.LogCaptureFixture
) -> None:
    """Its details hold headers with keys and signed bodies."""
    with caplog.at_level(logging.DEBUG):
        client_of(venue_id).logger.critical("header %s", "X-MBX-APIKEY")

    assert caplog.text == ""


@pytest.mark.parametrize("venue_id", ALL)
def test_clients_keep_our_time(venue_id: VenueId) -> None:
    """Time stamps and expiries are counted on one clock."""
    client = client_of(venue_id)

    assert client.milliseconds() == 1795384333000
    assert client.seconds() == 1795384333


def test_numbers_of_requests_are_never_used_twice() -> None:
    """Two orders in one second would carry one signature."""
    extended, hyperliquid, lighter = (
        client_of(VenueId(name)) for name in ("extended", "hyperliquid", "lighter")
    )

    assert [extended.nonce() for _ in range(3)] == [
        1795384333 + each for each in range(3)
    ]
    for call in (hyperliquid.incrementing_nonce, lighter.next_nonce):
        assert [call() for _ in range(2)] == [1795384333000, 1795384333001]


async def test_nothing_is_approved_and_no_key_is_made() -> None:
    """Three methods of the stock clients would sign away a share or a slot."""
    hyperliquid = client_of(VenueId("hyperliquid"))
    lighter = client_of(VenueId("lighter"))

    assert await hyperliquid.initialize_client() is True
    with pytest.raises(NotImplementedError):
        await lighter.change_api_key()
    with pytest.raises(NotImplementedError):
        await lighter.approve_builder_fee()


def test_lighters_key_is_no_wallet_key_to_the_client() -> None:
    """Given as a wallet key, it would be used to register a new one."""
    client = client_of(VenueId("lighter"))

    assert not client.privateKey
    assert list(client.options["auths"]) == ["1077"]


def test_lighters_signer_is_installed_and_never_imported() -> None:
    """Its package wants an old urllib3; only the library inside it is used."""
    found = signer_file()

    assert found.is_file()
    assert found.parent.name == "signers"
    assert "lighter" not in sys.modules


def test_a_missing_signer_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Three ways in which it can be missing, three sentences."""
    with monkeypatch.context() as patch:
        patch.setattr(platform, "machine", lambda: "riscv64")
        with pytest.raises(VenueError, match="no signer for"):
            signer_file()
    with monkeypatch.context() as patch:
        patch.setattr(trader, "_SIGNER_PACKAGE", "no-such-package")
        with pytest.raises(VenueError, match="not installed"):
            signer_file()

    class Empty:
        def locate_file(self, name: str) -> Path:
            return tmp_path / name

    with monkeypatch.context() as patch:
        patch.setattr(importlib.metadata, "distribution", lambda _: Empty())
        with pytest.raises(VenueError, match="its package holds no lighter-signer"):
            signer_file()


@pytest.mark.parametrize("venue_id", ALL)
async def test_an_account_prints_nothing_of_its_keys(venue_id: VenueId) -> None:
    """Nor is it anything else than the two ports ask for."""
    clock, keys = FakeClock(), KEYS.of(venue_id)
    assert keys is not None
    reader = MarketReader(VENUES[venue_id], base_url=None, clock=clock)
    account = open_account(venue_id, keys, reader=reader, base_url=None, clock=clock)
    trading: TradingVenue = account
    inspected: AccountInspector = account

    shown = f"{account!r} {account} {account._dialect!r} {account._session!r}"

    assert trading.venue_id == inspected.venue_id == venue_id
    assert not [secret for secret in KEYS.secrets if secret in shown]
    await account.close()
    await reader.close()
