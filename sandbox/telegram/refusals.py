"""How the Bot API says no: one exception with the code and words of the real one."""

from __future__ import annotations

from typing import Any, NoReturn


class Refused(Exception):  # noqa: N818 - an answer of the API, not our fault
    """A call that Telegram answers with `ok: false`."""

    def __init__(
        self, code: int, description: str, *, parameters: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code} {description}")
        self.code = code
        self.description = description
        self.parameters = parameters

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the answer."""
        answer: dict[str, Any] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        if self.parameters:
            answer["parameters"] = self.parameters
        return answer


def refuse(reason: str) -> NoReturn:
    """Answer 400 in Telegram's form."""
    raise Refused(400, f"Bad Request: {reason}")


def forbid(reason: str) -> NoReturn:
    """Answer 403 in Telegram's form."""
    raise Refused(403, f"Forbidden: {reason}")


def too_many_requests(retry_after_s: int) -> Refused:
    """Return a 429 that tells how many seconds to wait."""
    return Refused(
        429,
        f"Too Many Requests: retry after {retry_after_s}",
        parameters={"retry_after": retry_after_s},
    )
