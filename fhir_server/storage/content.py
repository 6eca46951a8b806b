"""What storage reads out of a resource's content."""

from typing import Any, Mapping

from fhir_server.fhir.dates import EARLIEST, interval
from fhir_server.fhir.json_format import read
from fhir_server.fhir.own_addresses import BYTES
from fhir_server.fhir.reference import Local, parse

Resource = Mapping[str, Any]


def content_of(body: bytes) -> dict[str, Any]:
    """A stored JSON text as a resource; what lies in the store has been checked, however deep it
    is.
    """
    return read(bytes(body), max_depth=1_000_000)


def local(text: str, base: str) -> Local | None:
    """The resource of this server that a reference leads to; None for any other."""
    try:
        reference = parse(text, base=base)
    except ValueError:
        return None
    return reference if isinstance(reference, Local) else None


def byte_addresses(document: Resource, base: str) -> list[tuple[str, str]]:
    """The addresses here that a document gives for its bytes."""
    if document["resourceType"] != "DocumentReference":
        return []
    urls = [content.get("attachment", {}).get("url", "") for content in document.get("content", ())]
    targets = [local(url, base) for url in urls]
    return [(t.type_, t.id_) for t in targets if t is not None and t.type_ in BYTES]


def birth(patient: Resource) -> int:
    """The last millisecond the holder may have been born, so that a partial date makes nobody older
    than he is.

    Without a date of birth: always of age (R050 needs a proof of minority, which the operator
    gives).
    """
    text = patient.get("birthDate")
    if not text:
        return EARLIEST
    try:
        return interval(text)[1] - 1
    except ValueError:
        return EARLIEST
