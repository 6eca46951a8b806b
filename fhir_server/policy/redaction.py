"""Which parts of a resource lead to what may be hidden, and the resource without those that do.

`contract.md` section 7, lists of references: entries that lead to hidden documents are left out, in
every version; of traces entities that lead to anything hidden.
"""

from typing import Any, Mapping

from fhir_server.fhir.reference import DOCUMENTS, Local, Remote, parse

Resource = Mapping[str, Any]

# Type → the list element whose items may lead to a document, and where in the item the reference
# stands.
LISTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "List": (("entry", "item"),),
    "DocumentReference": (("relatesTo", "target"),),
    "Consent": (("provision", "data", "reference"),),
    "AuditEvent": (("entity", "what"),),
    "DocumentManifest": (("content",),),
    "Composition": (("relatesTo", "targetReference"),),
}


# Of a trace, also what else may be hidden from its reader, such as the Provenance of a document.
OF_ANY_TYPE = LISTS["AuditEvent"]


def removable_links(resource: Resource) -> tuple[tuple[str, str], ...]:
    """Type and id of what each item of `resource` leads to that may be left out."""
    return tuple(
        address
        for path in LISTS.get(resource["resourceType"], ())
        for item in _items(resource, path)
        if (address := _address(item, path)) is not None
    )


def without(resource: Resource, hidden: frozenset[tuple[str, str]]) -> dict[str, Any]:
    """`resource` without the items that lead to `hidden`; an element left empty is left out."""
    kept = dict(resource)
    for path in LISTS.get(resource["resourceType"], ()):
        _prune(kept, path, hidden)
    return kept


def restored(resource: Resource, shown: Resource, full: Resource) -> dict[str, Any]:
    """`resource`, made from what its writer was shown, with the items that were left out of it.

    In a list that he changed these come last: he cannot have meant to take out what he did not see.
    """
    kept = dict(resource)
    for path in LISTS.get(resource["resourceType"], ()):
        before, all_items = _items(shown, path), _items(full, path)
        if before != all_items:
            now = _items(resource, path)
            hidden = [item for item in all_items if item not in before]
            _put(kept, _holder(resource, path), all_items if now == before else [*now, *hidden])
    return kept


def _put(resource: dict[str, Any], names: tuple[str, ...], items: list[Mapping[str, Any]]) -> None:
    holder = resource
    for name in names[:-1]:
        if name not in holder:
            return
        holder[name] = dict(holder[name])
        holder = holder[name]
    holder[names[-1]] = items


def _holder(resource: Resource, path: tuple[str, ...]) -> tuple[str, ...]:
    """The names down to the list; all but the last name of `path`, or all of it when it is one
    name.
    """
    return path[:-1] if len(path) > 1 else path


def _items(resource: Resource, path: tuple[str, ...]) -> list[Mapping[str, Any]]:
    value: Any = resource
    for name in _holder(resource, path):
        value = value.get(name, {}) if isinstance(value, Mapping) else {}
    return value if isinstance(value, list) else []


def _address(item: Mapping[str, Any], path: tuple[str, ...]) -> tuple[str, str] | None:
    """The document an item leads to, of a trace whatever it leads to, at whatever address this
    server may have had; one that nothing lies at for what cannot be read.
    """
    element = item.get(path[-1], {}) if len(path) > 1 else item
    text = str(element.get("reference", ""))
    if not text:
        return None
    try:
        reference = parse(text, base="")
    except ValueError:
        return ("", text)
    if isinstance(reference, Local | Remote) and (
        reference.type_ in DOCUMENTS or (path in OF_ANY_TYPE and reference.type_)
    ):
        return reference.type_, reference.id_
    return None


def _prune(
    resource: dict[str, Any], path: tuple[str, ...], hidden: frozenset[tuple[str, str]]
) -> None:
    names = _holder(resource, path)
    holder = resource
    for name in names[:-1]:
        if name not in holder:
            return
        holder[name] = dict(holder[name])
        holder = holder[name]
    items = holder.get(names[-1])
    if items is None:
        return
    kept = [item for item in items if _address(item, path) not in hidden]
    if kept:
        holder[names[-1]] = kept
    else:
        del holder[names[-1]]


def minimal_patient(patient: Resource, extensions: frozenset[str]) -> dict[str, Any]:
    """What any professional may know of a Patient: identity, whether the record is open, the
    closing, the doctor.
    """
    kept = {
        name: patient[name]
        for name in ("resourceType", "id", "meta", "identifier", "active")
        if name in patient
    }
    shown = [
        extension
        for extension in patient.get("extension", ())
        if extension.get("url") in extensions
    ]
    if shown:
        kept["extension"] = shown
    meta = dict(kept.get("meta", {}))
    meta.pop("profile", None)
    meta["tag"] = [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
    ]
    return kept | {"meta": meta}
