"""One parameter of a query string into a Criterion: modifiers, alternatives, chains, `_has`.

https://hl7.org/fhir/R4/search.html#modifiers, https://hl7.org/fhir/R4/search.html#chaining,
https://hl7.org/fhir/R4/search.html#has
"""

import re
from collections.abc import Callable, Iterable, Iterator

from fhir_server.fhir.outcome import BadRequest, insufficient_scope
from fhir_server.search.inside import within
from fhir_server.search.keys import FULL_TEXT, INWARD, TEXT, number
from fhir_server.search.mentions import is_item
from fhir_server.search.named import is_name
from fhir_server.search.parameters import COLUMNS, Parameter, parameters
from fhir_server.search.query import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Criterion,
    HasKey,
    IdIs,
    Leads,
    LedBy,
    Not,
    Nothing,
    UpdatedIs,
    compared,
)
from fhir_server.search.terms import Asked, plain, refuse_modifier, refuse_value, split
from fhir_server.search.types import ASK
from fhir_server.search.types.composite import has_value
from fhir_server.search.types.date import asked_updated
from fhir_server.search.types.reference import leads_to
from fhir_server.search.words import has_narrative, words_in
from fhir_server.search.words import asked as asked_words
from mappings.identifiers import INS_SYSTEMS, normal_uri
from profiles.definitions import r4

MAX_ALTERNATIVES = 1_000  # values of a query, all its parameters together
MAX_PARTS = 50  # parameters of a query and steps of their chains; to plan n joins takes about n³
MAX_STEPS = 5  # of one chain, forwards and by `_has`
MAX_WAYS = 1_000  # types that the chains of one query may pass through
MAX_COMPARED = 10_000  # values of one statement; SQLite takes time by their square
HAS = "_has:"
LIST = "_list"
# What contains others, but traces: they are looked at when they are named.
WHOLES = tuple(type_ for type_ in r4().resources if type_ != "AuditEvent")
ROLE, OF_PERSONS = "PractitionerRole", ("family", "given", "name")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


Reads = Callable[[str], Criterion | None]  # what is asked of a type; None when it has no such


def all_of(parts: Iterable[Criterion]) -> Criterion:
    found = tuple(parts)
    return found[0] if len(found) == 1 else AllOf(found)


def any_of(parts: Iterable[Criterion]) -> Criterion:
    found = tuple(parts)
    return found[0] if len(found) == 1 else AnyOf(found)


class Criteria:
    """Reads the parameters of one query; counts what its chains cost."""

    def __init__(self, asked: Asked) -> None:
        self.asked, self.ways, self.values, self.parts = asked, 0, 0, 0
        self.own = 0  # parameters of the operator's that were asked by

    def read(self, type_: str, name: str, value: str) -> Criterion | None:
        """What `name=value` asks of a `type_`; None when the type has no such parameter.

        `name` may have a modifier and a chain; `value` is not empty and still has its escapes.
        BadRequest as `parse`.
        """
        if name.startswith(HAS):
            return self.has(type_, name, value)
        head, dot, rest = name.partition(".")
        code, _, modifier = head.partition(":")
        if code in COLUMNS:
            return None if dot else self.column(code, modifier, value)
        if code == LIST and not dot:
            return self.members(type_, modifier, value)
        if code in FULL_TEXT:
            return None if dot else self.words(type_, code, modifier, value)
        parameter = self.find(type_, code)
        if parameter is None:
            return None
        if dot:
            return self.chain(parameter, modifier, rest, value)
        if modifier == "missing":
            is_composite = parameter.type == "composite"
            present = has_value(parameter) if is_composite else HasKey((parameter.present,))
            return Not(present) if is_true(code, value) else present
        asked = ASK[parameter.type](parameter, modifier, alternatives(code, value), self.asked)
        if modifier == "identifier" and names_patient(parameter, value):
            literal = self.chain(parameter, "Patient", modifier, value)
            return asked if literal is None else any_of((asked, literal))
        return asked

    def find(self, type_: str, code: str) -> Parameter | None:
        """The parameter of this code; None when the type has none."""
        found = self.asked.offer.find(type_, code)
        self.own += found is not None and code not in parameters(type_)
        return found

    def column(self, code: str, modifier: str, value: str) -> Criterion:
        """`_id` and `_lastUpdated`, which nothing lacks."""
        if modifier == "missing":
            return Nothing() if is_true(code, value) else EVERYTHING
        values = alternatives(code, value)
        if code == "_id" and modifier in ("", "not"):
            ids = IdIs(tuple(plain(value) for value in values))
            return Not(ids) if modifier else ids
        if modifier:
            refuse_modifier(code, modifier)
        return any_of(UpdatedIs(*asked_updated(code, value, self.asked)) for value in values)

    def members(self, type_: str, modifier: str, value: str) -> Criterion:
        """`_list`: what one of these stored Lists has an entry for, whatever its flag.

        https://hl7.org/fhir/R4/search.html#list
        """
        if modifier:
            refuse_modifier(LIST, modifier)
        if not self.asked.covers("List", "rs"):
            raise insufficient_scope("`List` for this")
        ids = tuple(plain(part).removeprefix("List/") for part in alternatives(LIST, value))
        for id_ in ids:
            if id_.startswith("$"):
                text = f"`{LIST}`: there is no list `{id_[:100]}`, only stored Lists are known"
                raise BadRequest(text, code="not-supported")
            if not _ID.fullmatch(id_):
                refuse_value(LIST, id_)
        return LedBy("List", parameters("List")["item"].number, type_, IdIs(ids))

    def words(self, type_: str, code: str, modifier: str, value: str) -> Criterion | None:
        """`_text` and `_content`, None while some indexes have no words; each word more counts like
        a parameter.
        """
        if not self.asked.offer.has(number(type_, code)):
            return None
        if modifier == "missing" and code == TEXT:
            told = has_narrative(type_)
            return Not(told) if is_true(code, value) else told
        if modifier:
            refuse_modifier(code, modifier)
        values = alternatives(code, value)
        self.parts += sum(max(len(words_in(one)) - 1, 0) for one in values)
        self.check_parts(code)
        return asked_words(type_, code, values)

    def chain(self, parameter: Parameter, modifier: str, rest: str, value: str) -> Criterion | None:
        self.check_steps(rest)
        names = is_name(rest, value)
        led = self.through(
            parameter, modifier, lambda type_: self.read(type_, rest, value), rest, names=names
        )
        if rest == "_id" and modifier in ("", "Patient") and may_name_patient(parameter):
            values = alternatives(parameter.code, value)
            literal = ASK[parameter.type](parameter, "Patient", values, self.asked)
            return literal if led is None else any_of((literal, led))
        return led

    def through(
        self, parameter: Parameter, modifier: str, read: Reads, what: str, *, names: bool
    ) -> Criterion | None:
        """Through each type that has `what` is asked there, and that the token covers; None when
        no type has it. Forbidden when those that have it are not covered, but where it `names` what
        is led to: that is asked of the reference.
        """
        if parameter.type != "reference":
            return None
        if modifier and not leads_to(parameter, modifier):
            refuse_modifier(parameter.code, modifier)
        types = (modifier,) if modifier else tuple(parameter.targets or r4().resources)
        covered = [type_ for type_ in types if names or self.asked.covers(type_, "s")]
        if ways := list(self.ways_to(parameter, covered, read, what)):
            return any_of(ways)
        others = [type_ for type_ in types if type_ not in covered]
        if ways := list(self.ways_to(parameter, others, read, what)):
            reached = "`, `".join(type_ for way in ways for type_ in way.types)
            raise insufficient_scope(f"`{reached[:200]}`, where `{parameter.code}` leads")
        return None

    def ways_to(
        self, parameter: Parameter, types: Iterable[str], read: Reads, what: str
    ) -> Iterator[Leads]:
        values = 0
        for type_ in types:
            self.count_way()
            known = self.own
            to = read(type_)
            if to is None and type_ == ROLE and what.partition(":")[0] in OF_PERSONS:
                to = self.of_role(read, what)
            if to is not None:
                found = Leads(parameter.number, (type_,), to, self.inside(parameter, to, known))
                yield found
                values += compared(found)
                check_compared(values)

    def of_role(self, read: Reads, what: str) -> Criterion | None:
        """What is asked of an author who is named in a role is asked of the person: MHD's
        `author.family` and `author.given`, and `source`'s.
        """
        if not self.asked.covers("Practitioner", "s"):
            return None
        return self.through(parameters(ROLE)["practitioner"], "", read, what, names=False)

    def has(self, type_: str, name: str, value: str) -> Criterion | None:
        """`_has:Type:reference:parameter`: what refers to it; None where nothing can, so."""
        *start, rest = (name.split(":", 3) + [""] * 3)[:4]
        if not (start[2] and rest):
            raise BadRequest(f"`{name[:100]}` is not `{HAS}Type:reference:parameter`", code="value")
        self.check_steps(rest)
        return self.led_by(type_, ":".join(start), lambda source: self.read(source, rest, value))

    def led_by(self, type_: str, way: str, read: Reads) -> Criterion | None:
        """`_has:Type:reference`, with or without a colon after it: of what refers, as `read`."""
        _, source, code, *_ = way.split(":")
        if not r4().is_resource(source):
            raise BadRequest(f"`{HAS}{source[:100]}` is no resource type", code="value")
        parameter = self.find(source, code)
        if parameter is None or parameter.type != "reference" or not leads_to(parameter, type_):
            return None
        self.count_way()
        known = self.own
        to = read(source)
        if to is not None and not self.asked.covers(source, "s"):
            raise insufficient_scope(f"`{source}` for this")
        if to is None:
            return None
        inside = self.inside(parameter, to, known) or Nothing()
        wholes = tuple(one for one in WHOLES if self.asked.covers(one, "s"))
        return LedBy(source, parameter.number, type_, to, inside, wholes)

    def inside(self, parameter: Parameter, to: Criterion, known: int) -> Criterion | None:
        """What a step of a chain asks of resources within others; None where these have no rows of
        what is asked: not of the operator's parameters, of which `known` were asked by before; nor
        for who may not be shown the item that leads there.
        """
        offer = self.asked.offer
        if known != self.own or not offer.has(number(parameter.resource, INWARD)):
            return None
        return None if offer.guarded and is_item(parameter) else within(to)

    def check_steps(self, rest: str) -> None:
        if steps(rest) + 1 > MAX_STEPS:
            raise BadRequest(f"a chain has at most {MAX_STEPS} steps", code="too-costly")

    def count(self, code: str, value: str) -> None:
        """Refuse one parameter more when the query would be too much with it."""
        self.parts += steps(code)
        self.check_parts(code)
        self.values += value.count(",") + 1
        if self.values > MAX_ALTERNATIVES:
            text = f"a search has at most {MAX_ALTERNATIVES} values, and `{code[:100]}` is beyond"
            raise BadRequest(text, code="too-costly")

    def check_parts(self, code: str) -> None:
        if self.parts > MAX_PARTS:
            text = f"a search has {MAX_PARTS} parameters, steps and words at most: `{code[:100]}`"
            raise BadRequest(text, code="too-costly")

    def count_way(self) -> None:
        self.ways += 1
        if self.ways > MAX_WAYS:
            text = (
                f"chains pass through at most {MAX_WAYS} types: name them, as in `subject:Patient`"
            )
            raise BadRequest(text, code="too-costly")


def may_name_patient(parameter: Parameter) -> bool:
    """Whether a parameter is one by which a search names the patient (`search.named`)."""
    return parameter.code in ("patient", "subject") and leads_to(parameter, "Patient")


def names_patient(parameter: Parameter, value: str) -> bool:
    """Whether `:identifier` names the holder of a record by INS: whoever refers to him by address
    has named the same person.
    """
    return may_name_patient(parameter) and any(
        normal_uri(plain(part).partition("|")[0]) in INS_SYSTEMS for part in split(value, ",")
    )


def check_compared(values: int) -> None:
    """BadRequest where one statement would compare with more `values`, as `query.compared`."""
    if values > MAX_COMPARED:
        text = f"the search stands for more than {MAX_COMPARED} values: ask less at once"
        raise BadRequest(text, code="too-costly")


def steps(name: str) -> int:
    """How many resources a parameter with chains and `_has` passes through, its own among them."""
    return 1 + name.count(".") + name.count(HAS)


def alternatives(code: str, value: str) -> list[str]:
    """The values between commas, still escaped, without the empty ones."""
    found = [part for part in split(value, ",") if part]
    if len(found) > MAX_ALTERNATIVES:
        raise BadRequest(f"`{code}` has more than {MAX_ALTERNATIVES} values", code="too-costly")
    return found


def is_true(code: str, value: str) -> bool:
    if value not in ("true", "false"):
        refuse_value(f"{code}:missing", value)
    return value == "true"
