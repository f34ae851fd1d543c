"""Order and read an Extended account: an API key, and a Stark key that signs orders.

Shapes as in the venue's documentation of 2026; orders are built and signed by ccxt
4.5.90 from numbers it does not have to round.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import ccxt.async_support as ccxt
from ccxt.static_dependencies.starknet.hash.utils import private_to_stark_key

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
from core.venues.credentials import ExtendedKeys
from core.venues.dialect import (
    full_minute,
    moment_at,
    ms_of,
    needed,
    rows_at,
    text_at,
)
from core.venues.fields import MalformedError, number_at, value_at
from core.venues.http import Watch, watching
from core.venues.outcomes import Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from core.venues.credentials import Keys
    from core.venues.dialect import Desk, Row, WireOrder

_FINAL: Final = frozenset({"FILLED", "CANCELLED", "EXPIRED", "REJECTED"})
_MOST_FEE: Final = Decimal("0.0005")
"""Highest taker fee an order agrees to; the venue takes the account's own."""
_PAGE: Final = 100
_MOST_PAGES: Final = 20
_NOT_FOUND: Final = "1142"
_ANY_TIME: Final = datetime.max.replace(tzinfo=UTC)


class ExtendedAccount:
    """One account's private interface."""

    def __init__(self, desk: Desk, keys: Keys) -> None:
        if not isinstance(keys, ExtendedKeys):
            raise TypeError
        self._desk = desk
        self._client: Any = desk.client
        self._vault = keys.vault
        self._fee = _MOST_FEE

    async def prepare(self) -> None:
        """Read whose account it is; every order is signed for its vault.

        Raises:
            VenueError: the API key belongs to another vault than was named.
        """
        account = await self._client.fetch_extended_account()
        if text_at(account, "l2Vault") != self._vault:
            self._client.options.pop("account", None)
            detail = "the API key belongs to another vault"
            raise self._desk.refused(detail)

    # --- orders -----------------------------------------------------------------------

    async def place(self, order: WireOrder) -> None:
        """Send a limit IOC order that expires at its moment."""
        built = await self._client.create_extended_order_request(
            order.instrument.symbol,
            "limit",
            order.intent.side.value,
            order.amount,
            order.price,
            {
                "clientOrderId": order.client_order_id,
                "timeInForce": "IOC",
                "reduceOnly": order.intent.is_reduce_only,
                "fee": f"{self._fee:f}",
                "expiryEpochMillis": order.expires_ms,
            },
        )
        request = built["request"]
        if (request["qty"], request["price"]) != (order.amount, order.price):
            message = "the client rounds what was rounded before"
            raise MalformedError(message)
        await self._client.v1PrivatePostUserOrder(request)

    def refusal(self, body: object) -> Refusal | None:
        """Return the error in a body."""
        if not isinstance(body, dict) or body.get("status") != "ERROR":
            return None
        code, text = value_at(body, "error.code"), value_at(body, "error.message")
        return Refusal(str(code), str(text or ""))

    def receipt(self, order: WireOrder, body: object) -> Accepted | None:
        """Return the proof in a body: the venue's own number beside our id."""
        if not isinstance(body, dict) or body.get("status") != "OK":
            return None
        number = str(value_at(body, "data.id"))
        if value_at(body, "data.externalId") != order.client_order_id:
            return None
        if not number.isdecimal() or number == order.client_order_id:
            return None
        return Accepted(number, None, None, None, is_final=False)

    async def cancel(self, intent: OrderIntent, instrument: Instrument) -> None:
        """Cancel by our id."""
        del instrument
        try:
            await self._client.v1PrivateDeleteUserOrder(
                {"externalId": intent.client_order_id}
            )
        except ccxt.InvalidOrder as error:
            if f'"code":{_NOT_FOUND}' not in str(error).replace(" ", ""):
                raise

    async def find(
        self, intent: OrderIntent, instrument: Instrument
    ) -> OrderRecord | None:
        """Look up by our id; an id nobody knows has an empty list, or status 404."""
        path = f"/api/v1/user/orders/external/{intent.client_order_id}"
        watch = Watch("GET", path, send_by=_ANY_TIME)
        try:
            with watching(watch):
                answer = await self._client.v1PrivateGetUserOrdersExternalExternalId(
                    {"externalId": intent.client_order_id}
                )
        except ccxt.BaseError:
            # A page of a host in between is no answer of the venue.
            if watch.status == HTTPStatus.NOT_FOUND and _is_own(watch.content):
                return None
            raise
        rows = rows_at(answer, "data")
        ours = [row for row in rows if row.get("externalId") == intent.client_order_id]
        if rows and not ours:
            detail = "another order than the one asked for"
            raise self._desk.nonsense(detail)
        return self._record(ours[0], intent, instrument) if ours else None

    @staticmethod
    def _record(row: Row, intent: OrderIntent, instrument: Instrument) -> OrderRecord:
        filled = number_at(row, "filledQty")
        average = number_at(row, "averagePrice")
        scale = instrument.unit * instrument.multiplier
        return OrderRecord(
            client_order_id=intent.client_order_id,
            venue_order_id=text_at(row, "id"),
            filled_base=None if filled is None else filled * scale,
            average_price=instrument.base_price(average) if average else None,
            fee_usd=number_at(row, "payedFee"),
            is_final=row.get("status") in _FINAL,
        )

    async def fills(self, instrument: Instrument, since: datetime) -> tuple[Fill, ...]:
        """Read executions, newest first and as far back as is asked."""
        rows = await self._pages(
            self._client.v1PrivateGetUserTrades,
            {"market": instrument.native_name},
            lambda row: moment_at(row, "createdTime") < since,
        )
        return tuple(self._fill(row, instrument) for row in rows)

    def _fill(self, row: Row, instrument: Instrument) -> Fill:
        ours = row.get("externalId")
        scale = instrument.unit * instrument.multiplier
        return Fill(
            venue_id=self._desk.venue_id,
            venue_trade_id=text_at(row, "id"),
            symbol=instrument.symbol,
            side=_side(row),
            quantity_base=needed(row, "qty") * scale,
            price=instrument.base_price(needed(row, "price")),
            fee_usd=number_at(row, "fee"),
            at=moment_at(row, "createdTime"),
            client_order_id=ClientOrderId(ours) if isinstance(ours, str) else None,
        )

    async def _pages(
        self,
        call: Callable[[dict[str, object]], Awaitable[object]],
        words: dict[str, object],
        is_enough: Callable[[Row], bool],
    ) -> list[Row]:
        """Read pages, newest first, until a row is old enough or none is new."""
        found: dict[str, Row] = {}
        cursor: object = None
        for _ in range(_MOST_PAGES):
            more = {} if cursor is None else {"cursor": cursor}
            answer = await call({**words, "limit": _PAGE, **more})
            rows = rows_at(answer, "data")
            known = len(found)
            found.update({text_at(row, "id"): row for row in rows})
            cursor = value_at(_dict(answer), "pagination.cursor")
            if len(rows) < _PAGE or len(found) == known or cursor is None:
                break
            if is_enough(rows[-1]):
                break
        return list(found.values())

    # --- account ----------------------------------------------------------------------

    async def positions(self) -> tuple[VenuePosition, ...]:
        """Read every position that is not flat."""
        answer = await self._client.v1PrivateGetUserPositions()
        found = (self._position(row) for row in rows_at(answer, "data"))
        return tuple(each for each in found if each.quantity_base)

    def _position(self, row: Row) -> VenuePosition:
        contract = self._desk.contract(text_at(row, "market"))
        size = abs(needed(row, "size")) * _sign(row)
        return VenuePosition(
            venue_id=self._desk.venue_id,
            symbol=contract.symbol,
            quantity_base=contract.quantity(size),
            entry_price=contract.price(number_at(row, "openPrice")),
            liquidation_price=contract.price(number_at(row, "liquidationPrice")),
        )

    async def balance(self) -> Balance:
        """Read equity and what is free for trading."""
        answer = await self._client.v1PrivateGetUserBalance()
        return Balance(
            venue_id=self._desk.venue_id,
            equity_usd=needed(answer, "data.equity"),
            free_usd=max(needed(answer, "data.availableForTrade"), Decimal(0)),
            at=self._desk.clock.now(),
            wallet_usd=needed(answer, "data.balance"),
        )

    async def payments(self, since: datetime) -> tuple[Payment, ...]:
        """Read funding; its sign follows from side and rate.

        The venue's own sign was never seen on a booked payment: a long pays where the
        rate is above zero.
        """
        rows = await self._pages(
            self._client.v1PrivateGetUserFundingHistory,
            {"startTime": ms_of(since) + 1},
            lambda row: moment_at(row, "paidTime") <= since,
        )
        return tuple(self._payment(row) for row in rows)

    def _payment(self, row: Row) -> Payment:
        contract = self._desk.contract(text_at(row, "market"))
        rate, side = needed(row, "fundingRate"), _sign(row)
        pays = side * rate > 0
        amount = abs(needed(row, "fundingFee"))
        return Payment(
            venue_id=self._desk.venue_id,
            symbol=contract.symbol,
            pay_at=full_minute(moment_at(row, "paidTime")),
            amount_usd=-amount if pays else amount,
            per_payment=rate,
            quantity_base=contract.quantity(abs(needed(row, "size")) * side),
            price=contract.price(number_at(row, "markPrice")),
        )

    async def set_leverage(self, instrument: Instrument, leverage: int) -> None:
        """Set the leverage; margin is always cross here."""
        words = {"market": instrument.native_name, "leverage": str(leverage)}
        answer = await self._client.v1PrivatePatchUserLeverage(words)
        told = number_at(answer, "data.leverage")
        if answer.get("status") != "OK" or told not in {None, Decimal(leverage)}:
            detail = f"leverage of {instrument.native_name} is not {leverage}"
            raise self._desk.refused(detail)

    async def is_one_way(self) -> bool:
        """Tell that there is no other mode."""
        return True

    async def venue_time(self) -> None:
        """Tell nothing: no answer holds the venue's clock."""
        return

    async def key_rights(self) -> KeyRights:
        """Tell whose keys they are; the venue names no rights of them."""
        account = await self._client.v1PrivateGetUserAccountInfo()
        status = value_at(account, "data.status")
        vault = text_at(account, "data.l2Vault")
        problem = None
        if vault != self._vault:
            problem = "the API key belongs to another vault"
        elif self._public_key() != int(text_at(account, "data.l2Key"), 16):
            problem = "the Stark key is not this account's"
        return KeyRights(
            can_trade=status == "ACTIVE" and problem is None,
            can_withdraw=None,
            problem=problem,
        )

    def _public_key(self) -> int:
        """Return the public half of the Stark key."""
        return int(private_to_stark_key(int(self._client.privateKey, 16)))

    async def taker_fee(self, instrument: Instrument) -> Decimal:
        """Read the account's own fee."""
        answer = await self._client.v1PrivateGetUserFees(
            {"market": instrument.native_name}
        )
        for row in rows_at(answer, "data"):
            if row.get("market") == instrument.native_name:
                return needed(row, "takerFeeRate")
        detail = f"no fee of {instrument.native_name}"
        raise self._desk.nonsense(detail)


def _is_own(content: bytes) -> bool:
    """Tell whether a body is the venue's: nothing, or JSON."""
    return content.strip()[:1] in {b"", b"{"}


def _dict(answer: object) -> Row:
    return answer if isinstance(answer, dict) else {}


def _side(row: Row) -> OrderSide:
    try:
        return OrderSide(text_at(row, "side").lower())
    except ValueError as error:
        message = f"side is {row.get('side')!r}"
        raise MalformedError(message) from error


def _sign(row: Row) -> int:
    side = row.get("side")
    if side not in {"LONG", "SHORT"}:
        message = f"side is {side!r}"
        raise MalformedError(message)
    return 1 if side == "LONG" else -1
