"""Bundles of answers, made by splicing stored texts; what references in Bundles are relative to.

https://hl7.org/fhir/R4/bundle.html
"""

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Iterable, Mapping, Sequence
from urllib.parse import urlencode

import msgspec

_ENCODER = msgspec.json.Encoder()
_REST = re.compile(r"(.*/)[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")


def root_of(full_url: str) -> str:
    """The base of a RESTful fullUrl, with its slash, to which the references of its entry are
    relative; "" of any other.
    """
    match = _REST.fullmatch(full_url)
    return match[1] if match else ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an answer; `text` is the resource's JSON, "" for none; `more` the other members.
    """

    full_url: str
    text: bytes
    more: dict[str, Any]


def bundle(
    kind: str,
    entries: Iterable[Entry],
    *,
    total: int | None = None,
    links: Sequence[tuple[str, str]] = (),
    id_: str = "",
    updated: str = "",
    more: Mapping[str, Any] = MappingProxyType({}),
) -> bytes:
    """The JSON text of a Bundle; `links` are (relation, url), `more` other members."""
    head: dict[str, Any] = {"resourceType": "Bundle"}
    if id_:
        head["id"] = id_
    if updated:
        head["meta"] = {"lastUpdated": updated}
    head |= {**more, "type": kind}
    if total is not None:
        head["total"] = total
    if links:
        head["link"] = [{"relation": relation, "url": url} for relation, url in links]
    found = [_entry(entry) for entry in entries]
    if found:
        head["entry"] = found
    return _ENCODER.encode(head)


def _entry(entry: Entry) -> dict[str, Any]:
    made: dict[str, Any] = {"fullUrl": entry.full_url} if entry.full_url else {}
    if entry.text:
        made["resource"] = msgspec.Raw(entry.text)
    return made | entry.more


def self_link(base: str, path: str, used: Sequence[tuple[str, str]], cursor: str = "") -> str:
    """The address of a search, with the parameters that had an effect; `path` "" for that of all
    types.
    """
    pairs = [*used, *([("_cursor", cursor)] if cursor else [])]
    address = f"{base}/{path}" if path else base
    return f"{address}?{urlencode(pairs, safe=':/|,$')}" if pairs else address
