"""The entries of a Bundle of requests before they are done: their ids, their conditions, and that
no two are about one resource.

https://hl7.org/fhir/R4/http.html#transaction, https://hl7.org/fhir/R4/bundle.html#references
"""

from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Mapping

from fhir_server.fhir.dates import interval
from fhir_server.fhir.outcome import BadRequest
from fhir_server.interactions.conditional import Condition
from fhir_server.interactions.context import Context
from fhir_server.interactions.links import Links
from fhir_server.storage.version import Version
from mappings.identifiers import normal_uri

LATEST = 253_402_300_799  # the last second a date of HTTP can say; the first that matters is 0
HEADERS = (
    ("ifMatch", "if-match"),
    ("ifNoneMatch", "if-none-match"),
    ("ifNoneExist", "if-none-exist"),
)


@dataclass
class Planned:
    """One entry, before it is done: `place` in the Bundle, `id_` of what it creates or is about (""
    for none), `match` what its condition found.
    """

    place: int
    method: str
    url: str
    resource: dict[str, Any]
    full_url: str
    id_: str
    headers: Mapping[str, str] = field(default_factory=dict)
    condition: Condition | None = None
    match: Version | None = None
    links: Links | None = None  # to the other entries of its transaction

    @property
    def type_(self) -> str:
        return self.url.split("?")[0].split("/")[0]

    @property
    def address(self) -> str:
        """`Type/id` of the resource it writes; "" where there is none yet, or none at all."""
        return f"{self.type_}/{self.id_}" if self.id_ else ""

    @property
    def names(self) -> set[str]:
        """What no other entry may name: the resource it writes, its condition, its fullUrl."""
        writes = self.method not in ("GET", "HEAD")
        found = {self.address} if writes else set()
        found |= {self.condition.name} if writes and self.condition else set()
        found |= {self.full_url} if self.method in ("POST", "PUT") else set()
        return found - {""}

    @property
    def asks(self) -> str:
        """The condition as it is written, "" for none."""
        if self.method == "POST":
            return self.headers.get("if-none-exist", "")
        path, _, query = self.url.partition("?")
        one = "/" in path or self.method not in ("PUT", "PATCH", "DELETE")
        return "" if one else query or "?"


def plan(entry: Mapping[str, Any], place: int, context: Context) -> Planned:
    request = entry.get("request")
    if not request:
        raise BadRequest(
            "each entry needs a request",
            code="required",
            expression=f"Bundle.entry[{place}].request",
        )
    url = str(request["url"]).removeprefix(context.base).lstrip("/")
    headers = {header: str(request[name]) for name, header in HEADERS if name in request}
    if "ifModifiedSince" in request:  # an instant here, a date of HTTP there
        since = interval(str(request["ifModifiedSince"]))[0] // 1000
        headers["if-modified-since"] = formatdate(min(max(since, 0), LATEST), usegmt=True)
    method, path = str(request["method"]), url.split("?")[0]
    if method == "POST":
        id_ = "" if "/" in path or "$" in path else context.new_id()
    else:
        id_ = path.partition("/")[2]
    resource = dict(entry.get("resource", {}))
    return Planned(place, method, url, resource, entry.get("fullUrl", ""), id_, headers)


def refuse_overlap(planned: list[Planned]) -> None:
    """Two entries that write one resource, ask one condition or have one fullUrl: the outcome would
    depend on their order.
    """
    seen = set[str]()
    for entry in planned:
        if twice := entry.names & seen:
            asks_again = entry.condition is not None and entry.condition.name in twice
            shown = entry.asks if asks_again else min(twice)
            raise BadRequest(
                f"`{shown[:100]}` is in two entries",
                code="duplicate",
                expression=f"Bundle.entry[{entry.place}]",
            )
        seen |= entry.names


def addresses_of(planned: list[Planned], base: str) -> dict[str, str]:
    """fullUrl, and the address here → `Type/id` of what each entry makes or changes."""
    writes = [entry for entry in planned if entry.method in ("POST", "PUT") and entry.address]
    here = {f"{base}/{entry.address}": entry.address for entry in writes}
    named = {entry.full_url: entry.address for entry in writes if entry.full_url}
    return here | named | {normal_uri(url): address for url, address in named.items()}
