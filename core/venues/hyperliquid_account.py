"""Order and read a Hyperliquid account through an approved API wallet.

Actions as in the venue's documentation of 2026 and in answers recorded in 2025; hashed
and signed by ccxt 4.5.90. The action is built here, so that it never holds a fee of
others and its numbers are exactly ours.
"""

from __future__ import annotations

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
from core.venues.credentials import HyperliquidKeys
from core.venues.dialect import (
    full_minute,
    moment_at,
    ms_of,
    needed,
    rows_at,
    text_at,
)
from core.venues.fields import MalformedError, number_at, value_at
from core.venues.outcomes import Refusal

if TYPE_CHECKING:
    from datetime import datetime

    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from core.venues.credentials import Keys
    from core.venues.dialect import Desk, Row, WireOrder

_SIDES: Final = {"B": OrderSide.BUY, "A": OrderSide.SELL}
_CANCELED: Final = ("anceled", "Cancel")
_REJECTED: Final = "ejected"
"""Ends of status words: canceled, marginCanceled, scheduledCancel, tickRejected."""
_DOLLARS: Final = frozenset({"USDC", "USDT", "USDT0", "USDH", "USDE"})


class HyperliquidAccount:
    """One account's private interface."""

    def __init__(self, desk: Desk, keys: Keys) -> None:
        if not isinstance(keys, HyperliquidKeys):
            raise TypeError
        self._desk = desk
        self._client: Any = desk.client
        self._user = keys.wallet_address.lower()
        self._agent = str(
            desk.client.eth_get_address_from_private_key(keys.private_key)
        ).lower()

    async def prepare(self) -> None:
        """Need nothing: requests carry our own time, and the venue takes two days."""

    async def _ask(self, kind: str, **words: object) -> Any:  # noqa: ANN401 - any JSON
        return await self._client.publicPostInfo(
            {"type": kind, "user": self._user, **words}
        )

    async def _act(self, action: dict[str, object], expires_ms: int | None) -> Row:
        """Sign and send an action; `expires_ms` is part of what is signed."""
        nonce = self._client.incrementing_nonce()
        signature = self._client.sign_l1_action(action, nonce, None, expires_ms)
        request = {"action": action, "nonce": nonce, "signature": signature}
        if expires_ms is not None:
            request["expiresAfter"] = expires_ms
        answer: Row = await self._client.privatePostExchange(request)
        return answer

    def _asset(self, instrument: Instrument) -> int:
        return int(self._desk.market(instrument)["baseId"])

    # --- orders -----------------------------------------------------------------------

    async def place(self, order: WireOrder) -> None:
        """Send a limit IOC order that dies at its moment."""
        # The order of keys is part of the hash.
        row = {
            "a": self._asset(order.instrument),
            "b": order.intent.side is OrderSide.BUY,
            "p": order.price,
            "s": order.amount,
            "r": order.intent.is_reduce_only,
            "t": {"limit": {"tif": "Ioc"}},
            "c": order.client_order_id,
        }
        action: dict[str, object] = {"type": "order", "orders": [row], "grouping": "na"}
        await self._act(action, order.expires_ms)

    def refusal(self, body: object) -> Refusal | None:
        """Return the sentence in a body; errors come with status 200."""
        if not isinstance(body, dict):
            return None
        if body.get("status") == "err":
            text = str(body.get("response", ""))
            return Refusal(text, text)
        first = _first_status(body)
        if isinstance(first, dict) and "error" in first:
            return Refusal(str(first["error"]), str(first["error"]))
        return None

    def receipt(self, order: WireOrder, body: object) -> Accepted | None:
        """Return the proof in a body: its number, and what was filled."""
        first = _first_status(body)
        if not isinstance(first, dict):
            return None
        filled, resting = first.get("filled"), first.get("resting")
        found = filled or resting
        if not isinstance(found, dict):
            return None
        if found.get("cloid", order.client_order_id) != order.client_order_id:
            return None
        try:
            number = text_at(found, "oid")
            if filled is None:
                return Accepted(number, None, None, None, is_final=False)
            return Accepted(
                venue_order_id=number,
                filled_base=order.quantity_of(needed(found, "totalSz")),
                average_price=order.instrument.base_price(needed(found, "avgPx")),
                fee_usd=None,
                is_final=True,
            )
        except MalformedError:
            return None

    async def cancel(self, intent: OrderIntent, instrument: Instrument) -> None:
        """Cancel by our id."""
        row = {"asset": self._asset(instrument), "cloid": intent.client_order_id}
        action: dict[str, object] = {"type": "cancelByCloid", "cancels": [row]}
        try:
            await self._act(action, None)
        except ccxt.OrderNotFound:
            return

    async def find(
        self, intent: OrderIntent, instrument: Instrument
    ) -> OrderRecord | None:
        """Look up by our id; the price is in the executions only."""
        try:
            answer = await self._ask("orderStatus", oid=intent.client_order_id)
        except ccxt.OrderNotFound:
            return None
        row = value_at(answer, "order.order") if isinstance(answer, dict) else None
        if not isinstance(row, dict) or row.get("cloid") != intent.client_order_id:
            detail = "another order than the one asked for"
            raise self._desk.nonsense(detail)
        status = text_at(answer, "order.status")
        filled = _filled(row, status)
        scale = instrument.unit * instrument.multiplier
        return OrderRecord(
            client_order_id=intent.client_order_id,
            venue_order_id=text_at(row, "oid"),
            filled_base=None if filled is None else filled * scale,
            average_price=None,
            fee_usd=None,
            is_final=_is_final(status),
        )

    async def fills(self, instrument: Instrument, since: datetime) -> tuple[Fill, ...]:
        """Read executions; the list is of the whole account."""
        rows = rows_at(await self._ask("userFillsByTime", startTime=ms_of(since)))
        ours = (row for row in rows if row.get("coin") == instrument.native_name)
        return tuple(self._fill(row, instrument) for row in ours)

    def _fill(self, row: Row, instrument: Instrument) -> Fill:
        cloid = row.get("cloid")
        scale = instrument.unit * instrument.multiplier
        return Fill(
            venue_id=self._desk.venue_id,
            venue_trade_id=text_at(row, "tid"),
            symbol=instrument.symbol,
            side=_side(text_at(row, "side")),
            quantity_base=needed(row, "sz") * scale,
            price=instrument.base_price(needed(row, "px")),
            fee_usd=number_at(row, "fee") if row.get("feeToken") in _DOLLARS else None,
            at=moment_at(row, "time"),
            client_order_id=ClientOrderId(cloid) if isinstance(cloid, str) else None,
        )

    # --- account ----------------------------------------------------------------------

    async def positions(self) -> tuple[VenuePosition, ...]:
        """Read every position that is not flat."""
        rows = rows_at(await self._ask("clearinghouseState"), "assetPositions")
        found = (self._position(row) for row in rows)
        return tuple(each for each in found if each.quantity_base)

    def _position(self, row: Row) -> VenuePosition:
        contract = self._desk.contract(text_at(row, "position.coin"))
        return VenuePosition(
            venue_id=self._desk.venue_id,
            symbol=contract.symbol,
            quantity_base=contract.quantity(needed(row, "position.szi")),
            entry_price=contract.price(number_at(row, "position.entryPx")),
            liquidation_price=contract.price(number_at(row, "position.liquidationPx")),
        )

    async def balance(self) -> Balance:
        """Read the account's value and what is not used as margin."""
        answer = await self._ask("clearinghouseState")
        if not isinstance(answer, dict):
            detail = "sent no account"
            raise self._desk.nonsense(detail)
        equity = needed(answer, "marginSummary.accountValue")
        used = needed(answer, "marginSummary.totalMarginUsed")
        gained = sum(
            (
                needed(row, "position.unrealizedPnl")
                for row in rows_at(answer, "assetPositions")
            ),
            Decimal(0),
        )
        return Balance(
            venue_id=self._desk.venue_id,
            equity_usd=equity,
            free_usd=max(equity - used, Decimal(0)),
            at=self._desk.clock.now(),
            wallet_usd=equity - gained,
        )

    async def payments(self, since: datetime) -> tuple[Payment, ...]:
        """Read funding with its rate; the oracle price follows from both."""
        start_ms = ms_of(since) + 1
        rows = rows_at(await self._ask("userFunding", startTime=start_ms))
        return tuple(self._payment(row) for row in rows)

    def _payment(self, row: Row) -> Payment:
        contract = self._desk.contract(text_at(row, "delta.coin"))
        amount, rate = needed(row, "delta.usdc"), needed(row, "delta.fundingRate")
        quantity = contract.quantity(needed(row, "delta.szi"))
        worth = rate * quantity
        return Payment(
            venue_id=self._desk.venue_id,
            symbol=contract.symbol,
            pay_at=full_minute(moment_at(row, "time")),
            amount_usd=amount,
            per_payment=rate,
            quantity_base=quantity,
            price=-amount / worth if worth else None,
        )

    async def set_leverage(self, instrument: Instrument, leverage: int) -> None:
        """Set cross margin and the leverage in one action."""
        action: dict[str, object] = {
            "type": "updateLeverage",
            "asset": self._asset(instrument),
            "isCross": True,
            "leverage": leverage,
        }
        answer = await self._act(action, None)
        if answer.get("status") != "ok":
            detail = f"leverage of {instrument.native_name} was not set"
            raise self._desk.refused(detail)

    async def is_one_way(self) -> bool:
        """Tell that there is no other mode."""
        return True

    async def venue_time(self) -> datetime:
        """Read the moment the venue put on the account's state."""
        answer = await self._ask("clearinghouseState")
        if not isinstance(answer, dict):
            detail = "sent no account"
            raise self._desk.nonsense(detail)
        return moment_at(answer, "time")

    async def key_rights(self) -> KeyRights:
        """Tell whose key it is: an API wallet can trade and never withdraw."""
        if self._agent == self._user:
            return _master("the private key is the account's own")
        told = await self._client.publicPostInfo(
            {"type": "userRole", "user": self._agent}
        )
        role = told.get("role")
        master = value_at(told, "data.user")
        if role == "user":
            return _master("the private key opens an account of its own")
        if role != "agent" or str(master).lower() != self._user:
            return KeyRights(
                can_trade=False,
                can_withdraw=None,
                problem="the account has not approved this API wallet",
            )
        return KeyRights(
            can_trade=True, can_withdraw=False, expires_at=await self._valid_until()
        )

    async def _valid_until(self) -> datetime | None:
        rows = rows_at(await self._ask("extraAgents"))
        for row in rows:
            if str(row.get("address")).lower() == self._agent:
                return moment_at(row, "validUntil")
        return None

    async def taker_fee(self, instrument: Instrument) -> Decimal:
        """Read the account's own fee, the same for every contract."""
        del instrument
        return needed(await self._ask("userFees"), "userCrossRate")


def _first_status(body: object) -> object:
    """Return what the venue says of the one order in a request."""
    found = value_at(body, "response.data.statuses") if isinstance(body, dict) else None
    return found[0] if isinstance(found, list) and len(found) == 1 else None


def _is_final(status: str) -> bool:
    return status == "filled" or status.endswith((*_CANCELED, _REJECTED))


def _filled(row: Row, status: str) -> Decimal | None:
    """Return how much of an order was filled, None for a status nobody knows."""
    if status.endswith(_REJECTED):
        return Decimal(0)
    if status == "filled":
        return needed(row, "origSz")
    if status == "open" or status.endswith(_CANCELED):
        return needed(row, "origSz") - needed(row, "sz")
    return None


def _side(word: str) -> OrderSide:
    if word not in _SIDES:
        message = f"side is {word!r}"
        raise MalformedError(message)
    return _SIDES[word]


def _master(problem: str) -> KeyRights:
    return KeyRights(can_trade=True, can_withdraw=True, problem=problem)
