"""The demo's environment for a bot that trades on the pretend accounts."""

from __future__ import annotations

from pathlib import Path

from sandbox.child import child_environment
from sandbox.venues.keys import live_environment


def _environment(*, live: bool) -> dict[str, str]:
    inherited = {"CARRY_BINANCE_API_KEY": "a real key of the caller", "PATH": "/bin"}
    return child_environment(
        inherited,
        url="http://here",
        token="t",  # noqa: S106 - opens nothing
        data_dir=Path("d"),
        live=live,
    )


def test_a_paper_bot_gets_no_keys_at_all() -> None:
    """Neither the caller's real ones nor the pretend ones."""
    environment = _environment(live=False)

    assert environment["CARRY_MODE"] == "paper"
    assert not set(live_environment()) & set(environment)


def test_a_live_bot_gets_the_pretend_keys_and_never_the_callers() -> None:
    """The demo must not be able to reach a person's real account."""
    environment = _environment(live=True)

    assert environment["CARRY_MODE"] == "live"
    assert environment.items() >= live_environment().items()
    assert "a real key of the caller" not in environment.values()
    assert len(environment["CARRY_LIGHTER_API_PRIVATE_KEY"]) == 2 + 2 * 40
