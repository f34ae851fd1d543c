"""Binance with a key: what the account holds, may do, and how it is set up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.venues.binance_rows import (
    flow_row,
    income_row,
    money,
    position_row,
    window,
)
from sandbox.venues.rules import RULES, most_leverage, refuse
from sandbox.venues.wire import exact

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.venues.desk import Desk
    from sandbox.venues.listings import Instrument


class BinanceAccount:
    """Answers about one account, after its key was checked."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.routes: dict[tuple[str, str], Callable[[dict[str, str]], object]] = {
            ("GET", "leverageBracket"): self._brackets,
            ("GET", "positionRisk"): self._positions,
            ("GET", "account"): lambda _: self._account(),
            ("GET", "balance"): lambda _: self._balance(),
            ("GET", "accountConfig"): lambda _: self._account_config(),
            ("GET", "symbolConfig"): self._symbol_config,
            ("POST", "leverage"): self._set_leverage,
            ("POST", "marginType"): self._set_margin_mode,
            ("GET", "positionSide/dual"): lambda _: {
                "dualSidePosition": self.desk.account.is_hedge_mode
            },
            ("POST", "positionSide/dual"): self._set_position_mode,
            ("GET", "multiAssetsMargin"): lambda _: {"multiAssetsMargin": False},
            ("GET", "income"): self._income,
            ("GET", "commissionRate"): self._fees,
            ("GET", "account/apiRestrictions"): lambda _: self._rights(),
        }

    def settle_of(self, symbol_raw: str) -> str:
        """Return the currency that a market settles in.

        Raises:
            Refusal: there is no such market.
        """
        one = self.desk.market(symbol_raw)
        if one is None:
            refuse("unknown_market")
        return one.quote

    # account

    def _brackets(self, words: dict[str, str]) -> object:
        wanted = words.get("symbol")
        return [
            {
                "symbol": one.symbol_raw,
                "notionalCoef": 1.0,
                "brackets": [
                    {
                        "bracket": 1,
                        "initialLeverage": most_leverage(one),
                        "notionalCap": 50_000_000,
                        "notionalFloor": 0,
                        "maintMarginRatio": float(RULES["binance"].maintenance),
                        "cum": 0.0,
                    }
                ],
            }
            for one in self.desk.world.instruments("binance")
            if wanted in {None, one.symbol_raw}
        ]

    def _positions(self, words: dict[str, str]) -> object:
        wanted = words.get("symbol")
        return [
            position_row(row)
            for row in self.desk.seen("positions").rows()
            if wanted in {None, row.one.symbol_raw}
        ]

    def _account(self) -> object:
        worth = self.desk.seen("balance")
        asset = self._balance_row()
        return {
            "totalInitialMargin": asset["initialMargin"],
            "totalMaintMargin": asset["maintMargin"],
            "totalWalletBalance": asset["walletBalance"],
            "totalUnrealizedProfit": asset["unrealizedProfit"],
            "totalMarginBalance": asset["marginBalance"],
            "totalPositionInitialMargin": asset["positionInitialMargin"],
            "totalOpenOrderInitialMargin": asset["openOrderInitialMargin"],
            "totalCrossWalletBalance": asset["crossWalletBalance"],
            "totalCrossUnPnl": asset["crossUnPnl"],
            "availableBalance": asset["availableBalance"],
            "maxWithdrawAmount": asset["maxWithdrawAmount"],
            "assets": [asset],
            "positions": [
                {
                    "symbol": row.one.symbol_raw,
                    "positionSide": "BOTH",
                    "positionAmt": exact(row.held.quantity),
                    "unrealizedProfit": money(row.profit),
                    "isolatedMargin": "0",
                    "notional": money(row.held.quantity * row.mark),
                    "isolatedWallet": "0",
                    "initialMargin": money(row.margin),
                    "maintMargin": money(row.maintenance),
                    "updateTime": row.held.opened_ms,
                }
                for row in worth.rows()
            ],
        }

    def _balance_row(self) -> dict[str, Any]:
        worth = self.desk.seen("balance")
        return {
            "asset": "USDT",
            "walletBalance": money(worth.wallet),
            "unrealizedProfit": money(worth.unrealized()),
            "marginBalance": money(worth.equity()),
            "maintMargin": money(worth.maintenance()),
            "initialMargin": money(worth.used()),
            "positionInitialMargin": money(worth.position_margin()),
            "openOrderInitialMargin": money(worth.order_margin()),
            "crossWalletBalance": money(worth.wallet),
            "crossUnPnl": money(worth.unrealized()),
            "availableBalance": money(worth.free()),
            "maxWithdrawAmount": money(worth.free()),
            "updateTime": self.desk.now_ms(),
        }

    def _balance(self) -> object:
        row = self._balance_row()
        return [
            {
                "accountAlias": "SgsR",
                "asset": "USDT",
                "balance": row["walletBalance"],
                "crossWalletBalance": row["crossWalletBalance"],
                "crossUnPnl": row["crossUnPnl"],
                "availableBalance": row["availableBalance"],
                "maxWithdrawAmount": row["maxWithdrawAmount"],
                "marginAvailable": True,
                "updateTime": row["updateTime"],
            }
        ]

    def _account_config(self) -> object:
        account = self.desk.account
        return {
            "feeTier": 0,
            "canTrade": account.rights.may_trade,
            "canDeposit": True,
            "canWithdraw": account.rights.may_withdraw,
            "dualSidePosition": account.is_hedge_mode,
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
        }

    def _symbol_config(self, words: dict[str, str]) -> object:
        worth = self.desk.now()
        wanted = words.get("symbol")
        return [
            {
                "symbol": one.symbol_raw,
                "marginType": self._margin_mode(one),
                "isAutoAddMargin": False,
                "leverage": worth.leverage_of(one),
                "maxNotionalValue": "50000000",
            }
            for one in self.desk.world.instruments("binance")
            if wanted in {None, one.symbol_raw}
        ]

    def _margin_mode(self, one: Instrument) -> str:
        return self.desk.account.margin_mode.get(one.symbol_raw, "CROSSED")

    def _set_leverage(self, words: dict[str, str]) -> object:
        one = self.desk.market(words["symbol"])
        if one is None:
            refuse("unknown_market")
        leverage = int(words["leverage"])
        self.desk.set_leverage(one, leverage)
        return {
            "leverage": leverage,
            "maxNotionalValue": "50000000",
            "symbol": one.symbol_raw,
        }

    def _set_margin_mode(self, words: dict[str, str]) -> object:
        one = self.desk.market(words["symbol"])
        if one is None:
            refuse("unknown_market")
        if words["marginType"] not in {"CROSSED", "ISOLATED"}:
            refuse("malformed")
        if words["marginType"] == self._margin_mode(one):
            refuse("same_margin_mode")
        self.desk.account.margin_mode[one.symbol_raw] = words["marginType"]
        self.desk.touch()
        return {"code": 200, "msg": "success"}

    def _set_position_mode(self, words: dict[str, str]) -> object:
        wanted = words["dualSidePosition"] == "true"
        account = self.desk.account
        if wanted == account.is_hedge_mode:
            refuse("same_position_mode")
        if account.holdings:
            refuse("position_open")
        account.is_hedge_mode = wanted
        self.desk.touch()
        return {"code": 200, "msg": "success"}

    def _income(self, words: dict[str, str]) -> object:
        wanted_kind, wanted = words.get("incomeType"), words.get("symbol")
        rows = [
            income_row(paid, self.settle_of(paid.symbol_raw))
            for paid in self.desk.account.payments
        ]
        for trade in self.desk.trades():
            settle = self.settle_of(trade.symbol_raw)
            rows.append(flow_row(trade, "COMMISSION", -trade.fee, settle))
            if trade.profit:
                rows.append(flow_row(trade, "REALIZED_PNL", trade.profit, settle))
        rows = [
            row
            for row in rows
            if wanted_kind in {None, row["incomeType"]}
            and wanted in {None, row["symbol"]}
        ]
        rows.sort(key=lambda row: int(row["time"]))
        return window(words, rows, lambda row: int(row["time"]), 100)

    def _fees(self, words: dict[str, str]) -> object:
        self.settle_of(words["symbol"])
        rules = RULES["binance"]
        return {
            "symbol": words["symbol"],
            "makerCommissionRate": exact(rules.maker_fee),
            "takerCommissionRate": exact(rules.taker_fee),
            "rpiCommissionRate": "0.00005",
        }

    def _rights(self) -> object:
        rights = self.desk.account.rights
        answer = {
            "ipRestrict": rights.is_bound_to_address,
            "createTime": 1_760_000_000_000,
            "enableReading": True,
            "enableWithdrawals": rights.may_withdraw,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": rights.may_trade,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": False,
            "enablePortfolioMarginTrading": False,
        }
        if rights.expires_ms is not None:
            answer["tradingAuthorityExpirationTime"] = rights.expires_ms
        return answer
