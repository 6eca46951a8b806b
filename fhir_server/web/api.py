"""WSGI request → Call → serve → Reply → WSGI response, for everything below the base address.

https://hl7.org/fhir/R4/http.html. It stands in front of Flask's own routing: a Flask request and
response cost 50 µs, a fifth of what a read may take (design, `libraries.md` 5); Flask serves what
is for people.
"""

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from werkzeug.http import HTTP_STATUS_CODES

from fhir_server.faults import told
from fhir_server.fhir import json_format, xml_format
from fhir_server.fhir.formats import (
    ACCEPT_PATCH,
    JSON,
    check_charset,
    named,
    pretty,
    wanted,
)
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import (
    AddressTooLong,
    BadRequest,
    Failure,
    FhirError,
    HeaderTooLarge,
    NotAcceptable,
    TooLarge,
    UnsupportedMedia,
)
from fhir_server.fhir.pretty import pretty_json, pretty_xml
from fhir_server.interactions.routes import allowed
from fhir_server.interactions.search import parameters
from fhir_server.serve import Services, serve
from fhir_server.web.browsers import Browsers

log = logging.getLogger("fhir_server")

Environ = dict[str, Any]
StartResponse = Callable[..., object]
Application = Callable[[Environ, Any], Iterable[bytes]]

MAX_ADDRESS = 60_000  # characters of path and query; the HTTP server's own limit is 65,534
MAX_HEADER = 16_384  # characters of one header
MAX_PEER = 100  # characters of the network address of who asks
_LENGTH = re.compile(r"[0-9]{1,18}")
_NOT_ASCII = re.compile(r"%[89A-Fa-f]|[^\0-\x7f]")
_BYTES = re.compile(r"Binary/.")
# Headers of HTTP itself that say nothing to an interaction are left behind.
KEPT = {
    "HTTP_ACCEPT": "accept",
    "HTTP_AUTHORIZATION": "authorization",
    "CONTENT_TYPE": "content-type",
    "HTTP_PREFER": "prefer",
    "HTTP_IF_MATCH": "if-match",
    "HTTP_IF_NONE_MATCH": "if-none-match",
    "HTTP_IF_NONE_EXIST": "if-none-exist",
    "HTTP_IF_MODIFIED_SINCE": "if-modified-since",
    "HTTP_IF_RANGE": "if-range",
    "HTTP_RANGE": "range",
    "HTTP_ACCEPT_CHARSET": "accept-charset",
    "HTTP_CONTENT_ENCODING": "content-encoding",
    "HTTP_X_REQUEST_ID": "x-request-id",
    "HTTP_X_CORRELATION_ID": "x-correlation-id",
    "HTTP_X_PROVENANCE": "x-provenance",
    "HTTP_X_SECURITY_CONTEXT": "x-security-context",
}
ALWAYS = [
    ("Cache-Control", "no-store"),
    ("Vary", "Accept, Origin"),
    ("X-Content-Type-Options", "nosniff"),
]


@dataclass(slots=True)
class Look:
    """How FHIR content is written in the answer."""

    format_: str = JSON
    pretty: bool = False


class Api:
    """Answers below the path of the base address; hands everything else on."""

    def __init__(self, rest: Application, services: Services) -> None:
        self.rest, self.services = rest, services
        self.root = urlsplit(services.settings.base_url).path
        self.browsers = Browsers(services.settings)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path != self.root and not path.startswith(self.root + "/"):
            return self.rest(environ, start_response)
        look = Look()
        reply = self._reply(environ, path, look)
        body = self._written(reply, look)
        headers = list(reply.headers.items())
        if reply.raw is not None:
            # A browser that opens a document runs nothing of it.
            headers.append(("Content-Security-Policy", "sandbox; default-src 'none'"))
            headers.append(("Content-Type", reply.media))
        elif body:
            headers.append(("Content-Type", f"{look.format_};charset=utf-8"))
        if reply.status not in (204, 304):  # which have no body, nor the length of one (RFC 9110)
            headers.append(("Content-Length", str(len(body))))
        if "HTTP_ORIGIN" in environ:
            headers += self.browsers.headers(environ, path)
        headers += ALWAYS
        start_response(f"{reply.status} {HTTP_STATUS_CODES.get(reply.status, 'Unknown')}", headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _reply(self, environ: Environ, path: str, look: Look) -> Reply:
        call, problem = _call(environ, path[len(self.root) + 1 :])
        if call.method == "OPTIONS" and (options := self._options(call, environ, path)):
            return options
        try:
            _settle(call, look)
            look.pretty = "_pretty" in call.query and pretty(call.parameter("_pretty"))
            self.browsers.check(environ)
        except FhirError as refusal:
            problem = problem or refusal
        return serve(
            call, self.services, problem=problem, whole=lambda: self._whole(call, environ, look)
        )

    def _written(self, reply: Reply, look: Look) -> bytes:
        """The body; that of a failure, where the answer cannot be written in its format."""
        try:
            return _body(reply, look)
        except Exception as fault:
            log.error("an answer could not be written: %s", told(fault))
            if self.services.strict:
                raise
            reply.status, reply.headers, look.format_ = 500, {}, JSON
            return json_format.write(Failure("the answer could not be written").outcome())

    def _options(self, call: Call, environ: Environ, path: str) -> Reply | None:
        """What can be done at an address, and by whom in a browser; None where nothing is."""
        methods = allowed(call)
        preflight = "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ and "HTTP_ORIGIN" in environ
        if not methods and not preflight:
            return None
        headers = dict(self.browsers.preflight(environ, path)) if preflight else {}
        if methods:
            headers["Allow"] = f"{methods}, OPTIONS"
        if "PATCH" in methods:
            headers |= ACCEPT_PATCH
        return Reply(204, headers=headers)

    def _whole(self, call: Call, environ: Environ, look: Look) -> Call:
        """The call with its body, which is read only for somebody who is known, at an address that
        exists.
        """
        if _NOT_ASCII.search(call.query):
            call = replace(call, query=_utf8_query(call.query), read={})
        if call.method in ("GET", "HEAD") and not environ.get("CONTENT_LENGTH"):
            return call
        encoding = call.header("content-encoding").strip().lower()
        if encoding not in ("", "identity"):
            raise UnsupportedMedia(
                f"a body is not sent compressed: `{encoding[:100]}`",
                headers={"Accept-Encoding": "identity"},
            )
        call = replace(call, body=self._read(environ), read={})
        if call.path.endswith("_search"):
            _look_of_form(dict(parameters(call)), look)
        return call

    def _read(self, environ: Environ) -> bytes:
        """The body; TooLarge beyond the limit, BadRequest when it is shorter than was said."""
        most = self.services.settings.max_body
        length = environ.get("CONTENT_LENGTH") or ""
        if length and not _LENGTH.fullmatch(length):
            raise BadRequest(f"`{length[:100]}` is no Content-Length")
        if length and int(length) > most:
            raise TooLarge(f"a body has at most {most} bytes")
        body: bytes = environ["wsgi.input"].read(int(length) if length else most + 1)
        if len(body) > most:
            raise TooLarge(f"a body has at most {most} bytes")
        if length and len(body) != int(length):
            raise BadRequest("the body ends before its Content-Length", code="incomplete")
        return body


def _call(environ: Environ, path: str) -> tuple[Call, FhirError | None]:
    """The call without its body, and what is wrong with its address or headers. One slash at the
    end of the path says nothing.
    """
    headers = {name: environ[key] for key, name in KEPT.items() if environ.get(key)}
    query = environ.get("QUERY_STRING", "")
    problem: FhirError | None = None
    if len(path) + len(query) > MAX_ADDRESS:
        problem = AddressTooLong(f"an address has at most {MAX_ADDRESS} characters: use POST")
        path, query = path[:100], ""
    for name in [name for name, value in headers.items() if len(value) > MAX_HEADER]:
        if name == "authorization":  # of a token that is too long `auth` says so
            continue
        problem = HeaderTooLarge(f"the header {name} has at most {MAX_HEADER} characters")
        del headers[name]
    if not path.isascii():  # WSGI hands it over as Latin-1 (PEP 3333)
        octets = path.encode("latin-1", "replace")
        try:
            path = octets.decode()
        except UnicodeError:
            path = octets.decode(errors="replace")
            problem = BadRequest("the path is not UTF-8", code="value")
    address = environ.get("REMOTE_ADDR", "")[:MAX_PEER]
    call = Call(environ["REQUEST_METHOD"], path.removesuffix("/"), query, headers, address=address)
    return call, problem


def _settle(call: Call, look: Look) -> None:
    """The format of FHIR content in the answer, first of all, so that refusals have it; of a Binary
    any `Accept` will do, its bytes are what they are.
    """
    try:
        look.format_ = wanted(call)
        check_charset(call)
    except NotAcceptable:
        if not _BYTES.match(call.path) or call.parameter("_format"):
            raise


def _utf8_query(query: str) -> str:
    try:
        text = query.encode("latin-1").decode()
        unquote_to_bytes(text).decode()
    except UnicodeError as problem:
        raise BadRequest(f"the query is not UTF-8: {problem}", code="value") from None
    return text


def _look_of_form(found: dict[str, str], look: Look) -> None:
    """The parameters of a search that came by POST count as if they stood in the address."""
    if found.get("_format"):
        look.format_ = named(found["_format"])
    look.pretty = pretty(found.get("_pretty", ""))


def _body(reply: Reply, look: Look) -> bytes:
    if reply.raw is not None:
        return reply.raw
    if not reply.text:
        return b""
    if look.format_ == JSON:
        return pretty_json(reply.text) if look.pretty else bytes(reply.text)
    text = xml_format.write(json_format.read(reply.text, max_depth=1_000_000))
    return pretty_xml(text) if look.pretty else text
