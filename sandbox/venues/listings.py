"""What is listed where: a table of tokens in, one Instrument per market out.

Data first: to add a token, add a row. Names and prices are plausible, not real.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice, product
from typing import Final

VENUES: Final = ("binance", "extended", "hyperliquid", "lighter")
LETTERS: Final = {
    "b": "binance",
    "e": "extended",
    "h": "hyperliquid",
    "l": "lighter",
}
_VOLUME_SHARE: Final = {
    "binance": Decimal(1),
    "hyperliquid": Decimal("0.25"),
    "lighter": Decimal("0.05"),
    "extended": Decimal("0.03"),
}
MOST_DECIMALS: Final = 7
LIVE: Final = "live"
ABSENT: Final = "absent"
SECOND_MARKETS: Final = frozenset({"twin", "dated"})
"""Kinds that stand beside a token's ordinary market on the same venue."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One base asset and how it differs between venues."""

    name: str
    price: float
    """US dollars for one listed unit (for PEPE: for 1000 of them)."""
    volume_musd: str
    """Day volume on the largest venue, in millions of US dollars."""
    on: str
    """Venues by first letter."""
    ppm: dict[str, int] = field(default_factory=dict)
    """Hourly rate beyond the neutral one, per venue letter, in millionths."""
    flips: bool = False
    """Whether those extras change sign every day or so."""
    multiplier: int = 1
    factors: dict[str, int] = field(default_factory=dict)
    """Multiplier per venue letter where it is another one."""
    names: dict[str, str] = field(default_factory=dict)
    """Raw name per venue letter where the venue does not follow its own rule."""
    interval_h: int = 8
    """Hours between payments on Binance; the others pay hourly."""
    in_funding_info: bool = False
    """Whether Binance lists the symbol there although it pays every 8 hours."""
    volumes: dict[str, str | None] = field(default_factory=dict)
    prices: dict[str, float] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One market of one venue, with everything about it that does not move."""

    base: str
    venue: str
    raw: str
    """Name of the base asset as the venue writes it, multiplier included."""
    symbol_raw: str
    """The venue's name of the market."""
    multiplier: int
    price: float
    price_decimals: int
    size_decimals: int
    volume_usd: Decimal | None
    interval_h: int
    ppm: int
    flips: bool
    number: int
    """Position in the venue's own list; Lighter and Hyperliquid use it as id."""
    status: str = LIVE
    kind: str = "perp"
    """perp, dated, stock, premarket or twin (a second quote currency)."""
    quote: str = "USD"
    in_funding_info: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what identifies the market."""
        return self.base, self.venue, self.symbol_raw


ASSETS: Final = (
    Asset("ETH", 3050, "11200", "bhle", {"h": 4, "e": -3}),
    Asset("BTC", 91000, "14500", "bhle", {"h": 3, "l": -2}, in_funding_info=True),
    Asset("SOL", 138, "3900", "bhle", {"h": 6, "e": -5}),
    Asset("XRP", 2.15, "1700", "bhle"),
    Asset("DOGE", 0.161, "880", "bhle", {"l": 5}),
    Asset("BNB", 880, "640", "bhl"),
    Asset("ADA", 0.452, "310", "bhl"),
    Asset("AVAX", 14.2, "260", "bhle", {"e": 9, "b": -6}),
    Asset("LINK", 13.4, "330", "bhle"),
    Asset("LTC", 92.4, "240", "bhle", in_funding_info=True),
    Asset("SUI", 1.62, "520", "bhle", {"b": -24, "h": 33, "l": 4}),
    Asset("APT", 2.85, "140", "bhle", {"l": -62, "b": 48, "h": 10, "e": -5}),
    Asset("KAITO", 0.724, "95", "le", {"e": -90, "l": 65}),
    Asset("MON", 0.0342, "88", "le", {"e": -41, "l": 36}),
    Asset("TRUMP", 6.43, "210", "bhe", {"e": -39, "h": 27, "b": -6}, interval_h=4),
    Asset("RARE", 0.0412, "21", "e", {"e": 55}),
    Asset("PEPE", 0.00462, "640", "bhle", {"b": -17, "h": 21}, multiplier=1000,
          interval_h=4),
    Asset("BONK", 0.0102, "150", "bhle", {"l": 26, "e": -8}, multiplier=1000),
    Asset("FLOKI", 0.0487, "41", "bhl", {"h": -7}, multiplier=1000),
    Asset("HYPE", 35.2, "420", "bhle", {"h": 29, "b": -9}),
    Asset("NEAR", 2.21, "160", "bhl"),
    Asset("ARB", 0.212, "110", "bhl"),
    Asset("OP", 0.318, "90", "bh"),
    Asset("WIF", 0.384, "75", "bhle", {"l": -31, "h": 12}, volumes={"l": None}),
    Asset("ENA", 0.254, "230", "bhle", {"e": 37, "l": -22}, flips=True),
    Asset("TIA", 0.712, "70", "bhl", {"b": 14}),
    Asset("SEI", 0.148, "60", "bhl"),
    Asset("AAVE", 171, "180", "bhle", {"e": -11}),
    Asset("CRV", 0.412, "66", "bhle"),
    Asset("JUP", 0.247, "45", "bhl", {"h": 19, "l": -6}),
    Asset("ONDO", 0.523, "85", "bhl"),
    Asset("FARTCOIN", 0.297, "130", "bhle", {"h": 44, "l": -18, "e": 12}, flips=True,
          interval_h=1),
    Asset("ZEC", 521, "1300", "bhle", {"e": -47, "b": 16}),
    Asset("VIRTUAL", 0.972, "58", "bhle", {"b": 25, "e": -20}, flips=True),
    Asset("币安人生", 0.143, "34", "bl", {"b": 31, "l": -26}),
    # Highest spread of all, and nobody could trade it: 12,000 dollars a day.
    Asset("GRASS", 0.448, "3", "he", {"h": 240, "e": -210}, volumes={"e": "12040.5"}),
    # Two different coins that share a name.
    Asset("ACE", 0.55, "12", "be", {"b": -61, "e": 72}, prices={"e": 3.905}),
    # Gone, but Binance goes on showing a rate for it.
    Asset("FTM", 0.702, "0.4", "bh", {"b": -300},
          statuses={"b": "SETTLING", "h": "delisted"}),
    Asset("POL", 0.139, "55", "bhl", {"l": 90}, statuses={"l": "inactive"}),
    # One token, two names, two factors: every form that venues have for it.
    Asset("SHIB", 0.00892, "210", "bhe", multiplier=1000, names={"e": "SHIB1000"}),
    Asset("BABYDOGE", 1.214, "24", "be", multiplier=1_000_000,
          factors={"e": 1000}, names={"b": "1MBABYDOGE", "e": "1000BABYDOGE"}),
    Asset("MOG", 0.3624, "38", "bl", multiplier=1_000_000,
          factors={"l": 1000}, names={"b": "1000000MOG"}),
    Asset("SATS", 0.0002543, "29", "bl", multiplier=1000,
          factors={"l": 10_000}, names={"l": "10000SATS"}),
    Asset("TOSHI", 0.7231, "31", "be", multiplier=1000, factors={"e": 1}),
    # Names that only look as if they carried a factor.
    Asset("1INCH", 0.1832, "44", "bh"),
    Asset("0G", 1.284, "36", "bl"),
    Asset("4", 0.0913, "27", "bl"),
    Asset("KAS", 0.0528, "52", "bh"),
    # 1000CAT is a thousand cats; the other venue's CAT is another animal.
    Asset("CAT", 0.00714, "22", "be", multiplier=1000, factors={"e": 1},
          prices={"e": 2.317}),
    Asset("STRK", 0.118, "48", "bhe", {"e": -95}, statuses={"e": "REDUCE_ONLY"}),
)  # fmt: skip


def decimals_for_price(price: float) -> int:
    """Return decimals that show five significant digits."""
    return min(MOST_DECIMALS, max(0, 4 - math.floor(math.log10(price))))


def _decimals_for_size(price: float, venue: str) -> int:
    """Return decimals of the smallest lot, worth a few dollars at most."""
    finest = min(5, max(0, math.floor(math.log10(price)) + 1))
    coarser = {"binance": 2 if finest > 3 else 1}.get(venue, 0)  # noqa: PLR2004 - BTC and ETH trade in 0.001 there
    return max(0, finest - coarser)


def _raw_name(token: Asset, venue: str) -> str:
    stated, factor = token.names.get(venue[0]), _factor(token, venue)
    if stated is not None or factor == 1:
        return stated or token.name
    return f"k{token.name}" if venue == "hyperliquid" else f"1000{token.name}"


def _factor(token: Asset, venue: str) -> int:
    return token.factors.get(venue[0], token.multiplier)


def _listed_price(token: Asset, venue: str) -> float:
    stated = token.prices.get(venue[0])
    if stated is not None:
        return stated
    return token.price / token.multiplier * _factor(token, venue)


def _symbol(raw: str, venue: str) -> str:
    return {"binance": f"{raw}USDT", "extended": f"{raw}-USD"}.get(venue, raw)


def _volume(token: Asset, letter: str) -> Decimal | None:
    if letter in token.volumes:
        stated = token.volumes[letter]
        return None if stated is None else Decimal(stated)
    share = _VOLUME_SHARE[LETTERS[letter]]
    return (Decimal(token.volume_musd) * 1_000_000 * share).quantize(Decimal("0.01"))


def instrument_of(token: Asset, venue: str, number: int) -> Instrument:
    """Return how a venue lists a token under its own naming rule."""
    letter = venue[0]
    price = _listed_price(token, venue)
    raw = _raw_name(token, venue)
    binance = venue == "binance"
    return Instrument(
        base=token.name,
        venue=venue,
        raw=raw,
        symbol_raw=_symbol(raw, venue),
        multiplier=_factor(token, venue),
        price=price,
        price_decimals=min(
            MOST_DECIMALS,
            decimals_for_price(price) + (venue in {"binance", "lighter"}),
        ),
        size_decimals=_decimals_for_size(price, venue),
        volume_usd=_volume(token, letter),
        interval_h=token.interval_h if binance else 1,
        ppm=token.ppm.get(letter, 0),
        flips=token.flips,
        number=number,
        status=token.statuses.get(letter, LIVE),
        quote="USDT" if binance else "USD",
        in_funding_info=binance and (token.interval_h != 8 or token.in_funding_info),  # noqa: PLR2004 - hours
    )


def synthetic(count: int) -> list[Asset]:
    """Return made-up tokens on all four venues, for measuring with a full market."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    names = islice(("Q" + "".join(part) for part in product(letters, repeat=3)), count)
    return [
        Asset(
            name,
            price=0.05 * 1.045 ** (index % 190),
            volume_musd=str(5 + index % 90),
            on="bhle",
            ppm={"bhle"[index % 4]: index % 37, "bhle"[(index + 1) % 4]: -(index % 23)},
        )
        for index, name in enumerate(names)
    ]


def _oddities(perp: Instrument) -> list[Instrument]:
    """Return what Binance and Extended list beside coins that never end."""
    odd = replace(perp, interval_h=8, ppm=0, in_funding_info=False)
    stock = replace(odd, price=396.15, price_decimals=3, size_decimals=2, kind="stock")
    return [
        replace(odd, symbol_raw="BTCUSDC", quote="USDC", kind="twin", ppm=1),
        replace(odd, symbol_raw="BTCUSDT_261225", kind="dated"),
        replace(stock, base="TSLA", raw="TSLA", symbol_raw="TSLAUSDT", ppm=150),
        replace(stock, base="OPENAI", raw="OPENAI", symbol_raw="OPENAIUSDT",
                price=1325.6, kind="premarket"),
        replace(stock, base="TSLA_24_5", raw="TSLA_24_5", venue="extended",
                symbol_raw="TSLA_24_5-USD", interval_h=1, quote="USD", ppm=-150,
                price_decimals=2),
    ]  # fmt: skip


def all_instruments(extra_tokens: int = 0) -> list[Instrument]:
    """Return every market of every venue, in each venue's own order."""
    listed: list[Instrument] = []
    counts = dict.fromkeys(VENUES, 0)
    for token in (*ASSETS, *synthetic(extra_tokens)):
        for letter in token.on:
            venue = LETTERS[letter]
            listed.append(instrument_of(token, venue, counts[venue]))
            counts[venue] += 1
    bitcoin = next(
        one for one in listed if one.base == "BTC" and one.venue == "binance"
    )
    for odd in _oddities(bitcoin):
        listed.append(replace(odd, number=counts[odd.venue]))
        counts[odd.venue] += 1
    return listed
