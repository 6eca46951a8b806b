"""WSGI request → Call → serve → Reply → WSGI response, for everything below the base address.

https://hl7.org/fhir/R4/http.html. It stands in front of Flask's own routing: a Flask request and
response cost 50 µs, a fifth of what a read may take (design, `libraries.md` 5); Flask serves what
is for people.
"""

import re
from typing import Any, Callable, Iterable
from urllib.parse import urlsplit

from werkzeug.http import HTTP_STATUS_CODES

from fhir_server.fhir import json_format, xml_format
from fhir_server.fhir.formats import JSON, wanted
from fhir_server.fhir.http import Call, Reply
from fhir_server.fhir.outcome import BadRequest, FhirError, TooLarge
from fhir_server.serve import Services, serve

Environ = dict[str, Any]
StartResponse = Callable[..., object]
Application = Callable[[Environ, Any], Iterable[bytes]]

_LENGTH = re.compile(r"[0-9]{1,18}")
# Headers of HTTP itself that say nothing to an interaction are left behind.
KEPT = {
    "HTTP_ACCEPT": "accept",
    "HTTP_AUTHORIZATION": "authorization",
    "HTTP_PREFER": "prefer",
    "HTTP_IF_MATCH": "if-match",
    "HTTP_IF_NONE_MATCH": "if-none-match",
    "HTTP_IF_NONE_EXIST": "if-none-exist",
    "HTTP_X_PROVENANCE": "x-provenance",
    "HTTP_X_REQUEST_ID": "x-request-id",
    "CONTENT_TYPE": "content-type",
}


class Api:
    """Answers below the path of the base address; hands everything else on."""

    def __init__(self, rest: Application, services: Services) -> None:
        self.rest, self.services = rest, services
        self.root = urlsplit(services.settings.base_url).path

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path != self.root and not path.startswith(self.root + "/"):
            return self.rest(environ, start_response)
        reply, format_ = self._reply(environ, path)
        body = _body(reply, format_, environ)
        headers = [(name, value) for name, value in reply.headers.items()]
        media = reply.media if reply.raw is not None else f"{format_};charset=utf-8"
        if body or reply.raw is not None:
            headers.append(("Content-Type", media))
        if reply.status not in (204, 304):  # which have no body, nor the length of one (RFC 9110)
            headers.append(("Content-Length", str(len(body))))
        headers += [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
        if reply.raw is not None:  # a browser that opens a document runs nothing of it
            headers.append(("Content-Security-Policy", "sandbox; default-src 'none'"))
        start_response(f"{reply.status} {HTTP_STATUS_CODES.get(reply.status, 'Unknown')}", headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _reply(self, environ: Environ, path: str) -> tuple[Reply, str]:
        format_ = JSON
        try:
            headers = {name: environ[key] for key, name in KEPT.items() if environ.get(key)}
            bare = Call(
                environ["REQUEST_METHOD"],
                _decoded(path[len(self.root) :].strip("/")),
                environ.get("QUERY_STRING", ""),
                headers,
            )
            format_ = wanted_or_bytes(bare)
            call = Call(bare.method, bare.path, bare.query, headers, self._read(environ))
        except FhirError as refusal:
            return Reply(
                refusal.status, json_format.write(refusal.outcome()), dict(refusal.headers)
            ), format_
        return serve(call, self.services), format_

    def _read(self, environ: Environ) -> bytes:
        """The body; TooLarge beyond the limit, BadRequest when it is shorter than was said."""
        most = self.services.settings.max_body
        length = environ.get("CONTENT_LENGTH") or ""
        if length and not _LENGTH.fullmatch(length):
            raise BadRequest(f"`{length[:100]}` is no Content-Length")
        if length and int(length) > most:
            raise TooLarge(f"a body has at most {most} bytes")
        if environ["REQUEST_METHOD"] in ("GET", "HEAD") and not length:
            return b""
        body: bytes = environ["wsgi.input"].read(int(length) if length else most + 1)
        if len(body) > most:
            raise TooLarge(f"a body has at most {most} bytes")
        if length and len(body) != int(length):
            raise BadRequest("the body ends before its Content-Length", code="incomplete")
        return body


def _decoded(path: str) -> str:
    """WSGI hands a path over as Latin-1 (PEP 3333); BadRequest when it is not UTF-8."""
    if path.isascii():
        return path
    try:
        return path.encode("latin-1").decode()
    except UnicodeError:
        raise BadRequest("the path is not UTF-8", code="value") from None


def wanted_or_bytes(call: Call) -> str:
    """The format of FHIR content in the answer; of a Binary any `Accept` will do, its bytes are
    what they are.
    """
    if call.path.startswith("Binary/") and not call.parameter("_format"):
        try:
            return wanted(call)
        except FhirError:
            return JSON
    return wanted(call)


def _body(reply: Reply, format_: str, environ: Environ) -> bytes:
    if reply.raw is not None:
        return reply.raw
    if not reply.text:
        return b""
    if format_ != JSON:
        return xml_format.write(json_format.read(reply.text, max_depth=1_000_000))
    if "_pretty=true" in environ.get("QUERY_STRING", ""):
        return json_format.write_pretty(json_format.read(reply.text, max_depth=1_000_000))
    return bytes(reply.text)
