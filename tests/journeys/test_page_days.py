"""Days with open pairs, by finger: more, half, after the payment, the table."""

from __future__ import annotations

import csv
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from tests.journeys.browser import needs_browser, open_phone
from tests.journeys.live import live_house, roomy_minutes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.journeys.browser import Phone
    from tests.journeys.house import House

pytestmark = [
    pytest.mark.journey,
    pytest.mark.campaign,
    needs_browser,
    pytest.mark.timeout(120),  # a browser on a busy machine
]
HALVED, WAITS = "KAITO", "APT"
"""The pair that is halved, and the one that goes after its next payment."""
LOTS = 2
"""Tokens by which a part may miss its share: a lot of both is one token."""
HOUR = timedelta(hours=1)
MARGIN = timedelta(minutes=3)
"""A payment is on the venue's books by then."""


async def test_two_pairs_live_and_end_as_their_owner_taps(tmp_path: Path) -> None:
    """The owner has only a phone; what it says must be what the venues hold."""
    with roomy_minutes():
        async with live_house(tmp_path / "bot") as house, open_phone(tmp_path) as phone:
            await phone.open(f"{house.box.url}/")
            await _open(house, phone, HALVED)
            await _open(house, phone, WAITS)
            await phone.say("/pos")
            await phone.sees("on 2 pairs", "all hedged")
            await phone.picture("pairs")
            await _add_by_button(house, phone)
            await _add_by_words(house, phone)
            await _close_half(house, phone)
            await _close_after_payment(house, phone)
            await _look_at_result(house, phone, tmp_path)
            await _choose_size(house, phone)

            assert await phone.overflow() <= 0
            assert await phone.cut_labels() == []


async def _open(house: House, phone: Phone, base: str) -> None:
    house.breathe()
    await phone.say(f"/open {base}")
    await phone.sees(f"Open {base}?", "SANDBOX")
    await phone.tap("✅ Open", f"Open {base}?")
    await phone.sees(f"✅ {base} open, both legs filled")
    await house.rest()
    assert sum(abs(each) for each in _held(house, base)) > 0


async def _add_by_button(house: House, phone: Phone) -> None:
    before = _held(house, HALVED)
    house.breathe()
    await phone.tap(f"1 {HALVED}", "on 2 pairs")
    await phone.tap("➕ Add", f"{HALVED} ", "entry")  # noqa: RUF001 -- a sign, not a sum
    await phone.sees(f"Add to {HALVED}? $500 per leg", "held", "then")
    await phone.tap("$250", f"Add to {HALVED}? $500 per leg")
    await phone.sees(f"Add to {HALVED}? $250 per leg", "held", "then")
    await phone.picture("add")
    await phone.tap("✅ Add $250", f"Add to {HALVED}? $250 per leg")
    await phone.sees(f"✅ {HALVED} grew, both legs filled")
    await phone.picture("added")
    await house.rest()
    _check_grown(house, HALVED, before, Decimal(250) / 500)


async def _add_by_words(house: House, phone: Phone) -> None:
    before = _held(house, WAITS)
    house.breathe()
    await phone.say(f"/add {WAITS} 200")
    await phone.tap("✅ Add $200", f"Add to {WAITS}? $200 per leg")
    await phone.sees(f"✅ {WAITS} grew, both legs filled")
    await house.rest()
    _check_grown(house, WAITS, before, Decimal(200) / 500)


def _check_grown(
    house: House, base: str, before: list[Decimal], share: Decimal
) -> None:
    """Check that both legs grew by a share, to the lot, and are level."""
    assert sum(before) == sum(_held(house, base)) == 0
    for was, now in zip(before, _held(house, base), strict=True):
        assert abs(now - was * (1 + share)) <= LOTS


async def _close_half(house: House, phone: Phone) -> None:
    before = _held(house, HALVED)
    house.breathe()
    await phone.say(f"/pos {HALVED}")
    now_held = f"{abs(before[0]):.0f}"  # an older card of the pair shows less
    await phone.tap("Close half", f"{HALVED} ", "entry", now_held)
    await phone.sees(f"Close a part of {HALVED}?", f"{HALVED} stay open")
    await phone.picture("half")
    await phone.tap("❗ Close part", f"Close a part of {HALVED}?")
    await phone.sees(f"✅ {HALVED}: the part is closed, the rest is open and hedged")
    await house.rest()

    assert sum(before) == sum(_held(house, HALVED)) == 0
    for was, now in zip(before, _held(house, HALVED), strict=True):
        assert abs(now - was / 2) <= LOTS


async def _close_after_payment(house: House, phone: Phone) -> None:
    house.breathe()
    await phone.say(f"/pos {WAITS}")
    await phone.tap("After next pay", f"{WAITS} ", "entry")
    await phone.sees(f"{WAITS} ", "Closes after the payment of")
    await phone.picture("waits")
    now = house.clock.now()
    due = now.replace(minute=0, second=0, microsecond=0) + HOUR
    await house.pass_time(due - MARGIN - now)
    await house.scan()
    await house.hold()
    assert _held(house, WAITS) != [0, 0], "before the payment nothing is closed"
    await house.pass_time(2 * MARGIN)
    await house.scan()
    await house.hold()
    await phone.sees(f"✅ {WAITS} closed:", "you wanted it closed after the payment")
    await phone.picture("waited")

    assert _held(house, WAITS) == []
    paid = [one for one in _booked(house, "payments") if WAITS in one["symbol_raw"]]
    assert paid, "the payment it waited for came"
    house.breathe()
    await phone.say("/pos")
    await phone.sees("on 1 pair", "all hedged")


async def _look_at_result(house: House, phone: Phone, folder: Path) -> None:
    house.breathe()
    await phone.say("/pnl all")
    await phone.sees("since the start", "Venues' books agree")
    await phone.picture("pnl")
    await phone.tap("📈 Picture", "since the start", "Venues' books agree")
    shown = phone.page.locator("article.theirs img.picture").last
    await expect(shown).to_be_visible()
    await expect(shown).to_have_js_property("complete", value=True)
    assert await shown.evaluate("one => one.naturalWidth") == 2 * 390
    await phone.picture("drawn")
    await phone.tap("📄 CSV", "since the start", "Venues' books agree")
    link = phone.page.locator("article.theirs a.file").last
    await expect(link).to_contain_text(".csv")
    async with phone.page.expect_download() as coming:
        await link.tap()
    file = folder / (await coming.value).suggested_filename
    await (await coming.value).save_as(file)

    assert file.suffix == ".csv"
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    assert _trades_told(rows) == _trades_true(house)
    assert _payments_told(rows) == _payments_true(house)


async def _choose_size(house: House, phone: Phone) -> None:
    house.breathe()
    await phone.say("/settings")
    await phone.tap("Trading", "⚙ Settings")
    await phone.sees("⚙ Trading", "Size per leg: $500")
    await phone.tap("Size", "⚙ Trading")
    await phone.tap("$1,000", "Size per leg: $500", "Typed:")
    await phone.sees("Size per leg: $500 → $1,000?", "SANDBOX")
    await phone.picture("raise")
    await phone.tap("✅ Change it", "Size per leg: $500 → $1,000?")
    await phone.sees("Size per leg: $1,000", "Chosen in chat by you")
    await house.settle()
    house.breathe()
    await phone.say(f"/open {WAITS}")
    await phone.sees(f"Open {WAITS}? $1,000 per leg")
    await phone.picture("larger")
    await phone.tap("✖ Cancel", f"Open {WAITS}? $1,000 per leg")
    await phone.sees("Nothing was ordered")


# --- what is true ---------------------------------------------------------------------


def _held(house: House, base: str) -> list[Decimal]:
    """Return what the venues hold of a token, long above zero."""
    return [
        Decimal(row["quantity"])
        for told in house.box.accounts.accounts().values()
        for row in told["positions"].values()
        if row["token"] == base
    ]


def _booked(house: House, kind: str) -> list[dict[str, Any]]:
    told = house.box.accounts.accounts()
    return [{"venue": venue, **one} for venue in told for one in told[venue][kind]]


def _trades_true(house: House) -> list[tuple[str, str, Decimal, Decimal, Decimal]]:
    return sorted(
        (
            one["venue"],
            "buy" if one["side"] > 0 else "sell",
            Decimal(one["quantity"]),
            Decimal(one["price"]),
            Decimal(one["fee"]),
        )
        for one in _booked(house, "trades")
    )


def _trades_told(
    rows: list[dict[str, str]],
) -> list[tuple[str, str, Decimal, Decimal, Decimal]]:
    return sorted(
        (
            row["venue"],
            row["side"],
            Decimal(row["quantity"]),
            Decimal(row["price"]),
            Decimal(row["fee_usd"]),
        )
        for row in rows
        if row["kind"] == "trade"
    )


def _payments_true(house: House) -> list[tuple[str, Decimal]]:
    booked = _booked(house, "payments")
    return sorted((one["venue"], Decimal(one["amount"])) for one in booked)


def _payments_told(rows: list[dict[str, str]]) -> list[tuple[str, Decimal]]:
    return sorted(
        (row["venue"], Decimal(row["funding_usd"]))
        for row in rows
        if row["kind"] == "funding"
    )
