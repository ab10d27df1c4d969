"""How OpenAI's API says no: ``{"error": {message, type, param, code}}``, all four always there."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

INVALID_REQUEST = "invalid_request_error"

# The type that goes with a status where nobody named one.
TYPES = {
    401: INVALID_REQUEST,
    429: "rate_limit_error",
    500: "server_error",
    502: "server_error",
    503: "service_unavailable_error",
}


class Refusal(Exception):
    """A request that is answered with an error object."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = None,
        param: str | None = None,
        type: str | None = None,  # noqa: A002 - the name of the field
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.error = {
            "message": message,
            "type": type or TYPES.get(status, INVALID_REQUEST),
            "param": param,
            "code": code,
        }

    def response(self) -> web.Response:
        """Return the error as the answer to the request."""
        return web.json_response({"error": self.error}, status=self.status, headers=self.headers)


def unsupported_parameter(name: str, instead: str | None = None) -> Refusal:
    """Return the refusal of a parameter that the model does not take."""
    hint = f" Use '{instead}' instead." if instead else ""
    return Refusal(
        f"Unsupported parameter: '{name}' is not supported with this model.{hint}",
        code="unsupported_parameter",
        param=name,
    )


def unsupported_value(name: str, sentence: str) -> Refusal:
    """Return the refusal of a value that the model does not take."""
    return Refusal(f"Unsupported value: {sentence}", code="unsupported_value", param=name)


def invalid(name: str, sentence: str, code: str = "invalid_value") -> Refusal:
    """Return the refusal of a value that no model takes."""
    return Refusal(f"Invalid '{name}': {sentence}", code=code, param=name)


def not_offered(name: str) -> Refusal:
    """Return the refusal of something that the API has and this stand-in has not."""
    return Refusal(f"The stand-in does not offer '{name}'.", code="unsupported_parameter", param=name)
