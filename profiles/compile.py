"""Compile HL7's R4 definitions into the tables under `profiles/r4`.

    python -m profiles.compile FOLDER      FOLDER holds StructureDefinition-*.json and so on, one
    file each

https://hl7.org/fhir/R4/structuredefinition.html, https://hl7.org/fhir/R4/searchparameter.html
"""

import json
import sys
from pathlib import Path
from typing import Any, Iterator

import msgspec

from profiles.definitions import search_parameter

HERE = Path(__file__).parent / "r4"
FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
REGEX = "http://hl7.org/fhir/StructureDefinition/regex"
PROFILE = "http://hl7.org/fhir/StructureDefinition/"
# Only in HL7's own tooling, of no use to a server: their search parameters and compartments are
# examples.
HL7_SYSTEMS = ("http://hl7.org/", "http://terminology.hl7.org/")
EXAMPLES = {"http://hl7.org/fhir/CompartmentDefinition/example"}

Json = dict[str, Any]


def definitions(folder: Path, kind: str) -> Iterator[Json]:
    for path in sorted(folder.glob(f"{kind}-*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def type_codes(element: Json, owner: Json) -> list[str]:
    """The types an element may have; `fhirpath/System.String` stands for what its extension says.
    """
    codes = []
    for type_ in element.get("type", ()):
        code = type_["code"]
        if code.startswith("http://hl7.org/fhirpath/"):
            is_resource_id = owner["kind"] == "resource" and element["path"].endswith(".id")
            named = {e["url"]: e.get("valueUrl") for e in type_.get("extension", ())}
            code = (
                "id"
                if is_resource_id and element["path"].count(".") == 1
                else named.get(FHIR_TYPE, "string")
            )
        codes.append(code)
    return codes


def targets(element: Json) -> list[str]:
    """The resource types a reference may lead to; empty means any."""
    found = {
        profile.removeprefix(PROFILE)
        for type_ in element.get("type", ())
        if type_["code"] in ("Reference", "canonical")
        for profile in type_.get("targetProfile", ())
    }
    return [] if "Resource" in found else sorted(found)


def element_row(element: Json, owner: Json, inline: set[str]) -> list[Any]:
    path = element["path"]
    content = element.get("contentReference", "").removeprefix("#")
    codes = [content] if content else [path] if path in inline else type_codes(element, owner)
    binding = element.get("binding", {})
    flags = (1 if element.get("isSummary") else 0) + (2 if element.get("isModifier") else 0)
    return [
        path.rsplit(".", 1)[1].removesuffix("[x]"),
        path.endswith("[x]"),
        element["min"],
        -1 if element["max"] == "*" else int(element["max"]),
        codes,
        targets(element),
        binding.get("strength", ""),
        binding.get("valueSet", "").split("|")[0],
        flags,
    ]


def type_tables(definition: Json) -> Iterator[tuple[str, list[Any]]]:
    """One table for the type and one for each of its inline (backbone) elements: name, [kind, base,
    abstract, rows].
    """
    elements = definition["snapshot"]["element"]
    paths = [element["path"] for element in elements]
    inline = {p for p in paths[1:] if any(other.startswith(p + ".") for other in paths)}
    kind = {"resource": "resource", "complex-type": "complex", "primitive-type": "primitive"}[
        definition["kind"]
    ]
    base = definition.get("baseDefinition", "").removeprefix(PROFILE)
    for name in (definition["type"], *sorted(inline)):
        rows = [
            element_row(element, definition, inline)
            for element in elements[1:]
            if element["path"].rsplit(".", 1)[0] == name and element["max"] != "0"
        ]
        outer = name == definition["type"]
        yield (
            name,
            [
                kind if outer else "backbone",
                base if outer else "BackboneElement",
                bool(definition["abstract"]),
                rows,
            ],
        )


def types(folder: Path) -> tuple[Json, Json]:
    """All tables of types, and the regular expressions of the primitives."""
    tables: Json = {}
    expressions: Json = {}
    for definition in definitions(folder, "StructureDefinition"):
        if definition["kind"] == "logical" or definition.get("derivation") == "constraint":
            continue
        tables.update(type_tables(definition))
        if definition["kind"] == "primitive-type":
            value = definition["snapshot"]["element"][-1]
            for extension in value.get("type", [{}])[0].get("extension", ()):
                if extension["url"] == REGEX:
                    expressions[definition["type"]] = extension["valueString"]
    return tables, expressions


def concepts(system: Json) -> Iterator[tuple[str, list[str]]]:
    """Each code with the codes above it."""

    def walk(items: list[Json], above: list[str]) -> Iterator[tuple[str, list[str]]]:
        for item in items:
            parents = [
                p["valueCode"] for p in item.get("property", ()) if p["code"] == "subsumedBy"
            ]
            yield item["code"], above + parents
            yield from walk(item.get("concept", []), [*above, item["code"]])

    yield from walk(system.get("concept", []), [])


def abstract(system: Json) -> set[str]:
    """The codes that only group others, and are not to be used themselves."""
    found = set()
    waiting = list(system.get("concept", ()))
    while waiting:
        concept = waiting.pop()
        waiting += concept.get("concept", ())
        flags = {p["code"]: p.get("valueBoolean") for p in concept.get("property", ())}
        if flags.get("notSelectable"):
            found.add(concept["code"])
    return found


class Codes:
    """Expands value sets as far as the published code systems allow; None where they do not."""

    def __init__(self, folder: Path) -> None:
        self.systems = {s["url"]: s for s in definitions(folder, "CodeSystem")}
        self.sets = {s["url"]: s for s in definitions(folder, "ValueSet")}

    def expand(self, url: str) -> set[tuple[str, str]] | None:
        definition = self.sets.get(url)
        if definition is None or "compose" not in definition:
            return None
        found: set[tuple[str, str]] = set()
        for part in definition["compose"]["include"]:
            codes = self.part(part)
            if codes is None:
                return None
            found |= codes
        for part in definition["compose"].get("exclude", ()):
            codes = self.part(part)
            if codes is None:
                return None
            found -= codes
        return found

    def part(self, part: Json) -> set[tuple[str, str]] | None:
        chosen: set[tuple[str, str]] | None = None
        if "system" in part:
            chosen = self.of_system(part)
            if chosen is None:
                return None
        for url in part.get("valueSet", ()):
            inner = self.expand(url.split("|")[0])
            if inner is None:
                return None
            chosen = inner if chosen is None else chosen & inner
        return chosen

    def of_system(self, part: Json) -> set[tuple[str, str]] | None:
        url = part["system"]
        if "concept" in part:
            return {(url, concept["code"]) for concept in part["concept"]}
        system = self.systems.get(url)
        if system is None or system.get("content") != "complete":
            return None
        codes = dict(concepts(system))
        for test in part.get("filter", ()):
            if (
                test["op"] not in ("is-a", "descendent-of", "is-not-a")
                or test["property"] != "concept"
            ):
                return None
            root, within = test["value"], {test["value"]}
            while grown := {
                code for code, above in codes.items() if code not in within and within & set(above)
            }:
                within |= grown
            if test["op"] == "is-not-a":
                codes = {code: above for code, above in codes.items() if code not in within}
            else:
                codes = {
                    c: a
                    for c, a in codes.items()
                    if c in within and (c != root or test["op"] == "is-a")
                }
        return {(url, code) for code in codes.keys() - abstract(system)}


def extensions(folder: Path) -> Json:
    """What R4's own extensions may hold: url, as `profiles.extensions.Definition`."""
    found: Json = {}
    for definition in definitions(folder, "StructureDefinition"):
        if definition["type"] == "Extension" and definition["url"].startswith(HL7_SYSTEMS):
            elements = {one["id"]: one for one in definition["snapshot"]["element"]}
            if len(elements) > 1 and "derivation" in definition and PROFILE in definition["url"]:
                found[definition["url"]] = extension(elements, "Extension")
    found.pop(f"{PROFILE}Extension", None)
    return found


def extension(elements: dict[str, Json], at: str) -> list[Any]:
    """The extension, or the part of one, whose elements have ids that begin with `at`."""
    value = elements.get(f"{at}.value[x]", {"max": "0"})
    has_value = value["max"] != "0"
    binding = value.get("binding", {}) if has_value else {}
    required = binding.get("valueSet", "") if binding.get("strength") == "required" else ""
    parts = [id_ for id_ in elements if is_part(id_, at)]
    return [
        elements[at]["min"] if ":" in at else 0,
        -1 if elements[at]["max"] == "*" else int(elements[at]["max"]),
        [type_["code"] for type_ in value.get("type", ())] if has_value else [],
        [one for one in targets(value)] if has_value else [],
        required.split("|")[0],
        {elements[f"{one}.url"]["fixedUri"]: extension(elements, one) for one in parts},
    ]


def is_part(id_: str, at: str) -> bool:
    rest = id_.removeprefix(f"{at}.extension:")
    return rest != id_ and "." not in rest and ":" not in rest


def required_codes(tables: Json, codes: Codes) -> Json:
    """The codes of each value set that some element must take its code from: url, {system: [code]}.
    """
    urls = {
        row[7] for table in tables.values() for row in table[3] if row[6] == "required" and row[7]
    }
    result: Json = {}
    for url in sorted(urls):
        expanded = codes.expand(url)
        if expanded is None:
            print(f"not enumerable, checked by its format alone: {url}", file=sys.stderr)
        else:
            result[url] = by_system(expanded)
    return result


def other_codes(required: Json, codes: Codes) -> Json:
    """The same of all other value sets that can be enumerated and hold codes of HL7 alone: those of
    SNOMED CT, LOINC and others are not ours to hand on.
    """
    expanded = {url: codes.expand(url) for url in sorted(codes.sets.keys() - required.keys())}
    of_hl7 = {url: found for url, found in expanded.items() if found and is_of_hl7(found)}
    return {url: by_system(found) for url, found in of_hl7.items()}


def is_of_hl7(codes: set[tuple[str, str]]) -> bool:
    return all(system.startswith(HL7_SYSTEMS) for system, _ in codes)


def by_system(codes: set[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for system, code in sorted(codes):
        found.setdefault(system, []).append(code)
    return found


def hierarchies(codes: Codes) -> Json:
    """Of each code system with codes above others: url, {code: [the codes right above it]}."""
    found: Json = {}
    for url, system in sorted(codes.systems.items()):
        parents: dict[str, set[str]] = {}
        for code, above in concepts(system):
            parents.setdefault(code, set()).update(above)
        above_of = {code: sorted(nearest(code, parents)) for code in parents if parents[code]}
        if above_of:
            found[url] = above_of
    return found


def nearest(code: str, above: dict[str, set[str]]) -> set[str]:
    """The codes above it that are not above one of these."""
    return {one for one in above[code] if not any(one in above[other] for other in above[code])}


def search_parameters(folder: Path) -> list[tuple[Any, ...]]:
    rows = []
    for definition in definitions(folder, "SearchParameter"):
        if (
            definition["url"].startswith("http://hl7.org/fhir/SearchParameter/example")
            or "base" not in definition
        ):
            continue
        rows.append(msgspec.structs.astuple(search_parameter(definition)))
    return rows


def compartments(folder: Path) -> Json:
    found: Json = {}
    for definition in definitions(folder, "CompartmentDefinition"):
        if definition["url"] not in EXAMPLES:
            members = {r["code"]: r["param"] for r in definition["resource"] if r.get("param")}
            found[definition["code"]] = members
    return found


def write(name: str, content: object) -> None:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(f"{name}: {len(text):,} characters")


def main() -> None:
    folder = Path(sys.argv[1])
    tables, expressions = types(folder)
    write("types", tables)
    write("primitives", expressions)
    codes = Codes(folder)
    required = required_codes(tables, codes)
    write("codes", required)
    write("value_sets", other_codes(required, codes))
    write("extensions", extensions(folder))
    write("hierarchies", hierarchies(codes))
    write("search", search_parameters(folder))
    write("compartments", compartments(folder))


if __name__ == "__main__":
    main()
