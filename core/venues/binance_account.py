"""Order and read a Binance USD-M futures account.

Requests as in the venue's documentation of 2026; they are signed by ccxt 4.5.90.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import ccxt.async_support as ccxt

from core.model.account import KeyRights
from core.model.order import (
    Accepted,
    Balance,
    Fill,
    OrderRecord,
    Payment,
    VenuePosition,
)
from core.model.units import ClientOrderId, OrderSide
from core.venues.dialect import (
    full_minute,
    moment_at,
    ms_of,
    needed,
    rows_at,
    text_at,
)
from core.venues.fields import MalformedError, number_at
from core.venues.outcomes import Refusal

if TYPE_CHECKING:
    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from core.venues.credentials import Keys
    from core.venues.dialect import Desk, Row, WireOrder

_FINAL: Final = frozenset({"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"})
_ASSET: Final = "USDT"
_WINDOW_MS: Final = 5000
"""The venue refuses a request that arrives later than this after it was signed."""
_MOST_ROWS: Final = 1000
_CLOCKS_APART: Final = timedelta(seconds=60)
_NO_ERROR: Final = frozenset({0, 200, "0", "200"})


class BinanceAccount:
    """One account's private interface."""

    def __init__(self, desk: Desk, keys: Keys) -> None:
        del keys  # the client holds them
        self._desk = desk
        self._client: Any = desk.client

    async def prepare(self) -> None:
        """Learn how far the venue's clock is from ours; signatures carry its time."""
        theirs = await self.venue_time()
        self._client.options["timeDifference"] = self._client.milliseconds() - ms_of(
            theirs
        )

    # --- orders -----------------------------------------------------------------------

    async def place(self, order: WireOrder) -> None:
        """Send a limit IOC order."""
        words = {
            "symbol": order.instrument.native_name,
            "side": order.intent.side.upper(),
            "type": "LIMIT",
            "timeInForce": "IOC",
            "quantity": order.amount,
            "price": order.price,
            "newClientOrderId": order.client_order_id,
            "newOrderRespType": "RESULT",
            "recvWindow": _WINDOW_MS,
        }
        if order.intent.is_reduce_only:
            words["reduceOnly"] = "true"
        await self._client.fapiPrivatePostOrder(words)

    def refusal(self, body: object) -> Refusal | None:
        """Return the error in a body: a code that is not 200."""
        if not isinstance(body, dict) or body.get("code") in {None, *_NO_ERROR}:
            return None
        return Refusal(str(body["code"]), str(body.get("msg", "")))

    def receipt(self, order: WireOrder, body: object) -> Accepted | None:
        """Return the proof in a body: its number beside our id."""
        if not isinstance(body, dict):
            return None
        if body.get("clientOrderId") != order.client_order_id:
            return None
        try:
            record = self._record(body, order.intent, order.instrument)
        except MalformedError:
            return None
        return Accepted(
            venue_order_id=record.venue_order_id,
            filled_base=record.filled_base,
            average_price=record.average_price,
            fee_usd=None,
            is_final=record.is_final,
        )

    async def cancel(self, intent: OrderIntent, instrument: Instrument) -> None:
        """Cancel by our id."""
        words = self._named(intent, instrument)
        try:
            await self._client.fapiPrivateDeleteOrder(words)
        except ccxt.OrderNotFound:
            return

    async def find(
        self, intent: OrderIntent, instrument: Instrument
    ) -> OrderRecord | None:
        """Look up by our id."""
        words = self._named(intent, instrument)
        try:
            row = await self._client.fapiPrivateGetOrder(words)
        except ccxt.OrderNotFound:
            return None
        if row.get("clientOrderId") != intent.client_order_id:
            detail = "another order than the one asked for"
            raise self._desk.nonsense(detail)
        return self._record(row, intent, instrument)

    @staticmethod
    def _named(intent: OrderIntent, instrument: Instrument) -> dict[str, object]:
        return {
            "symbol": instrument.native_name,
            "origClientOrderId": intent.client_order_id,
        }

    @staticmethod
    def _record(row: Row, intent: OrderIntent, instrument: Instrument) -> OrderRecord:
        filled = number_at(row, "executedQty")
        average = number_at(row, "avgPrice")
        scale = instrument.unit * instrument.multiplier
        return OrderRecord(
            client_order_id=intent.client_order_id,
            venue_order_id=text_at(row, "orderId"),
            filled_base=None if filled is None else filled * scale,
            average_price=instrument.base_price(average) if average else None,
            fee_usd=None,
            is_final=row.get("status") in _FINAL,
        )

    async def fills(self, instrument: Instrument, since: datetime) -> tuple[Fill, ...]:
        """Read executions; their rows name the venue's order, not our id."""
        words = {"symbol": instrument.native_name, "limit": _MOST_ROWS}
        rows = rows_at(
            await self._client.fapiPrivateGetUserTrades(
                {**words, "startTime": ms_of(since)}
            )
        )
        if not rows:
            return ()
        orders = rows_at(
            await self._client.fapiPrivateGetAllOrders(
                {**words, "startTime": ms_of(since - _CLOCKS_APART)}
            )
        )
        ours = {text_at(row, "orderId"): row.get("clientOrderId") for row in orders}
        return tuple(
            self._fill(row, instrument, ours.get(text_at(row, "orderId")))
            for row in rows
        )

    def _fill(self, row: Row, instrument: Instrument, ours: object) -> Fill:
        contract = self._desk.contract(instrument.native_name)
        in_dollars = row.get("commissionAsset") in {"USDT", "USDC", "BUSD", "USD"}
        return Fill(
            venue_id=self._desk.venue_id,
            venue_trade_id=text_at(row, "id"),
            symbol=instrument.symbol,
            side=OrderSide(text_at(row, "side").lower()),
            quantity_base=contract.quantity(needed(row, "qty")),
            price=instrument.base_price(needed(row, "price")),
            fee_usd=number_at(row, "commission") if in_dollars else None,
            at=moment_at(row, "time"),
            client_order_id=ClientOrderId(ours) if isinstance(ours, str) else None,
        )

    # --- account ----------------------------------------------------------------------

    async def positions(self) -> tuple[VenuePosition, ...]:
        """Read every position that is not flat."""
        rows = rows_at(await self._client.fapiPrivateV3GetPositionRisk())
        found = (self._position(row) for row in rows)
        return tuple(each for each in found if each.quantity_base)

    def _position(self, row: Row) -> VenuePosition:
        contract = self._desk.contract(text_at(row, "symbol"))
        return VenuePosition(
            venue_id=self._desk.venue_id,
            symbol=contract.symbol,
            quantity_base=contract.quantity(needed(row, "positionAmt")),
            entry_price=contract.price(number_at(row, "entryPrice")),
            liquidation_price=contract.price(number_at(row, "liquidationPrice")),
        )

    async def balance(self) -> Balance:
        """Read the balance in the one asset we trade with."""
        answer = await self._client.fapiPrivateV3GetAccount()
        rows = rows_at(answer, "assets")
        row = next((each for each in rows if each.get("asset") == _ASSET), None)
        return Balance(
            venue_id=self._desk.venue_id,
            equity_usd=Decimal(0) if row is None else needed(row, "marginBalance"),
            free_usd=Decimal(0) if row is None else needed(row, "availableBalance"),
            at=self._desk.clock.now(),
            wallet_usd=Decimal(0) if row is None else needed(row, "walletBalance"),
        )

    async def payments(self, since: datetime) -> tuple[Payment, ...]:
        """Read funding; rate and price come from the public history.

        A payment whose rate is not published yet is left for the next reading.
        """
        words = {
            "incomeType": "FUNDING_FEE",
            "startTime": ms_of(since) + 1,
            "limit": _MOST_ROWS,
        }
        rows = rows_at(await self._client.fapiPrivateGetIncome(words))
        names = sorted({text_at(row, "symbol") for row in rows})
        settled = {name: await self._settled(name, since) for name in names}
        found = (self._payment(row, settled[text_at(row, "symbol")]) for row in rows)
        return tuple(each for each in found if each is not None)

    async def _settled(self, name: str, since: datetime) -> dict[datetime, Row]:
        words = {"symbol": name, "startTime": ms_of(since - _CLOCKS_APART)}
        rows = rows_at(await self._client.fapiPublicGetFundingRate(words))
        return {full_minute(moment_at(row, "fundingTime")): row for row in rows}

    def _payment(self, row: Row, settled: dict[datetime, Row]) -> Payment | None:
        pay_at = full_minute(moment_at(row, "time"))
        past = settled.get(pay_at)
        if past is None:
            return None
        contract = self._desk.contract(text_at(row, "symbol"))
        amount, rate = needed(row, "income"), needed(past, "fundingRate")
        price = contract.price(number_at(past, "markPrice"))
        if not rate or not price:
            return None
        return Payment(
            venue_id=self._desk.venue_id,
            symbol=contract.symbol,
            pay_at=pay_at,
            amount_usd=amount,
            per_payment=rate,
            quantity_base=-amount / (rate * price),
            price=price,
        )

    async def set_leverage(self, instrument: Instrument, leverage: int) -> None:
        """Set cross margin and the leverage, both at once: an entry waits for them."""
        name = instrument.native_name
        both = (self._set_cross(name), self._set_gear(name, leverage))
        for outcome in await asyncio.gather(*both, return_exceptions=True):
            if outcome is not None:
                raise outcome

    async def _set_cross(self, name: str) -> None:
        try:
            await self._client.fapiPrivatePostMarginType(
                {"symbol": name, "marginType": "CROSSED"}
            )
        except ccxt.MarginModeAlreadySet:
            pass  # as it is wanted
        except ccxt.OperationRejected as error:
            if "-4046" not in str(error):
                raise

    async def _set_gear(self, name: str, leverage: int) -> None:
        answer = await self._client.fapiPrivatePostLeverage(
            {"symbol": name, "leverage": leverage}
        )
        if number_at(answer, "leverage") != leverage:
            detail = f"leverage of {name} is not {leverage}"
            raise self._desk.refused(detail)

    async def is_one_way(self) -> bool:
        """Tell whether hedge mode is off."""
        answer = await self._client.fapiPrivateGetPositionSideDual()
        if not isinstance(answer.get("dualSidePosition"), bool):
            message = "dualSidePosition is missing"
            raise MalformedError(message)
        return not answer["dualSidePosition"]

    async def venue_time(self) -> datetime:
        """Read the venue's clock."""
        return moment_at(await self._client.fapiPublicGetTime(), "serverTime")

    async def key_rights(self) -> KeyRights:
        """Read what the key may do; the rights are told by the spot host."""
        told = await self._client.sapiGetAccountApiRestrictions()
        strong = ("enableWithdrawals", "permitsUniversalTransfer")
        expires_ms = number_at(told, "tradingAuthorityExpirationTime")
        return KeyRights(
            can_trade=_told(told, "enableFutures"),
            can_withdraw=any(_told(told, name) for name in strong),
            is_bound_to_ip=_told(told, "ipRestrict"),
            expires_at=(
                datetime.fromtimestamp(int(expires_ms) / 1000, UTC)
                if expires_ms
                else None
            ),
        )

    async def taker_fee(self, instrument: Instrument) -> Decimal:
        """Read the account's own fee."""
        answer = await self._client.fapiPrivateGetCommissionRate(
            {"symbol": instrument.native_name}
        )
        return needed(answer, "takerCommissionRate")


def _told(row: Row, name: str) -> bool | None:
    found = row.get(name)
    return found if isinstance(found, bool) else None
