"""Every error the server answers with: its status, its issue code, its OperationOutcome.

https://hl7.org/fhir/R4/operationoutcome.html, https://hl7.org/fhir/R4/http.html#2.21.0.4

    FhirError
      BadRequest 400 · Unauthorized 401 · Forbidden 403 · NotFound 404 · NotAllowed 405 ·
      NotAcceptable 406 Conflict 409 · Gone 410 · PreconditionFailed 412 · TooLarge 413 ·
      AddressTooLong 414 · UnsupportedMedia 415 · RangeNotSatisfiable 416 · Unprocessable 422 ·
      HeaderTooLarge 431 · Failure 500 · Unavailable 503

The class is the status; `code` is its usual issue code and can be narrowed where it is raised.
"""

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar, Mapping


# What no text of FHIR holds; callers send it, and an outcome names what they sent.
_UNSPEAKABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of an OperationOutcome; `expression` is FHIRPath, `location` is `line:column` of
    XML.
    """

    code: str
    text: str
    expression: str = ""
    severity: str = "error"
    location: str = ""

    def as_json(self) -> dict[str, Any]:
        issue: dict[str, Any] = {
            "severity": self.severity,
            "code": self.code,
            "diagnostics": _UNSPEAKABLE.sub("\ufffd", self.text),
        }
        if self.location:
            issue["location"] = [self.location]
        if self.expression:
            issue["expression"] = [_UNSPEAKABLE.sub("\ufffd", self.expression)]
        return issue


def operation_outcome(*issues: Issue) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [issue.as_json() for issue in issues]}


@dataclass
class FhirError(Exception):
    """An answer that is not what was asked for.

    `text`: lower case, the user's own value in backticks, nothing about what is hidden. `rule`: the
    access rule that settled it, for the trail alone. `record`: the number of the record it touched,
    and `touched`: the records it was about, in the words of storage; both for the trail alone.
    """

    text: str
    code: str = ""
    expression: str = ""
    issues: tuple[Issue, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    rule: str = ""
    record: int = 0
    touched: tuple[Any, ...] = ()

    status: ClassVar[int] = 500
    usual: ClassVar[str] = "exception"

    def __post_init__(self) -> None:
        super().__init__(self.text)

    def outcome(self) -> dict[str, Any]:
        issues = self.issues or (Issue(self.code or self.usual, self.text, self.expression),)
        return operation_outcome(*issues)


class BadRequest(FhirError):
    """The request cannot be understood."""

    status, usual = 400, "invalid"


class Unauthorized(FhirError):
    """No token, or one that is not good."""

    status, usual = 401, "login"


class Forbidden(FhirError):
    """Understood and refused; never used where it would tell that something hidden exists."""

    status, usual = 403, "forbidden"


def insufficient_scope(what: str) -> Forbidden:
    """The token's scopes do not cover `what`: https://www.rfc-editor.org/rfc/rfc6750#section-3.1"""
    return Forbidden(
        f"the token's scopes do not cover {what}",
        headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
        rule="scope",
    )


class NotFound(FhirError):
    """No such thing, or none this caller may know of: the two must look the same."""

    status, usual = 404, "not-found"


class NotAllowed(FhirError):
    """This interaction is not offered here."""

    status, usual = 405, "not-supported"


class NotAcceptable(FhirError):
    status, usual = 406, "not-supported"


class Conflict(FhirError):
    status, usual = 409, "conflict"


class Gone(FhirError):
    """Deleted, and the caller was one who could see it."""

    status, usual = 410, "deleted"


class PreconditionFailed(FhirError):
    status, usual = 412, "conflict"


class TooLarge(FhirError):
    status, usual = 413, "too-long"


class AddressTooLong(FhirError):
    status, usual = 414, "too-long"


class UnsupportedMedia(FhirError):
    status, usual = 415, "not-supported"


class RangeNotSatisfiable(FhirError):
    """The part of the bytes that was asked for lies beyond their end."""

    status, usual = 416, "value"


class Unprocessable(FhirError):
    """Well formed, and against a rule."""

    status, usual = 422, "processing"


class HeaderTooLarge(FhirError):
    """https://www.rfc-editor.org/rfc/rfc6585#section-5"""

    status, usual = 431, "too-long"


class Failure(FhirError):
    status, usual = 500, "exception"


class Unavailable(FhirError):
    status, usual = 503, "timeout"
