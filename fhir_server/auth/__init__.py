"""Who asks: the token of a request, checked, becomes a `policy.subject.Subject`, or this refusal.

https://www.rfc-editor.org/rfc/rfc6750#section-3
"""

from fhir_server.fhir.outcome import Unauthorized


def invalid_token(text: str, *, code: str = "login") -> Unauthorized:
    """The answer to a token that is not good: 401, and why; `code` is the issue code.

    What a token says is the caller's own, so `text` may quote it; never a person's identifier.
    """
    challenge = f'Bearer error="invalid_token", error_description="{_header_text(text)}"'
    return Unauthorized(text, code=code, headers={"WWW-Authenticate": challenge})


def shown(value: object) -> str:
    """A value of the token as messages quote it."""
    return f"`{str(value)[:100]}`"


def _header_text(text: str) -> str:
    """Only what RFC 6750 allows in an error_description: printable ASCII but for `"` and `\\`."""
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in text)
