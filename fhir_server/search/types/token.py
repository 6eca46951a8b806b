"""Token parameters: codes, identifiers, booleans.

https://hl7.org/fhir/R4/search.html#token

An element of type code has no system of its own: its binding implies one. Where that is known the
index has one key, of system and code, and every way to ask for the code becomes that key. An
element of type string has no system at all, and its case says nothing.

OIDs and UUIDs of identifiers are indexed in one spelling, and identifiers in their one form
(`mappings.identifiers.normal`), and found by all; what is asked for may be no identifier, so that
it is looked up as it is written too.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal

from fhir_server.fhir.outcome import BadRequest
from fhir_server.search.keys import common, key
from fhir_server.search.parameters import Parameter
from fhir_server.search.query import AnyOf, Criterion, HasKey, Not, StringIs
from fhir_server.search.rows import SHORT, Items, Rows
from fhir_server.search.terms import Asked, bounded, plain, refuse_modifier, refuse_value, split
from fhir_server.search.types.string import asked_texts, read_text
from mappings.identifiers import INS_SYSTEMS, normal, normal_spelling, normal_uri
from profiles.terminology import codes_of, family

Coding = tuple[str, str]  # system and code, each "" where there is none


def read(parameter: Parameter, items: Items, rows: Rows) -> None:
    """Keys for `code`, `system|code` (`|code` without a system) and `system|`; see above."""
    number = parameter.number
    for type_, value in items:
        if type_ == "code" and value in parameter.systems:
            rows.keys.add(common(number, "coding", parameter.systems[value], value))
            _read_text(number, value, rows)
            continue
        if type_ == "string":
            rows.keys.add(folded_key(number, value))
            _read_text(number, value, rows)
            continue
        hash_ = common if type_ in ("CodeableConcept", "Coding", "code", "boolean") else key
        for system, code in codings(type_, value):
            if system:
                rows.keys.add(common(number, "system", system))
            if code:
                rows.keys.add(hash_(number, "code", code))
                rows.keys.add(hash_(number, "coding", system, code))
                _read_text(number, code, rows)
        if type_ == "Identifier":
            _read_of_type(number, value, rows)
        if isinstance(value, dict) and not parameter.code.startswith(COMBINED):
            _read_words(number, type_, value, rows)


# Parameters over what two others have already: their words are those of the others.
COMBINED = "combo-"


def codings(type_: str, value: Any) -> list[Coding]:
    match type_:
        case "Coding":
            return [(value.get("system", ""), value.get("code", ""))]
        case "CodeableConcept":
            return [(c.get("system", ""), c.get("code", "")) for c in value.get("coding", ())]
        case "Identifier":
            pair = value.get("system", ""), value.get("value", "")
            return list(dict.fromkeys((normal_spelling(*pair), normal(*pair))))
        case "ContactPoint":
            return [(value.get("use", ""), value.get("value", ""))]
        case "boolean":
            return [("", "true" if value else "false")]
    return [("", value)] if isinstance(value, str) else []


def folded_key(number: int, text: str) -> int:
    """Of an element of type string, which is found in capitals and in small letters."""
    return key(number, "folded", text.casefold())


def _read_text(number: int, code: str, rows: Rows) -> None:
    text = code[:SHORT].lower()
    rows.tokens[number] = min(rows.tokens.get(number, text), text)


def _read_words(number: int, type_: str, value: Any, rows: Rows) -> None:
    """The words a person reads: of a concept, a coding, the type of an identifier."""
    match type_:
        case "CodeableConcept":
            words = [value.get("text"), *(c.get("display") for c in value.get("coding", ()))]
        case "Coding":
            words = [value.get("display")]
        case "Identifier":
            words = [value.get("type", {}).get("text")]
        case _:
            return
    for text in words:
        if text:
            rows.strings += [(common(number, "text"), *one) for one in _worded(text)]


@lru_cache(maxsize=16_384)
def _worded(text: str) -> Sequence[tuple[str, bool]]:
    """As rows have it; remembered, since displays are few."""
    return read_text(text)


def _read_of_type(number: int, identifier: Any, rows: Rows) -> None:
    if "type" in identifier and "value" in identifier:
        for system, code in codings("CodeableConcept", identifier["type"]):
            value = codings("Identifier", identifier)[0][1]
            rows.keys.add(key(number, "of-type", system, code, value))


# What a resource says by saying nothing: PDSm's documents are not archived until they are.
UNSAID = {"isArchived": "false"}


def ask(parameter: Parameter, modifier: str, values: Sequence[str], _: Asked) -> Criterion:
    """One of the values; with `not` none of them, which includes having no value at all.

    `:text` is compared as a string; `:in` and `:not-in` with the value sets whose codes R4 lists;
    `:above` and `:below` are for the code systems of R4 that have codes above others.
    """
    match modifier:
        case "of-type":
            keys = (one for value in values for one in _keys_of_type(parameter, value))
            return HasKey(tuple(keys))
        case "text" if not parameter.code.startswith(COMBINED):
            return _worded_so(parameter, values)
        case "in" | "not-in":
            keys = (one for value in values for one in _keys_in(parameter, value))
            within = HasKey(bounded(parameter.code, keys))
            return within if modifier == "in" else Not(within)
        case "above" | "below":
            keys = (one for value in values for one in _keys_of_family(parameter, modifier, value))
            return HasKey(bounded(parameter.code, keys))
    if modifier not in ("", "not"):
        refuse_modifier(parameter.code, modifier)
    found: Criterion = HasKey(tuple(key for value in values for key in _keys(parameter, value)))
    unsaid = UNSAID.get(parameter.code)
    if unsaid and any(plain(split(value, "|")[-1]) == unsaid for value in values):
        found = AnyOf((found, Not(HasKey((parameter.present,)))))
    return Not(found) if modifier else found


def _worded_so(parameter: Parameter, values: Sequence[str]) -> Criterion:
    found = asked_texts(f"{parameter.code}:text", values)
    return StringIs(common(parameter.number, "text"), "starts", found)


def _keys_in(parameter: Parameter, value: str) -> Iterator[int]:
    """Of each code of a value set, with its system."""
    systems = codes_of(plain(value).partition("|")[0])
    if not systems:
        text = f"the codes of `{value[:100]}` are not known here"
        raise BadRequest(text, code="not-supported")
    for system, codes in systems.items():
        for code in codes:
            yield key(parameter.number, "coding", system, code)


def _keys_of_family(
    parameter: Parameter, way: Literal["above", "below"], value: str
) -> Iterator[int]:
    """Of a code and those above or below it; the code of a Coding is nothing without its system."""
    match [plain(part) for part in split(value, "|")]:
        case [code] if code:
            system = parameter.systems.get(code, "")
        case [system, code] if code:
            pass
        case _:
            refuse_value(f"{parameter.code}:{way}", value)
    codes = family(system, code, way)
    if codes is None:
        of = f"`{parameter.code}` of `{value[:100]}`, whose system has no hierarchy known here"
        text = f"`:{way}` is not supported for {of}"
        raise BadRequest(text, code="not-supported")
    for one in codes:
        yield key(parameter.number, "coding", system, one)


def _keys(parameter: Parameter, value: str) -> Iterator[int]:
    number, systems = parameter.number, parameter.systems
    parts = [plain(part) for part in split(value, "|")]
    if parameter.folded and parts[-1] and parts[:-1] in ([], [""]):
        yield folded_key(number, parts[-1])
        if parameter.folded == "all":
            return
    match parts:
        case [code] | ["", code] if code in systems:
            yield key(number, "coding", systems[code], code)
        case [code]:
            for one in dict.fromkeys((code, normal_uri(code))):  # an identifier may be meant
                yield key(number, "code", one)
        case [system, ""] if system in systems.values():
            for code in systems:
                if systems[code] == system:
                    yield key(number, "coding", system, code)
        case [system, ""] if system:
            for one in dict.fromkeys((system, normal_spelling(system, "")[0])):
                yield key(number, "system", one)
        case [system, code] if code:
            pairs = [(system, code), normal_spelling(system, code), normal(system, code)]
            if pairs[-1][0] in INS_SYSTEMS:  # of a person, and no code: it has one spelling here
                pairs = pairs[-1:]
            for pair in dict.fromkeys(pairs):
                yield key(number, "coding", *pair)
        case _:
            refuse_value(parameter.code, value)


def _keys_of_type(parameter: Parameter, value: str) -> Iterator[int]:
    match [plain(part) for part in split(value, "|")]:
        case [system, code, identifier] if system and code and identifier:
            for one in dict.fromkeys((identifier, normal_uri(identifier))):
                yield key(parameter.number, "of-type", system, code, one)
        case _:
            refuse_value(parameter.code, value)
