"""Part of a resource, as `_summary` and `_elements` ask for it, marked SUBSETTED.

https://hl7.org/fhir/R4/search.html#summary, #elements; isSummary, isModifier and min are those of
the definitions.

Some things stay that nobody named, since what is left would be wrong without them: modifier
extensions and implicit rules, contained resources that what is left refers to, and what stands in
for a missing value (`_status` with its data-absent-reason).
"""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Iterable, Iterator, Literal, Mapping, Sequence

from fhir_server.fhir.outcome import BadRequest
from profiles.definitions import Element, r4

Resource = Mapping[str, Any]
Summary = Literal["true", "text", "data", "count", "false"]

SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}
SUMMARIES: Mapping[str, Summary] = {
    "true": "true", "text": "text", "data": "data", "count": "count", "false": "false",
}  # fmt: skip
ALWAYS = frozenset({"resourceType", "id", "meta", "implicitRules", "modifierExtension"})


@dataclass(frozen=True, slots=True)
class Subset:
    """What is left of each resource of an answer: a summary, or the elements of these names."""

    summary: Summary
    elements: tuple[str, ...] = ()

    def of(self, resource: Resource) -> Resource:
        """The part of `resource` that was asked for; all of it, when the elements named are of
        other types alone.
        """
        match self.summary:
            case "true":
                kept = _summary(resource, resource["resourceType"])
            case "text":
                kept = {n: v for n, v in resource.items() if _is_told(resource, n)}
            case "data":
                kept = {n: v for n, v in resource.items() if n != "text"}
            case _:
                names = self._names(resource["resourceType"])
                if not names:
                    return resource
                kept = {n: v for n, v in resource.items() if _is_chosen(resource, n, names)}
        return _marked(_whole(resource, kept, self.summary == "true"))

    def _names(self, type_: str) -> frozenset[str]:
        """The elements named for this type: by their name, or by it behind the name of the type."""
        pairs = [_split(name) for name in self.elements]
        return frozenset(name for of, name in pairs if of in ("", type_))


def subset_asked(
    pairs: Iterable[tuple[str, str]], *, type_: str = "", counts: bool = False, strict: bool = False
) -> Subset | None:
    """What the parameters of a request leave of each resource; None for all, or for none at all.

    Of `_summary` the last holds. `type_`: of the resources asked for, "" for any. `counts`: whether
    this can be answered with a count. BadRequest for an unknown summary, for both parameters
    together, and when `strict` for an element that no such resource has.
    """
    summary: Summary = "false"
    elements: list[str] = []
    for name, value in pairs:
        if name == "_summary" and value:
            summary = _read_summary(value, counts)
        elif name == "_elements":
            elements += [part.strip() for part in value.split(",") if part.strip()]
    if summary != "false" and elements:
        raise BadRequest("`_elements` and `_summary` exclude each other", code="invalid")
    for element in elements if strict else ():
        _check_element(element, type_)
    if summary == "count" or (summary == "false" and not elements):
        return None
    return Subset(summary, tuple(elements))


def is_subset(resource: Resource) -> bool:
    """Whether a resource says of itself that it is not all there."""
    tags = resource.get("meta", {}).get("tag", ())
    return any(SUBSETTED.items() <= tag.items() for tag in tags)


def _read_summary(value: str, counts: bool) -> Summary:
    if value not in SUMMARIES:
        raise BadRequest(f"`{value[:100]}` is no value of `_summary`", code="value")
    if value == "count" and not counts:
        raise BadRequest("`_summary=count` is for searches", code="not-supported")
    return SUMMARIES[value]


def _split(element: str) -> tuple[str, str]:
    """Type ("" for any) and name of an element as it was named: `name`, `value[x]`, `Patient.name`.
    """
    of, dot, name = element.partition(".")
    return (of, name.removesuffix("[x]")) if dot and r4().is_resource(of) else (
        "", element.removesuffix("[x]")
    )  # fmt: skip


def _check_element(element: str, type_: str) -> None:
    of, name = _split(element)
    types: Sequence[str] = [of] if of else [type_] if type_ else r4().resources
    if (type_ and of not in ("", type_)) or not any(
        name in r4().types[one].by_name or name in r4().types[one].members for one in types
    ):
        raise BadRequest(f"there is no element `{element[:100]}`", code="not-supported")


def _element(type_: str, member: str) -> tuple[Element, str]:
    return r4().types[type_].members[member.removeprefix("_")]


def _is_told(resource: Resource, member: str) -> bool:
    """Whether `_summary=text` has it: the narrative and what is mandatory."""
    if member in ALWAYS or member == "text":
        return True
    return _element(resource["resourceType"], member)[0].min > 0


def _is_chosen(resource: Resource, member: str, names: frozenset[str]) -> bool:
    """Whether `_elements` has it: what was named, what is mandatory, what modifies."""
    if member in ALWAYS:
        return True
    element, _ = _element(resource["resourceType"], member)
    chosen = element.name in names or member.removeprefix("_") in names
    return chosen or element.min > 0 or element.modifier


def _summary(value: Resource, type_: str) -> dict[str, Any]:
    """An object without what is neither marked as summary, mandatory nor a modifier, all the way
    down.
    """
    kept: dict[str, Any] = {}
    for member, item in value.items():
        if member == "resourceType":
            kept[member] = item
            continue
        element, inner = _element(type_, member)
        if not (element.summary or element.modifier or element.min):
            continue
        if member.startswith("_"):
            item = _stand_in(item, value.get(member[1:]))
        elif inner != "Extension" and not r4().types[inner].primitive:
            item = _summaries(item, inner, element.min > 0)
        if item is not None:
            kept[member] = item
    return kept


def _summaries(item: Any, type_: str, mandatory: bool) -> Any:
    """The summaries of an element, repeated or not; None where nothing is left."""
    if isinstance(item, list):
        found = [_one_summary(one, type_, mandatory) for one in item]
        return [one for one in found if one is not None] or None
    return _one_summary(item, type_, mandatory)


def _one_summary(item: Resource, type_: str, mandatory: bool) -> Resource | None:
    """An element that would be empty stays as it is when it must be there or has no other content
    than what stands in for it.
    """
    if type_ == "Resource":
        return Subset("true").of(item)
    kept = _summary(item, type_)
    return kept or (item if mandatory or item.keys() <= {"id", "extension"} else None)


def _stand_in(sibling: Any, value: Any) -> Any:
    """Of the sibling of a primitive, what stands where the primitive has no value."""
    if not isinstance(sibling, list):
        return sibling if value is None else None
    pairs = zip_longest(sibling, value or ())
    found = [one if of is None else None for one, of in pairs]
    return found if any(found) else None


def _whole(resource: Resource, kept: dict[str, Any], summary: bool) -> dict[str, Any]:
    """`kept` with the contained resources it refers to, directly or by way of each other, and the
    order of `resource`.
    """
    if "contained" in kept or "contained" not in resource:
        return kept
    by_id = {f"#{item.get('id')}": item for item in resource["contained"]}
    if summary:
        by_id = {id_: _summary(item, item["resourceType"]) for id_, item in by_id.items()}
    wanted = [text for text in _texts(kept) if text in by_id]
    needed: set[str] = set()
    while wanted:
        id_ = wanted.pop()
        if id_ not in needed:
            needed.add(id_)
            wanted += [text for text in _texts(by_id[id_]) if text in by_id]
    if not needed:
        return kept
    kept["contained"] = [item for id_, item in by_id.items() if id_ in needed]
    return {name: kept[name] for name in resource if name in kept}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _marked(resource: Resource) -> dict[str, Any]:
    """The resource with the tag that keeps it from being taken for all there is."""
    meta = dict(resource.get("meta", {}))
    if not is_subset(resource):
        meta["tag"] = [*meta.get("tag", ()), SUBSETTED]
    first = {name: resource[name] for name in ("resourceType", "id") if name in resource}
    return first | {"meta": meta} | {n: v for n, v in resource.items() if n not in (*first, "meta")}
