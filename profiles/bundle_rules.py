"""What holds of every Bundle, by its type: bdl-1 to bdl-12 (R4 has no bdl-6).

https://hl7.org/fhir/R4/bundle.html#invs
"""

from collections.abc import Iterator, Mapping
from typing import Any

REQUESTED = ("batch", "transaction", "history")
ANSWERED = ("batch-response", "transaction-response", "history")
FIRST = {"document": ("bdl-11", "Composition"), "message": ("bdl-12", "MessageHeader")}

Bundle = Mapping[str, Any]


def faults(bundle: Bundle) -> Iterator[tuple[str, str]]:
    """Each invariant that `bundle` breaks, for people, and where: a path below the Bundle.

    Parts that are not what a Bundle has are passed over: its structure is judged elsewhere.
    """
    kind, found = str(bundle.get("type", "")), bundle.get("entry")
    entries = found if isinstance(found, list) else []
    if kind not in ("searchset", "history") and _has(bundle, "total"):
        yield "bdl-1: only a searchset or a history has a total", "total"
    if kind == "document":
        yield from _of_document(bundle)
    if kind in FIRST:
        rule, type_ = FIRST[kind]
        if not entries or _resource(entries[0]).get("resourceType") != type_:
            yield f"{rule}: the first resource of a {kind} is a {type_}", "entry[0].resource"
    for number, entry in enumerate(entries):
        if isinstance(entry, dict):
            yield from _of_entry(entry, kind, f"entry[{number}]")
    if kind != "history":
        yield from _of_addresses(entries)


def _of_document(bundle: Bundle) -> Iterator[tuple[str, str]]:
    identifier = bundle.get("identifier")
    if not (isinstance(identifier, dict) and all(_has(identifier, n) for n in ("system", "value"))):
        yield "bdl-9: a document has an identifier with a system and a value", "identifier"
    if "timestamp" not in bundle:
        yield "bdl-10: a document has a timestamp", "timestamp"


def _of_entry(entry: Mapping[str, Any], kind: str, at: str) -> Iterator[tuple[str, str]]:
    if "search" in entry and kind != "searchset":
        yield f"bdl-2: an entry of a {kind} has no `search`", f"{at}.search"
    for rule, name, kinds in (("bdl-3", "request", REQUESTED), ("bdl-4", "response", ANSWERED)):
        if (name in entry) != (kind in kinds):
            no = "no" if name in entry else "a"
            yield f"{rule}: an entry of a {kind} has {no} `{name}`", f"{at}.{name}"
    if not any(name in entry for name in ("resource", "request", "response")):
        yield "bdl-5: an entry has a resource, a request or a response", at
    if "/_history/" in str(entry.get("fullUrl", "")):
        yield "bdl-8: a fullUrl names no version", f"{at}.fullUrl"


def _of_addresses(entries: list[Any]) -> Iterator[tuple[str, str]]:
    seen: set[tuple[str, str]] = set()
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("fullUrl"), str):
            continue
        meta = _resource(entry).get("meta")
        version = str(meta.get("versionId", "")) if isinstance(meta, dict) else ""
        address = entry["fullUrl"], version
        if address in seen:
            text = f"bdl-7: another entry has the fullUrl `{address[0][:100]}`"
            yield text, f"entry[{number}].fullUrl"
        seen.add(address)


def _resource(entry: Any) -> Mapping[str, Any]:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    return resource if isinstance(resource, dict) else {}


def _has(value: Mapping[str, Any], primitive: str) -> bool:
    return primitive in value or "_" + primitive in value
