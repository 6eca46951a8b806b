"""Resources of few values, so that they meet; the seed (FHIR_TEST_SEED) and instant of a run."""

import os
from decimal import Decimal
from html import escape
from random import Random
from typing import Any

from fhir_server.fhir.reference import elements
from tests.storage.elements import ELEMENTS

SEED = int(os.environ.get("FHIR_TEST_SEED", "20261124"))
BASE = "http://127.0.0.1:8080/fhir"
NOW, DAY = 1_795_521_600_000, 86_400_000  # 2026-11-24T12:00:00Z

LONG = "Ann" + "e" * 220  # longer than the keys of a database
WORDS = [
    f"{LONG} one", f"{LONG}-TWO", "d'Anne-Élise", "Anne", "ANNÉE", "Élise", "Œuvre", "oeuvre",
    "de la", "deux  mots", "x_y%", "Zö😀", "';",
]  # fmt: skip
SYSTEMS = ["urn:a", "http://b.example/c", "urn:x|y"]
CODES = ["1", "A", "a", "A,b", "c$d"]
DATES = ["2024", "2024-02", "2024-02-29", "2024-03-01", "2025", "2026-11-24", "1950-12"]
TIMES = [
    "2024-02-29T10:00:00Z", "2024-02-29T23:30:00+01:00", "2026-11-24T12:00:00.5Z",
    "2026-11-24T12:00:00.1234567Z", "2026-11-24T12:00:00.123456789Z", "2024-02-29T23:59:60Z",
]  # fmt: skip
NUMBERS = ["0", "1", "1.0", "1.05", "-3", "100", "99.6", "1e2", "0.001", "1e300"]
UNITS, UCUM = ["mg", "kg"], "http://unitsofmeasure.org"
FEW = {
    "word": WORDS, "system": SYSTEMS, "code": CODES, "unit": UNITS, "date": DATES, "time": TIMES,
    "when": DATES + TIMES,
}  # fmt: skip
COUNTS = {
    "DocumentReference": 26, "Patient": 14, "Observation": 22, "List": 14, "Consent": 10,
    "ChargeItem": 10, "ValueSet": 8, "MolecularSequence": 10,
}  # fmt: skip
TYPES = tuple(COUNTS)
ARCHIVED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"

Json = dict[str, Any]


class Maker:
    """Makes resources out of few values; `random` decides everything."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def resource(self, type_: str) -> Json:
        made = {"resourceType": type_} | self.some(ELEMENTS[type_])
        if type_ == "List" and "entry" in made:  # one that leads to nothing there is hidden
            made["entry"].append({"item": {"reference": "DocumentReference/documentreference-0"}})
        return self.with_contained(made)

    def with_contained(self, made: Json) -> Json:
        """Some references lead to a contained resource, whose id may be that of a stored one."""
        inner: dict[str, Json] = {}
        for reference in elements(made):
            type_, _, id_ = reference["reference"].partition("/")
            if type_ in COUNTS and self.random.random() < 0.3:
                inner[id_] = {"resourceType": type_, "id": id_} | self.some(ELEMENTS[type_])
                reference["reference"] = f"#{id_}"
        for reference in elements(list(inner.values())):
            type_, _, id_ = reference["reference"].partition("/")
            near = [one for one, item in inner.items() if item["resourceType"] == type_]
            if near and self.random.random() < 0.5:
                reference["reference"] = f"#{self.random.choice(near)}"
        return made | ({"contained": list(inner.values())} if inner else {})

    def some(self, elements: str, chance: float = 0.75) -> Json:
        """An object with each element by chance."""
        kinds = [element.split(":") for element in elements.split()]
        return {name: self.value(k) for name, k in kinds if self.random.random() < chance}

    def value(self, kind: str) -> Any:
        if kind.endswith("*"):
            return [self.value(kind[:-1]) for _ in range(self.random.choice((1, 1, 2)))]
        if "/" in kind:
            return self.random.choice(kind.split("/"))
        if kind in FEW:
            return self.random.choice(FEW[kind])
        if kind in COUNTS:
            return self.to(kind)
        return self.some(ELEMENTS[kind]) if kind in ELEMENTS else getattr(self, kind)()

    def archived(self) -> Json:
        return {"url": ARCHIVED, "valueBoolean": self.random.random() < 0.5}

    def number(self) -> Decimal:
        return Decimal(self.random.choice(NUMBERS))

    def whole_number(self) -> int:
        return self.random.randrange(6)

    def narrative(self) -> Json:
        word, end = escape(self.value("word")), self.random.choice(("<b>a</b>nne", "x"))
        return {"div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{word}</p>{end}</div>'}

    def period(self) -> Json:
        start, end = sorted(self.random.choices(DATES, k=2))
        return self.random.choice([{"start": start}, {"end": end}, {"start": start, "end": end}])

    def quantity(self) -> Json:
        coded = {"system": UCUM, "code": self.value("unit")} if self.random.random() < 0.5 else {}
        found = {"value": self.number(), "unit": self.value("unit")} | coded
        return found | self.some("comparator:</<=/>/>=", 0.2)

    def to(self, type_: str) -> Json:
        """A reference to a resource that may exist, may not, or is elsewhere; or a logical one."""
        address = f"{type_}/{type_.lower()}-{self.random.randrange(COUNTS[type_] + 2)}"
        literal = [address] * 7 + [f"{BASE}/{address}", f"http://elsewhere.example/{address}"]
        chosen = self.random.choice([*literal, ""])
        return {"reference": chosen} if chosen else {"identifier": self.value("identifier")}
