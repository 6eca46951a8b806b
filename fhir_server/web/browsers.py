"""What pages of other origins may do in a browser: CORS, and what keeps them out without tokens.

https://fetch.spec.whatwg.org/#http-cors-protocol, https://hl7.org/fhir/R4/security.html#cors

With tokens any page may ask: a browser adds no token by itself, so the page has one. Without tokens
(FHIR_AUTH=off) every page that a browser on this machine shows could read and write all; so foreign
pages are refused, and so are names that lead to this machine without being its own (DNS rebinding).
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from fhir_server.fhir.outcome import Forbidden
from fhir_server.settings import Settings, is_loopback

Headers = list[tuple[str, str]]

EXPOSED = (
    "Access-Control-Expose-Headers",
    "Accept-Patch, Accept-Ranges, Allow, Content-Location, Content-Range, ETag, Last-Modified, "
    "Location, WWW-Authenticate, X-Correlation-Id, X-Request-Id, X-Security-Context",
)
METHODS = ("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
MAX_AGE = ("Access-Control-Max-Age", "7200")  # seconds; browsers keep it no longer
_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1000}", re.ASCII)


class Browsers:
    """The rules of this server for pages in a browser."""

    def __init__(self, settings: Settings) -> None:
        self.tokens = settings.auth == "required"
        self.host = urlsplit(settings.base_url).hostname
        self.public = f"{urlsplit(settings.base_url).path}/metadata"
        self.origins = settings.origins

    def check(self, environ: Mapping[str, Any]) -> None:
        """Forbidden, where there are no tokens, for a foreign page and for a foreign name."""
        if self.tokens:
            return
        host, origin = environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN", "")
        name = _name(host) if host else self.host
        if name != self.host and not is_loopback(name or ""):
            raise Forbidden(f"without tokens only this machine is served, not `{host[:100]}`")
        own = origin in self.origins or (host and urlsplit(origin).netloc == host)
        if origin and not own:
            raise Forbidden(f"without tokens pages of `{origin[:100]}` are not served")

    def headers(self, environ: Mapping[str, Any], path: str) -> Headers:
        """Those that let the page read the answer, if it may."""
        origin = environ.get("HTTP_ORIGIN", "")
        if "*" in self.origins or (self.tokens and path == self.public):
            return [("Access-Control-Allow-Origin", "*"), EXPOSED]
        if origin in self.origins:
            return [("Access-Control-Allow-Origin", origin), EXPOSED]
        return []

    def preflight(self, environ: Mapping[str, Any], path: str) -> Headers:
        """The answer to what a browser asks before it lets the page send its request."""
        allowed = self.headers(environ, path)
        if not allowed:
            return []
        names = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
        more = [("Access-Control-Allow-Headers", names)] if _NAMES.fullmatch(names) else []
        return [*allowed, METHODS, *more, MAX_AGE]


@lru_cache(maxsize=64)
def _name(host: str) -> str | None:
    """The name in a `Host` header, None where there is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
