"""State each venue as data: what ccxt calls it, what its fields mean, what it promises.

One entry per venue and nothing that runs. A venue that ccxt covers in bulk needs an
entry here and a recorded payload in a test; what data cannot say goes into a module of
the venue's name. Field paths are dotted and start at one of four rows: `market`
(ccxt's market), `rate`, `interval` and `ticker` (ccxt's bulk rows); `info` inside a row
is the venue's own text, which is exact where ccxt's numbers are floats.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from core.model.instrument import AbsenceReason
from core.model.units import HOUR, VenueId
from core.model.venue import Acknowledgement, ClientIdFormat, VenueRules

if TYPE_CHECKING:
    from collections.abc import Mapping


class TickerUse(StrEnum):
    """When the venue's bulk tickers are read."""

    NEVER = "never"
    EVERY_SCAN = "every_scan"
    """Cheap, and holds prices we need."""
    CACHED = "cached"
    """Heavy, and holds the day volume only."""


@dataclass(frozen=True, slots=True)
class AbsenceRule:
    """A contract whose field says so stays out."""

    path: str
    reason: AbsenceReason
    values: frozenset[str] | None = None
    """Values that exclude, as text; None excludes on any value that is not empty."""
    is_allow_list: bool = False
    """Exclude on every value except the listed ones."""


@dataclass(frozen=True, slots=True)
class MarketFields:
    """How a contract of the venue's list is read."""

    native_name: str
    raw_base: str
    """Name that carries the multiplier, as the venue writes it (kPEPE, 1000PEPE)."""
    absences: tuple[AbsenceRule, ...] = ()
    has_contract_size: bool = False
    """False where quantities are base units and ccxt's contractSize means nothing."""
    price_digits: int | None = None
    """Most significant digits of a price."""
    price_decimals: tuple[int, str] | None = None
    """(most, path): a price has at most `most` decimals less the number at the path."""
    margin_fraction: str | None = None
    """Smallest initial margin in 1/10000 where ccxt knows no leverage limit."""
    maintenance: tuple[str, Decimal] | None = None
    """(path, unit): margin that a position must keep, in parts of notional."""
    maintenance_share: Decimal | None = None
    """The same as a share of the initial margin at the highest leverage."""
    min_notional_usd: Decimal | None = None
    """Used where the list names none."""


@dataclass(frozen=True, slots=True)
class RateFields:
    """How a rate and what belongs to it are read."""

    rate: str
    call: str = "fetch_funding_rates"
    row_name: str | None = None
    """Key that holds the native name in the venue's rows of rates, intervals and
    tickers alike; None joins on ccxt's symbol."""
    interval: str | None = None
    interval_unit: timedelta = HOUR
    """Unit of a bare number; ccxt's text ("8h") carries its own."""
    default_interval: timedelta | None = None
    """Period of the number where the venue names none; None is a skip."""
    payment_interval: timedelta | None = None
    """Time between payments where it differs from the period of the number."""
    intervals_call: str | None = None
    """A list of its own for the intervals, cached; the scan goes on without it."""
    next_funding: str | None = None
    """Moment of the coming payment in ms; None is the next full hour."""
    mark: str | None = None
    index: str | None = None
    volume: str | None = None
    tickers: TickerUse = TickerUse.NEVER
    seen: str | None = None
    """Moment in ms at which the venue made the row."""
    settled_price: str | None = None
    """Price of a past payment; starts at the row of ccxt's history."""

    @property
    def reads_own_rows(self) -> bool:
        """Tell whether the venue's own rows say all, without what ccxt makes of them.

        Half of a scan's computing is ccxt filling fields nobody reads.
        """
        paths = (
            self.rate,
            self.interval,
            self.next_funding,
            self.mark,
            self.index,
            self.volume,
            self.seen,
        )
        return all(path is None or ".info." in path for path in paths)


@dataclass(frozen=True, slots=True)
class PublicRead:
    """One kind of call that needs no key; `*` in the path is any one segment."""

    method: str
    path: str
    body_type: str | None = None
    """Value of `type` in the body (Hyperliquid puts every read on one path)."""


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """Everything about one venue that is data."""

    rules: VenueRules
    ccxt_id: str
    hosts: frozenset[str]
    quote: str
    """Unified code of the one quote currency we trade there."""
    market: MarketFields
    rates: RateFields
    public_reads: tuple[PublicRead, ...]
    requests_per_minute: int
    """The venue's limit, in the weights by which ccxt counts its requests."""
    book_depth: int | None = None
    """Levels asked for; None takes what the venue sends."""
    arguments: Mapping[str, object] = field(default_factory=dict)
    """What ccxt's constructor gets beside the common arguments."""

    @property
    def venue_id(self) -> VenueId:
        """Return the venue's name in settings and JSON."""
        return self.rules.venue_id

    @property
    def default_url(self) -> str:
        """Return where calls go when no address is configured."""
        return f"https://{min(self.hosts)}"


# Fences: an order lives 5 s at the venue after it is sent, and 30 s more pass before
# "not found" counts. Lighter's signed transactions live 10 min whatever we ask for.
_FENCE: Final = timedelta(seconds=35)
_LIGHTER_FENCE: Final = timedelta(minutes=10, seconds=30)

# Hosts and paths as ccxt 4.5.90 calls them.
BINANCE: Final = CatalogEntry(
    rules=VenueRules(
        venue_id=VenueId("binance"),
        code="BN",
        title="Binance",
        acknowledgement=Acknowledgement.RESULT,
        client_id_format=ClientIdFormat.ALPHANUMERIC,
        fence=_FENCE,
        taker_fee=Decimal("0.0005"),
        funding_price="mark",
    ),
    ccxt_id="binanceusdm",
    hosts=frozenset({"fapi.binance.com"}),
    quote="USDT",
    market=MarketFields(
        native_name="market.id",
        raw_base="market.baseId",
        absences=(
            AbsenceRule(
                "market.info.underlyingType",
                AbsenceReason.PRE_MARKET,
                frozenset({"PREMARKET"}),
            ),
            # Stocks and commodities are `swap` and active like any other (July 2026).
            AbsenceRule(
                "market.info.contractType",
                AbsenceReason.NON_CRYPTO,
                frozenset({"TRADIFI_PERPETUAL"}),
            ),
            # A settling contract still shows a rate and a price for days (July 2026).
            AbsenceRule(
                "market.info.status",
                AbsenceReason.SETTLING,
                frozenset({"SETTLING", "PRE_SETTLE", "PRE_DELIVERING", "DELIVERING"}),
            ),
            AbsenceRule(
                "market.info.status",
                AbsenceReason.DELISTED,
                frozenset({"CLOSE", "DELIVERED"}),
            ),
        ),
        # One figure, 2.5, for every symbol; the first bracket of an account asks for as
        # much or less (seen July 2026).
        maintenance=("market.info.maintMarginPercent", Decimal("0.01")),
    ),
    rates=RateFields(
        rate="rate.info.lastFundingRate",
        row_name="symbol",
        interval="interval.info.fundingIntervalHours",
        intervals_call="fetch_funding_intervals",
        # fundingInfo lists only symbols whose interval was ever adjusted; every other
        # pays each 8 h (venue documentation, 2026).
        default_interval=timedelta(hours=8),
        next_funding="rate.info.nextFundingTime",
        mark="rate.info.markPrice",
        index="rate.info.indexPrice",
        volume="ticker.info.quoteVolume",
        tickers=TickerUse.CACHED,
        seen="rate.info.time",
        settled_price="info.markPrice",
    ),
    public_reads=(
        PublicRead("GET", "/fapi/v1/time"),
        PublicRead("GET", "/fapi/v1/exchangeInfo"),
        PublicRead("GET", "/fapi/v1/premiumIndex"),
        PublicRead("GET", "/fapi/v1/fundingInfo"),
        PublicRead("GET", "/fapi/v1/ticker/24hr"),
        PublicRead("GET", "/fapi/v1/depth"),
        PublicRead("GET", "/fapi/v1/fundingRate"),
    ),
    # Per address (venue documentation, 2026); placing an order weighs nothing there.
    requests_per_minute=2400,
    book_depth=100,
    arguments={"options": {"fetchCurrencies": False}},
)

HYPERLIQUID: Final = CatalogEntry(
    rules=VenueRules(
        venue_id=VenueId("hyperliquid"),
        code="HL",
        title="Hyperliquid",
        acknowledgement=Acknowledgement.RESULT,
        client_id_format=ClientIdFormat.HEX_128,
        fence=_FENCE,
        taker_fee=Decimal("0.00045"),
        funding_price="oracle",
    ),
    ccxt_id="hyperliquid",
    hosts=frozenset({"api.hyperliquid.xyz"}),
    quote="USDC",
    market=MarketFields(
        native_name="market.info.name",
        # ccxt upper-cases kPEPE to KPEPE; only the raw name tells it from KAITO.
        raw_base="market.info.name",
        absences=(
            AbsenceRule(
                "market.info.isDelisted", AbsenceReason.DELISTED, frozenset({"True"})
            ),
        ),
        price_digits=5,
        price_decimals=(6, "market.info.szDecimals"),
        min_notional_usd=Decimal(10),
        # Half of the initial margin at the highest leverage (documented 2026).
        maintenance_share=Decimal("0.5"),
    ),
    rates=RateFields(
        rate="rate.info.funding",
        row_name="name",
        # The number is for the coming hour (venue documentation, 2026).
        default_interval=HOUR,
        mark="rate.info.markPx",
        index="rate.info.oraclePx",
        volume="rate.info.dayNtlVlm",
    ),
    public_reads=(
        PublicRead("POST", "/info", "metaAndAssetCtxs"),
        PublicRead("POST", "/info", "l2Book"),
        PublicRead("POST", "/info", "fundingHistory"),
    ),
    # 1200 per address (venue documentation, 2026), but most reads weigh 20 there and 10
    # in ccxt 4.5.90.
    requests_per_minute=600,
    arguments={
        "options": {
            "fetchMarkets": {"types": ["swap"]},
            "builderFee": False,
            "refSet": True,
            "hip3TokensByName": {},
            "cachedCurrenciesById": {},
        },
    },
)

LIGHTER: Final = CatalogEntry(
    rules=VenueRules(
        venue_id=VenueId("lighter"),
        code="LT",
        title="Lighter",
        acknowledgement=Acknowledgement.ASYNC,
        client_id_format=ClientIdFormat.INTEGER_48,
        fence=_LIGHTER_FENCE,
        taker_fee=Decimal(0),
        funding_price="mark",
    ),
    ccxt_id="lighter",
    hosts=frozenset({"mainnet.zklighter.elliot.ai"}),
    quote="USDC",
    market=MarketFields(
        native_name="market.info.symbol",
        raw_base="market.baseId",
        absences=(
            # There is no category; opening hours are the only sign of a stock.
            AbsenceRule(
                "market.info.market_config.trading_hours", AbsenceReason.NON_CRYPTO
            ),
            AbsenceRule(
                "market.info.market_config.force_reduce_only",
                AbsenceReason.INACTIVE,
                frozenset({"True"}),
            ),
        ),
        margin_fraction="market.info.min_initial_margin_fraction",
        maintenance=("market.info.maintenance_margin_fraction", Decimal("0.0001")),
    ),
    rates=RateFields(
        rate="rate.info.rate",
        row_name="symbol",
        # The REST field is per 8 h although payments come every hour: its stream shows
        # 0.0012 % per hour where REST shows 0.000096 (seen 2025, documented 2026).
        default_interval=timedelta(hours=8),
        payment_interval=HOUR,
        mark="ticker.info.mark_price",
        index="ticker.info.index_price",
        volume="ticker.info.daily_quote_token_volume",
        tickers=TickerUse.EVERY_SCAN,
    ),
    public_reads=(
        PublicRead("GET", "/api/v1/orderBookDetails"),
        PublicRead("GET", "/api/v1/funding-rates"),
        PublicRead("GET", "/api/v1/orderBookOrders"),
        PublicRead("GET", "/api/v1/fundings"),
    ),
    # Of a standard account and its address (venue documentation, 2026).
    requests_per_minute=60,
    book_depth=250,
    arguments={"options": {"builderFee": False}},
)

EXTENDED: Final = CatalogEntry(
    rules=VenueRules(
        venue_id=VenueId("extended"),
        code="EX",
        title="Extended",
        acknowledgement=Acknowledgement.ACCEPTED,
        client_id_format=ClientIdFormat.ALPHANUMERIC,
        fence=_FENCE,
        taker_fee=Decimal("0.00025"),
        funding_price="mark",
    ),
    ccxt_id="extended",
    hosts=frozenset({"api.starknet.extended.exchange"}),
    quote="USDC",
    market=MarketFields(
        native_name="market.id",
        raw_base="market.baseId",
        absences=(
            AbsenceRule(
                "market.info.category",
                AbsenceReason.NON_CRYPTO,
                frozenset({"Crypto"}),
                is_allow_list=True,
            ),
            AbsenceRule(
                "market.info.status", AbsenceReason.DELISTED, frozenset({"DELISTED"})
            ),
            AbsenceRule(
                "market.info.status", AbsenceReason.PRE_MARKET, frozenset({"PRELISTED"})
            ),
        ),
        # Not published; it cannot be above the initial margin at the highest leverage.
        maintenance_share=Decimal(1),
    ),
    rates=RateFields(
        call="fetch_tickers",
        rate="rate.info.fundingRate",
        # Per hour, recomputed each minute, paid each hour (venue documentation, 2026).
        default_interval=HOUR,
        # Misnamed by the venue: a moment in ms, no rate.
        next_funding="rate.info.nextFundingRate",
        mark="rate.info.markPrice",
        index="rate.info.indexPrice",
        volume="rate.info.dailyVolume",
    ),
    public_reads=(
        PublicRead("GET", "/api/v1/info/markets"),
        PublicRead("GET", "/api/v1/info/markets/*/orderbook"),
        PublicRead("GET", "/api/v1/info/*/funding"),
    ),
    # Per address (seen in ccxt 4.5.90, which then keeps to a tenth of it).
    requests_per_minute=1000,
    arguments={"options": {"builderFee": False}},
)

VENUES: Final[Mapping[VenueId, CatalogEntry]] = MappingProxyType(
    {entry.venue_id: entry for entry in (BINANCE, HYPERLIQUID, LIGHTER, EXTENDED)}
)


def rules(venue_id: VenueId) -> VenueRules:
    """Return what the trading stages must know of a venue.

    Raises:
        KeyError: there is no such venue.
    """
    return VENUES[venue_id].rules
