"""Ask a resource a question, as a search would: query string, index and match together."""

from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from fhir_server.fhir.dates import milliseconds
from fhir_server.search.extract import extract
from fhir_server.search.match import Found, matches
from fhir_server.search.parse import parse
from fhir_server.search.query import Query

BASE = "http://127.0.0.1:8080/fhir"
NOW = milliseconds("2026-11-24T06:00:00.000Z")

_JSON = msgspec.json.Decoder(float_hook=Decimal)


def read_json(file: Path) -> dict[str, Any]:
    resource: dict[str, Any] = _JSON.decode(file.read_bytes())
    return resource


def query(text: str, *, strict: bool = False) -> Query:
    """`DocumentReference?status=current` as a Query."""
    type_, _, parameters = text.partition("?")
    pairs = parse_qsl(parameters, keep_blank_values=True)
    return parse(type_, pairs, base=BASE, now=NOW, page_size=20, max_page=500, strict=strict)


def as_found(resource: dict[str, Any]) -> Found:
    updated = resource.get("meta", {}).get("lastUpdated", "2026-11-01T00:00:00.000Z")
    return Found(extract(resource, base=BASE), resource.get("id", ""), milliseconds(updated))


def finds(text: str, resource: dict[str, Any], *others: dict[str, Any]) -> bool:
    """Say whether the search `text` finds `resource`, among `others` for its chains."""
    stored = {(other["resourceType"], other["id"]): as_found(other) for other in others}
    index, id_, updated, _ = as_found(resource)
    where = query(text).where
    return matches(
        where, index, id_=id_, updated=updated, follow=lambda type_, id_: stored.get((type_, id_))
    )


def finds_value(parameter: str, value: str, resource: dict[str, Any]) -> bool:
    """The same with a value that is already decoded."""
    pairs = [(parameter, value)]
    asked = parse(resource["resourceType"], pairs, base=BASE, now=NOW, page_size=20, max_page=500)
    assert asked.used == tuple(pairs)
    index, id_, updated, _ = as_found(resource)
    return matches(asked.where, index, id_=id_, updated=updated, follow=lambda *_: None)
