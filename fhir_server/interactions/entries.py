"""The entries of a Bundle of requests before they are done: their ids, and what they refer to.

https://hl7.org/fhir/R4/http.html#transaction, https://hl7.org/fhir/R4/bundle.html#references
"""

import re
from dataclasses import dataclass
from typing import Any, Mapping

from fhir_server.fhir.outcome import BadRequest
from fhir_server.interactions.context import Context

_REST = re.compile(r"(?:^|/)([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})$")


@dataclass
class Planned:
    """One entry, before it is done: `place` in the Bundle, the id a POST will get."""

    place: int
    method: str
    url: str
    resource: dict[str, Any]
    full_url: str
    id_: str
    headers: Mapping[str, str]

    @property
    def type_(self) -> str:
        return self.url.split("?")[0].split("/")[0]

    @property
    def address(self) -> str:
        return f"{self.type_}/{self.id_}"


def plan(entry: Mapping[str, Any], place: int, context: Context) -> Planned:
    request = entry.get("request")
    if not request:
        raise BadRequest(
            "each entry needs a request",
            code="required",
            expression=f"Bundle.entry[{place}].request",
        )
    url = str(request["url"]).removeprefix(context.base).lstrip("/")
    headers = {
        header: str(request[name])
        for name, header in (
            ("ifMatch", "if-match"),
            ("ifNoneMatch", "if-none-match"),
            ("ifNoneExist", "if-none-exist"),
        )
        if name in request
    }
    resource = dict(entry.get("resource", {}))
    new = context.new_id() if request["method"] == "POST" else ""
    return Planned(place, request["method"], url, resource, entry.get("fullUrl", ""), new, headers)


def refuse_overlap(planned: list[Planned]) -> None:
    """Two entries for one resource, or two with one fullUrl: the outcome would depend on their
    order.
    """
    touched = [
        entry.url.split("?")[0]
        for entry in planned
        if entry.method in ("PUT", "DELETE", "PATCH") and "?" not in entry.url
    ]
    named = [
        entry.full_url for entry in planned if entry.full_url and entry.method in ("POST", "PUT")
    ]
    for found in (touched, named):
        twice = {one for one in found if found.count(one) > 1}
        if twice:
            raise BadRequest(f"`{min(twice)[:100]}` is in two entries", code="duplicate")


def addresses_of(planned: list[Planned]) -> dict[str, str]:
    """fullUrl (and, of a RESTful one, its relative form) → the address the entry will have."""
    found: dict[str, str] = {}
    for entry in planned:
        if entry.method not in ("POST", "PUT") or not entry.full_url:
            continue
        address = entry.address if entry.method == "POST" else entry.url
        found[entry.full_url] = address
        rest = _REST.search(entry.full_url)
        if rest and entry.method == "POST":
            found.setdefault(rest[1], address)
    return found


def resolved(value: Any, addresses: Mapping[str, str], base: str) -> Any:
    """`value` with references to entries in place of their fullUrls; the address of a document's
    bytes becomes absolute.
    """
    if isinstance(value, list):
        return [resolved(item, addresses, base) for item in value]
    if not isinstance(value, dict):
        return value
    made = {name: resolved(item, addresses, base) for name, item in value.items()}
    reference = made.get("reference")
    if isinstance(reference, str) and reference in addresses:
        made["reference"] = addresses[reference]
    url = made.get("url")
    if isinstance(url, str) and url in addresses and "extension" not in made:
        made["url"] = f"{base}/{addresses[url]}"
    return made
