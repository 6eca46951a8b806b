"""What a search mentions by reference: a document that is hidden must match nothing, in a search of
traces whatever is hidden.

The index of a list still knows the entries that are left out of its answers, so that
`List?item=DocumentReference/1` would tell hidden from absent (`contract.md` section 5).
"""

from collections.abc import Callable, Collection, Iterable, Sequence

from fhir_server.fhir.reference import DOCUMENTS, Local, parse
from fhir_server.search.filter import FILTER, Comparison, comparisons, read
from fhir_server.search.parameters import Parameter
from fhir_server.search.registry import DEFINED, Offer
from fhir_server.search.terms import as_one, plain, split
from fhir_server.search.types.reference import leads_to

Pair = tuple[str, str]
Address = tuple[str, str]


def mentioned(
    type_: str, pairs: Sequence[Pair], *, base: str, offer: Offer = DEFINED
) -> frozenset[Address]:
    """Type and id of each document, for traces of each resource, that a reference parameter of this
    search has as a value, or a test of its filter; `ANY` is the type where an id stands alone.
    """
    return frozenset(
        address
        for name, value in (said for pair in pairs for said in _said(*pair))
        if (parameter := _reference(type_, name, offer)) is not None
        for part in split(value, ",")
        for address in _addresses(type_, parameter, name, part, base)
    )


def _said(name: str, value: str) -> list[Pair]:
    """The parameter itself; of a filter what its tests say, as parameters."""
    if name != FILTER:
        return [(name, value)]
    return [(way, as_one(test.value)) for way, test in comparisons(read(value))]


def without(
    type_: str,
    pairs: Sequence[Pair],
    hidden: frozenset[Address],
    *,
    base: str,
    offer: Offer = DEFINED,
    types_of: Callable[[str], Collection[str]] = lambda _: (),
) -> list[Pair]:
    """The parameters with an id that nothing has in place of each hidden document's. An id without
    a type may be that of something else too: of `types_of` it, which the caller sees.
    """

    def seen(name: str, part: str) -> str:
        parameter = _reference(type_, name, offer)
        if parameter is None:
            return part
        found = hidden & set(_addresses(type_, parameter, name, part, base))
        if not found:
            return part
        if "/" in part:
            return f"{min(found)[0]}/{NOBODY}"
        others = [] if ":" in name else [t for t in types_of(plain(part)) if leads_to(parameter, t)]
        return f"{min(others)}/{part}" if others else NOBODY

    return [
        (
            name,
            _with_values(value, seen)
            if name == FILTER
            else ",".join(seen(name, part) for part in split(value, ",")),
        )
        for name, value in pairs
    ]


def _with_values(text: str, seen: Callable[[str, str], str]) -> str:
    """A filter with what is `seen` in place of the value of each test."""
    found = sorted(comparisons(read(text)), key=lambda one: one[1].start, reverse=True)
    for way, test in found:
        value = seen(way, test.value)
        if value != test.value:
            text = text[: test.start] + value + text[test.end :]
    return text


# Parameters over the items that may be left out of an answer, and those that tell of them by words.
ITEMS = {
    "List": "item",
    "DocumentReference": "relatesto",
    "Consent": "data",
    "DocumentManifest": "item",
}
WORDS = {"DocumentReference": ("relation", "relationship")}
# Whose order would tell them, beside those.
ORDERED = {
    "AuditEvent": ("entity", "entity-name", "entity-role", "entity-type"),
    "Composition": ("related-ref",),
}


def is_item(parameter: Parameter) -> bool:
    """Whether its references are those of items that may be left out."""
    type_, code = parameter.resource, parameter.code
    return code == ITEMS.get(type_) or code in ORDERED.get(type_, ())


def telling(type_: str, pairs: Sequence[Pair]) -> str:
    """The first parameter, sort key or test of a filter that would match by an item its reader may
    not be shown, or "": `:missing`, `:identifier`, the code of a relation, any of these at the end
    of a chain or of `_has`.
    """
    for name, value in pairs:
        if name == "_sort":
            found = [key for key in value.split(",") if _order_tells(type_, key.removeprefix("-"))]
        elif name == FILTER:
            found = [way for way, test in comparisons(read(value)) if _test_tells(type_, way, test)]
        else:
            found = [name] if _tells(type_, name) else []
        if found:
            return found[0]
    return ""


def _order_tells(type_: str, code: str) -> bool:
    return (
        code == ITEMS.get(type_)
        or code in WORDS.get(type_, ())
        or code in ORDERED.get(type_, ())
    )


def _test_tells(type_: str, way: str, test: Comparison) -> bool:
    """`pr` and `ne` say whether there is any value."""
    return _tells(type_, f"{way}:missing" if test.operation in ("pr", "ne") else way)


def _tells(type_: str, name: str) -> bool:
    asked = last(name)
    code, _, modifier = asked.partition(":")
    if asked == name:
        by_item = code == ITEMS.get(type_) and modifier in ("missing", "identifier")
        return by_item or code in WORDS.get(type_, ())
    if any(code == name for names in ORDERED.values() for name in names):
        return True
    return code in ITEMS.values() or any(code in words for words in WORDS.values())


def last(name: str) -> str:
    """What is asked at the end of chains and `_has`."""
    while True:
        if name.startswith("_has:"):
            rest = name.split(":", 3)[3:]
        else:
            rest = name.split(".", 1)[1:]
        if not rest:
            return name
        name = rest[0]


ANY = "*"  # stands for each type that has a resource with an id
NOBODY = "-"  # reads like an id, and is none that this server gives


def _reference(type_: str, name: str, offer: Offer) -> Parameter | None:
    code, _, modifier = name.partition(":")
    parameter = None if "." in name else offer.find(type_, code)
    is_reference = parameter is not None and parameter.type == "reference"
    return parameter if is_reference and modifier not in ("identifier", "missing") else None


def _addresses(
    type_: str, parameter: Parameter, name: str, part: str, base: str
) -> Iterable[Address]:
    text, modifier, is_log = plain(part), name.partition(":")[2], type_ == "AuditEvent"
    try:
        reference = parse(text, base=base)
    except ValueError:
        wanted = {modifier} if modifier else set(parameter.targets) or DOCUMENTS
        if is_log:
            yield modifier or ANY, text
        else:
            yield from ((target, text) for target in DOCUMENTS & wanted)
        return
    if isinstance(reference, Local) and (is_log or reference.type_ in DOCUMENTS):
        yield reference.type_, reference.id_
