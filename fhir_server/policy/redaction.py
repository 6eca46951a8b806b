"""Which parts of a resource lead to what may be hidden, and the resource without those that do.

`contract.md` section 7, lists of references: entries that lead to hidden documents are left out, in
every version; of traces entities that lead to anything hidden.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fhir_server.fhir.reference import DOCUMENTS, Local, Remote, Urn, elements, parse

Resource = Mapping[str, Any]
TYPE = "DocumentReference"

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
# A Composition relates to Compositions: no identifier there is a document's.
BY_ADDRESS = (OF_ANY_TYPE, LISTS["Composition"])


def removable_links(resource: Resource) -> tuple[tuple[str, str], ...]:
    """Type and id of what each item of `resource` leads to that may be left out."""
    contained = _contained(resource)
    return tuple(
        address
        for path in LISTS.get(resource["resourceType"], ())
        for item in _items(resource, path)
        if (address := _address(item, path, contained)) is not None
    )


def without(resource: Resource, hidden: frozenset[tuple[str, str]]) -> dict[str, Any]:
    """`resource` without the items that lead to `hidden`, and without what it contained for them;
    an element left empty is left out.
    """
    kept = dict(resource)
    for path in LISTS.get(resource["resourceType"], ()):
        _prune(kept, path, hidden)
    return without_orphans(kept, resource)


def without_orphans(kept: dict[str, Any], before: Resource) -> dict[str, Any]:
    """`kept` without the contained resources to which it refers no more, as it did `before`."""
    contained = before.get("contained", ())
    if not contained or kept == before:
        return kept
    rest = {name: value for name, value in kept.items() if name != "contained"}
    was = {name: value for name, value in before.items() if name != "contained"}
    used, used_before = _led_inside(rest, contained), _led_inside(was, contained)
    left = [one for one in contained if one.get("id") in used or one.get("id") not in used_before]
    return {
        name: left if name == "contained" else value
        for name, value in kept.items()
        if name != "contained" or left
    }


def _led_inside(value: Any, contained: Sequence[Resource]) -> set[str]:
    """The ids of contained resources that `value` refers to, by way of each other too."""
    by_id, found, waiting = {one.get("id"): one for one in contained}, set[str](), [value]
    while waiting:
        for element in elements(waiting.pop()):
            id_ = element["reference"][1:]
            if element["reference"].startswith("#") and id_ in by_id and id_ not in found:
                found.add(id_)
                waiting.append(by_id[id_])
    return found


def names_document(element: Resource, contained: Mapping[str, Resource]) -> bool:
    """Whether an item names a document in a way that does not lead to it by an address: by its
    identifier, or by what is contained.
    """
    text = str(element.get("reference", ""))
    if text.startswith("#"):
        return contained.get(text, {}).get("resourceType") in DOCUMENTS
    return not text and "identifier" in element and element.get("type", TYPE) in DOCUMENTS


ChangeItem = Callable[[Resource, str], Resource]  # Reference, its FHIRPath → Reference


def changed_items(resource: Resource, change: ChangeItem) -> dict[str, Any]:
    """`resource` with each Reference that may be left out as `change` makes it."""
    made = dict(resource)
    for path in LISTS.get(resource["resourceType"], ()):
        items, names = _items(resource, path), _holder(resource, path)
        where = ".".join((resource["resourceType"], *names))
        if not items:
            continue
        if len(path) == 1:
            found = [change(item, f"{where}[{n}]") for n, item in enumerate(items)]
        else:
            found = [
                dict(item) | {path[-1]: change(item[path[-1]], f"{where}[{n}].{path[-1]}")}
                if path[-1] in item
                else item
                for n, item in enumerate(items)
            ]
        _put(made, names, found)
    return made


def nested_documents(resource: Resource) -> str:
    """Where an exception of a consent names single documents, which nothing leaves out; "" where
    none does.
    """
    if resource["resourceType"] != "Consent":
        return ""
    waiting = [("Consent.provision", resource.get("provision", {}))]
    while waiting:
        at, provision = waiting.pop()
        for n, nested in enumerate(provision.get("provision", ())):
            inner = f"{at}.provision[{n}]"
            waiting.append((inner, nested))
            items = nested.get("data", ())
            if any(_address(item, ("provision", "data", "reference"), {}) for item in items):
                return f"{inner}.data"
    return ""


def _contained(resource: Resource) -> dict[str, Resource]:
    return {f"#{one.get('id')}": one for one in resource.get("contained", ())}


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


def _address(
    item: Mapping[str, Any], path: tuple[str, ...], contained: Mapping[str, Resource]
) -> tuple[str, str] | None:
    """The document an item leads to, of a trace whatever it leads to, at whatever address this
    server may have had; one that nothing lies at for what cannot be read, or names a document
    otherwise than by its address.
    """
    element = item.get(path[-1], {}) if len(path) > 1 else item
    text = str(element.get("reference", ""))
    by_name = not any(path in paths for paths in BY_ADDRESS)
    if by_name and names_document(element, contained):
        return ("", text or "identifier")
    if not text:
        return None
    try:
        reference = parse(text, base="")
    except ValueError:
        return ("", text)
    if isinstance(reference, Urn) and by_name:
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
    contained = _contained(resource)
    kept = [item for item in items if _address(item, path, contained) not in hidden]
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
