"""Queries of all kinds, with values from the same few as the resources' (`values`)."""

from collections.abc import Callable
from dataclasses import replace
from json import dumps
from random import Random

from fhir_server.search.keys import FULL_TEXT
from fhir_server.search.parse import parse
from fhir_server.search.query import Criterion, Not, Query
from fhir_server.search.registry import NOTHING_STORED, Offer, Registry
from tests.storage.values import (
    BASE, CODES, COUNTS, DATES, NOW, NUMBERS, SYSTEMS, TIMES, TYPES, UCUM, WORDS,
)  # fmt: skip

ASKED = {
    "DocumentReference": "identifier status type category patient subject date description"
    " security-label relatesto relation relationship period period-start isArchived creation",
    "Patient": "identifier name family given birthdate gender address address-city",
    "Observation": "status code subject patient identifier has-member date value-quantity"
    " value-concept value-string combo-value-quantity code-value-quantity code-value-concept"
    " component-code-value-quantity component-code-value-concept combo-code-value-quantity",
    "List": "status title code subject patient date item isArchived",
    "Consent": "status scope category patient date period data",
    "ChargeItem": "code subject patient factor-override quantity price-override",
    "ValueSet": "status url title date",
    "MolecularSequence": "chromosome variant-start chromosome-variant-coordinate"
    " referenceseqid-variant-coordinate",
}
LEADING = {
    "Patient": ("DocumentReference.patient", "Observation.subject", "List.subject"),
    "DocumentReference": ("List.item", "Consent.data", "DocumentReference.relatesto"),
}
STATUSES = ["current", "final", "active", "male", "replaces", "true"]
PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
MODIFIERS = {
    "token": ("", "", "", ":not", ":text"), "uri": ("", ":above", ":below"),
    "string": ("", "", ":exact", ":contains"),
}  # fmt: skip
COMPARED = ("eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb")
OPERATIONS = {
    "string": ("eq", "ne", "co", "sw", "ew"), "token": ("eq", "ne"), "uri": ("eq", "ne"),
    "date": (*COMPARED, "po"), "number": COMPARED, "quantity": COMPARED, "composite": ("eq",),
}  # fmt: skip
SUFFIXES = ["", "", "", "||mg", f"|{UCUM}|kg", "|urn:iso:std:iso:4217|EUR"]


class Asker:
    """Makes queries; values come from the same few as the resources'."""

    asked = ASKED

    def __init__(self, random: Random, registry: Registry = NOTHING_STORED) -> None:
        self.random, self.one, self.offer = random, random.choice, Offer(registry, lambda: registry)

    def query(self) -> Query:
        type_ = self.one(TYPES)
        pairs = [self.pair(type_) for _ in range(self.one((1, 1, 1, 2, 2, 3)))]
        found = parse(type_, pairs, base=BASE, now=NOW, page_size=500, max_page=500, strict=True,
                      offer=self.offer)  # fmt: skip
        return replace(found, where=self.wrapped(found.where))

    def wrapped(self, where: Criterion) -> Criterion:
        """Now and then what no query string says: the negation."""
        return Not(where) if self.random.random() < 0.08 else where

    def pair(self, type_: str, depth: int = 2) -> tuple[str, str]:
        if depth and type_ in LEADING and self.random.random() < 0.1:
            source, _, code = self.one(LEADING[type_]).partition(".")
            name, value = self.pair(source, depth - 1)
            return f"_has:{source}:{code}:{name}", value
        if depth == 2 and self.random.random() < 0.15:
            return "_filter", self.filter(type_)
        if self.random.random() < 0.03:
            return "_list", self.alternatives(lambda: self.id_of("List"))
        if self.random.random() < 0.1:
            return self.one(FULL_TEXT), self.alternatives(self.full_text)
        code = self.one([*self.asked[type_].split(), "_id", "_lastUpdated", "_text"])
        if code == "_text" or self.random.random() < 0.1:
            return f"{code}:missing", self.one(("true", "false"))
        if code in ("_id", "_lastUpdated"):
            ask = self.date if code == "_lastUpdated" else lambda: self.id_of(type_)
            return code, self.alternatives(ask)
        kind = (parameter := self.offer.find(type_, code)).type
        if kind == "reference":
            targets = parameter.targets or TYPES
            target = self.one([target for target in targets if target in COUNTS])
            chained = depth and self.random.random() < 0.5
            return self.chain(code, target, depth) if chained else self.reference(code, target)
        modifier = self.one(MODIFIERS.get(kind, ("",)))
        if kind == "composite":
            return code, self.alternatives(lambda: self.composite(code))
        if modifier in (":exact", ":text"):
            return code + modifier, self.alternatives(lambda: escaped(self.one(WORDS)))
        return code + modifier, self.alternatives(getattr(self, kind))

    def filter(self, type_: str, depth: int = 2) -> str:
        how = self.one(("test", "test", "and", "or", "not", "()")) if depth else "test"
        match how:
            case "and" | "or":
                return f"{self.filter(type_, depth - 1)} {how} {self.filter(type_, depth - 1)}"
            case "not" | "()":
                return f"{how.strip('()')}({self.filter(type_, depth - 1)})"
        code = self.one([*self.asked[type_].split(), "_id", "_lastUpdated"])
        if code == "_id":
            return f"_id {self.one(('eq', 'ne'))} {self.id_of(type_)}"
        parameter = self.offer.find(type_, code)
        kind = "date" if code == "_lastUpdated" else parameter.type
        if self.random.random() < 0.1:
            return f"{code} pr {self.one(('true', 'false'))}"
        if kind == "reference":
            targets = parameter.targets or TYPES
            target = self.one([target for target in targets if target in COUNTS])
            if depth and self.random.random() < 0.6:
                inner = self.one(("", f"[{self.filter(target, 0)}]"))
                return f"{code}:{target}{inner}.{self.filter(target, 0)}"
            return f"{code} {self.one(('eq', 're', 'ne'))} {target}/{self.id_of(target)}"
        value = self.composite(code) if kind == "composite" else getattr(self, f"{kind}_value")()
        return f"{code} {self.one(OPERATIONS[kind])} {dumps(value)}"

    def string_value(self) -> str:
        word = self.one(WORDS)
        return self.one((word, word[:3], word[-3:])).strip() or word

    def token_value(self) -> str:
        return self.token()

    def uri_value(self) -> str:
        return SYSTEMS[1] + self.one(("", "/d"))

    def date_value(self) -> str:
        return self.one(DATES + TIMES)

    def number_value(self) -> str:
        return self.one(NUMBERS)

    def quantity_value(self) -> str:
        return self.number_value() + self.one(SUFFIXES)

    def alternatives(self, value: Callable[[], str]) -> str:
        return ",".join(value() for _ in range(self.one((1, 1, 1, 2, 3))))

    def chain(self, code: str, target: str, depth: int) -> tuple[str, str]:
        name, value = self.pair(target, depth - 1)
        through = self.one((code, f"{code}:{target}")) if code == "patient" else f"{code}:{target}"
        return f"{through}.{name}", value

    def reference(self, code: str, target: str) -> tuple[str, str]:
        system, value = escaped(self.one(SYSTEMS)), escaped(self.one(CODES))
        if self.random.random() < 0.2:
            return f"{code}:identifier", f"{system}|{value}"
        if self.random.random() < 0.2:
            return f"{code}:{target}", self.alternatives(lambda: self.id_of(target))
        start = self.one(("", "/", f"{BASE}/", "http://elsewhere.example/"))
        start = start and f"{start.removeprefix('/')}{target}/"
        return code, self.alternatives(lambda: start + self.id_of(target))

    def id_of(self, type_: str) -> str:
        return f"{type_.lower()}-{self.random.randrange(COUNTS[type_] + 2)}"

    def token(self) -> str:
        word, system = escaped(self.one(CODES + STATUSES)), escaped(self.one(SYSTEMS))
        return self.one((word, word, f"{system}|{word}", f"|{word}", f"{system}|"))

    def string(self) -> str:
        return escaped(self.one(WORDS))[self.one((0, 1)):][: self.one((1, 3, 9))]

    def full_text(self) -> str:
        a, b = (escaped(word) for word in self.random.choices(WORDS[:-1], k=2))
        return self.one((a, f"{a} {b}", f"{a} OR {b}", f"({a}) {b}"))

    def date(self) -> str:
        return self.one(PREFIXES) + self.one(DATES + TIMES)

    def number(self) -> str:
        return self.one(PREFIXES) + self.one(NUMBERS)

    def quantity(self) -> str:
        return self.number() + self.one(SUFFIXES)

    def uri(self) -> str:
        return escaped(SYSTEMS[1]) + self.one(("", "/d"))

    def composite(self, code: str) -> str:
        if code == "relationship":
            return f"{self.id_of('DocumentReference')}${self.one(('replaces', 'appends'))}"
        if "coordinate" in code:
            ends = [self.one(PREFIXES) + str(self.random.randrange(6)) for _ in "12"]
            return "$".join([escaped(self.one(CODES)), *ends])
        coded = self.one((escaped(self.one(CODES)), f"{SYSTEMS[0]}|1"))
        return f"{coded}${self.quantity() if 'quantity' in code else self.token()}"


def escaped(text: str) -> str:
    for mark in ("\\", ",", "|", "$"):
        text = text.replace(mark, "\\" + mark)
    return text
