"""What one submit proves: refused, accepted, or neither."""

from __future__ import annotations

import aiohttp
import ccxt.async_support as ccxt
import pytest

from core.errors import TroubleKind, VenueError
from core.model.order import Accepted, Rejected, Uncertain
from core.venues import refusals
from core.venues.outcomes import Attempt, Refusal, RefusalTable, judge

TABLE = RefusalTable(
    definitive={"1": "margin"},
    duplicate=frozenset({"2"}),
    rate=frozenset({"3"}),
    clock=frozenset({"4"}),
)
RECEIPT = Accepted("9", None, None, None, is_final=False)


def caused(error: Exception, cause: Exception) -> Exception:
    """Return an error as ccxt raises it after another one."""
    error.__cause__ = cause
    return error


def seen(**changes: object) -> Attempt:
    """Return an attempt that arrived and was answered with 200, with changes."""
    fields = {"was_handed_over": True, "was_connected": True, "status": 200}
    return Attempt(**{**fields, **changes})  # type: ignore[arg-type]  # any field


def refused(code: str, error: Exception | None = None) -> Attempt:
    """Return an attempt answered with an error code."""
    return seen(
        status=400,
        refusal=Refusal(code, "their words"),
        is_own_body=True,
        error=error or ccxt.InvalidOrder("x"),
    )


@pytest.mark.parametrize(
    "error",
    [
        VenueError("binance", TroubleKind.REFUSED, "not sent: too late"),
        ccxt.InvalidOrder("too small"),
        KeyError("markets"),
        ccxt.RequestTimeout("waiting in the queue"),
    ],
)
def test_what_was_never_handed_over_is_refused_unsent(error: Exception) -> None:
    """Precision, a missing key, a gate: no byte left, whatever the exception."""
    result = judge(
        Attempt(was_handed_over=False, was_connected=False, error=error), TABLE
    )

    assert isinstance(result, Rejected)
    assert (result.code, result.was_sent) == ("not_sent", False)


def test_a_reason_of_ours_is_told_and_a_clients_text_is_not() -> None:
    """A client's text may hold the request it signed."""
    ours = VenueError("binance", TroubleKind.REFUSED, "not sent: too late")
    theirs = ccxt.AuthenticationError("key 5up3r53cr37")

    told = [
        judge(Attempt(was_handed_over=False, was_connected=False, error=each), TABLE)
        for each in (ours, theirs)
    ]

    assert [each.detail for each in told if isinstance(each, Rejected)] == [
        "not sent: too late",
        "not sent (AuthenticationError)",
    ]


def test_without_a_connection_nothing_left() -> None:
    """Refused, no such host, no TLS, or a timeout while connecting."""
    error = caused(ccxt.ExchangeNotAvailable("x"), OSError())

    result = judge(seen(was_connected=False, status=None, error=error), TABLE)

    assert result == Rejected("not_sent", "no connection", was_sent=False)


@pytest.mark.parametrize(
    "error",
    [
        ccxt.RequestTimeout("x"),
        caused(ccxt.ExchangeNotAvailable("x"), aiohttp.ServerDisconnectedError()),
        # A body that breaks off has the plain class of a refusal.
        caused(ccxt.ExchangeError("x"), aiohttp.ClientPayloadError()),
        caused(ccxt.InvalidOrder("x"), aiohttp.ClientPayloadError()),
        TypeError("x"),
        None,
    ],
)
def test_no_complete_answer_is_uncertain(error: Exception | None) -> None:
    """The venue may have the order; only a look-up can tell."""
    assert isinstance(judge(seen(status=None, error=error), TABLE), Uncertain)


def test_a_listed_code_with_a_refusals_class_is_refused() -> None:
    """Both witnesses agree: the order never existed."""
    assert judge(refused("1"), TABLE) == Rejected(
        "margin", "their words", was_sent=True
    )


@pytest.mark.parametrize(
    "error",
    [
        ccxt.ExchangeError("bare"),
        ccxt.OperationFailed("x"),
        ccxt.RequestTimeout("x"),
        caused(ccxt.InvalidOrder("x"), aiohttp.ClientPayloadError()),
        caused(ccxt.InvalidOrder("x"), TimeoutError()),
        AttributeError("x"),
    ],
)
def test_a_listed_code_alone_is_not_enough(error: Exception) -> None:
    """The class must be a refusal's, and no transport trouble behind it."""
    assert isinstance(judge(refused("1", error), TABLE), Uncertain)


def test_a_code_that_is_not_listed_proves_nothing() -> None:
    """Unknown errors of a venue are looked up, never believed."""
    assert isinstance(judge(refused("77"), TABLE), Uncertain)


def test_a_duplicate_id_means_that_an_earlier_copy_arrived() -> None:
    """Taken for a refusal it would open the position twice."""
    result = judge(refused("2"), TABLE)

    assert isinstance(result, Uncertain)
    assert "arrived before" in result.cause


@pytest.mark.parametrize(
    ("attempt", "code"),
    [
        (refused("3", ccxt.RateLimitExceeded("x")), "rate_limit"),
        (refused("4", ccxt.InvalidNonce("x")), "clock"),
        (
            seen(status=429, is_own_body=True, error=ccxt.DDoSProtection("x")),
            "rate_limit",
        ),
        (
            seen(status=418, is_own_body=True, error=ccxt.DDoSProtection("x")),
            "banned",
        ),
    ],
)
def test_too_many_requests_and_wrong_times_are_not_executed(
    attempt: Attempt, code: str
) -> None:
    """The venue said so before it looked at the order."""
    result = judge(attempt, TABLE)

    assert isinstance(result, Rejected)
    assert (result.code, result.was_sent) == (code, True)


@pytest.mark.parametrize("status", [429, 418])
def test_a_page_in_between_that_says_slow_down_proves_nothing(status: int) -> None:
    """Only the venue's own words count; the request may have gone through."""
    attempt = seen(status=status, error=ccxt.DDoSProtection("x"))

    assert isinstance(judge(attempt, TABLE), Uncertain)


def test_a_receipt_without_any_error_is_an_acceptance() -> None:
    """The only way in which an order is believed to exist from a reply."""
    assert judge(seen(receipt=RECEIPT), TABLE) is RECEIPT


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 502},
        {"status": 302},
        {"status": 400},
        {"error": ccxt.BadResponse("x")},
        {"error": AttributeError("x")},
    ],
)
def test_a_receipt_beside_trouble_is_not_believed(changes: dict[str, object]) -> None:
    """A fill in the body of an error is nothing to build a second leg on."""
    assert isinstance(judge(seen(receipt=RECEIPT, **changes), TABLE), Uncertain)


def test_a_success_without_proof_is_uncertain() -> None:
    """A page of HTML with status 200 is no order."""
    assert isinstance(judge(seen(), TABLE), Uncertain)


def test_sentences_are_known_by_their_beginning() -> None:
    """Hyperliquid writes "Insufficient margin to place order. asset=0"."""
    known = refusals.HYPERLIQUID.listed("Insufficient margin to place order. asset=0")

    assert refusals.HYPERLIQUID.definitive[known] == "margin"
    assert refusals.HYPERLIQUID.listed("Something else") == "Something else"
    assert TABLE.listed("11") == "11"


@pytest.mark.parametrize(
    "table",
    [refusals.BINANCE, refusals.HYPERLIQUID, refusals.LIGHTER, refusals.EXTENDED],
    ids=["binance", "hyperliquid", "lighter", "extended"],
)
def test_no_code_is_in_two_lists(table: RefusalTable) -> None:
    """A duplicate on the list of refusals would double a position."""
    lists = [set(table.definitive), table.duplicate, table.rate, table.clock]

    assert sum(len(each) for each in lists) == len(set().union(*lists))
