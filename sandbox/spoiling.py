"""One bad row among good ones: a parsed answer in, one row of it spoiled, out."""

from __future__ import annotations

from typing import Any, Final

_LISTS: Final = ("symbols", "data", "order_book_details", "funding_rates", "fundings")
_NAMES: Final = ("symbol", "name", "coin", "m")
_RATES: Final = ("lastFundingRate", "funding", "fundingRate", "rate", "quoteVolume",
                 "fundingIntervalHours", "baseAsset", "symbol", "name")  # fmt: skip
_PRICES: Final = ("markPrice", "markPx", "mark_price")


def _rows(payload: Any) -> tuple[list[Any], list[Any]]:  # noqa: ANN401 - any JSON
    """Return the rows and, in the same order, the dictionaries that name them."""
    if isinstance(payload, dict):
        for key in _LISTS:
            if isinstance(payload.get(key), list):
                return payload[key], payload[key]
        return [], []
    if isinstance(payload, list):
        if payload and isinstance(payload[0], dict) and "universe" in payload[0]:
            return payload[1], payload[0]["universe"]
        return payload, payload
    return [], []


def _place(names: list[Any], which: object) -> int:
    if isinstance(which, int):
        return which
    for place, row in enumerate(names):
        # Lighter lists other venues' rates under the same symbol.
        own = row.get("exchange", "lighter") == "lighter"
        if own and which in {row.get(key) for key in _NAMES}:
            return place
    message = f"no row is called {which!r}"
    raise ValueError(message)


def _which_and_how(param: object) -> tuple[object, str]:
    if isinstance(param, dict):
        return param.get("row", 0), str(param.get("how", "text"))
    return (0 if param is None else param), "text"


def spoil_row(payload: Any, param: object) -> Any:  # noqa: ANN401 - any JSON
    """Return the payload with one row made useless.

    Args:
        payload: a parsed answer that contains a list of rows; it is changed.
        param: number or symbol of the row, or {"row": ..., "how": ...} with how being
            `text` (the rate is "abc"), `missing` (its key is gone), `null_price`,
            `null_rate` or `not_object` (null instead of a row).

    Raises:
        ValueError: there is no such row.
    """
    which, how = _which_and_how(param)
    rows, names = _rows(payload)
    place = _place(names, which)
    if how == "not_object":
        rows[place] = None
        return payload
    row = rows[place]
    holder = row.get("marketStats", row)
    wanted = _PRICES if how == "null_price" else _RATES
    key = next((key for key in wanted if key in holder), None)
    if key is None:
        message = f"row {which!r} has none of {', '.join(wanted)}"
        raise ValueError(message)
    if how == "missing":
        del holder[key]
    else:
        holder[key] = "abc" if how == "text" else None
    return payload


def drop_row(payload: Any, param: object) -> Any:  # noqa: ANN401 - any JSON
    """Return the payload without one row, given as in `spoil_row`."""
    which, _ = _which_and_how(param)
    rows, names = _rows(payload)
    place = _place(names, which)
    del rows[place]
    if names is not rows:
        del names[place]
    return payload
