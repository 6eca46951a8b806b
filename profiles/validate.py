"""Whether a resource is what the base R4 definitions allow: its structure, to the last primitive.

https://hl7.org/fhir/R4/validation.html

Unknown elements, cardinality, JSON types, formats, choices, empty values, required codes, targets
of references, contained resources (dom-2 to dom-5, ref-1), extensions (ext-1, and what R4's own may
hold), elements (ele-1), narratives (txt-1, txt-2), Bundles (bdl-1 to bdl-12). Not here: the other
invariants of the definitions, and profiles.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from profiles import bundle_rules, extensions, formats, links, narrative
from profiles.definitions import r4
from profiles.members import Member, Rules, rules

# Where a value is: what holds it (None for the root), its name, its place in a list or -1.
At = tuple["At | None", str, int]
_NOT_IN_CONTAINED = (("dom-4", "versionId"), ("dom-4", "lastUpdated"), ("dom-5", "security"))


@dataclass(frozen=True, slots=True)
class Issue:
    """`code` is of http://hl7.org/fhir/issue-type; `expression` is FHIRPath."""

    code: str
    text: str
    expression: str


class _Enough(Exception):
    """As many issues as were asked for."""


def validate(resource: Mapping[str, Any], *, limit: int = 50) -> list[Issue]:
    """What is wrong with `resource`, a dict as `json.loads` gives it; none if it is valid.

    At most `limit` issues. Decimals may be Decimal, float or int. A missing element is named by the
    expression it would have.
    """
    walk = _Walk(limit)
    try:
        walk.resource(resource, None)
    except _Enough:
        pass
    except RecursionError:
        walk.issues.append(Issue("structure", "the resource is nested too deep", ""))
    return walk.issues


class _Walk:
    """One walk. `container`: the type of the resource we are in, or in whose contained one we are.

    `contained`: the types of its contained resources, by id. `used`: its references to them.
    `entries`: the types of the entries of the Bundle we are in, by fullUrl.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.issues: list[Issue] = []
        self.container = ""
        self.contained: Mapping[str, str] = {}
        self.used = set[str]()
        self.entries: Mapping[str, str] = {}
        self.inside_contained = False

    def add(self, code: str, text: str, at: At | None) -> None:
        self.issues.append(Issue(code, text, _expression(at)))
        if len(self.issues) >= self.limit:
            raise _Enough

    def resource(self, value: Any, at: At | None, *, contained: bool = False) -> None:
        name = value.get("resourceType") if type(value) is dict else None
        if name is None:
            self.add("structure", "a resource with a `resourceType` is expected here", at)
            return
        if type(name) is not str or not r4().is_resource(name):
            self.add("structure", f"`{str(name)[:100]}` is not a resource type", at)
            return
        here = at or (None, name, -1)
        before = self.container, self.contained, self.used, self.entries, self.inside_contained
        if not contained:
            self.container, self.contained, self.used = name, {}, set()
            if "contained" in value:
                self.contained = links.types_of_contained(value)
        if name == "Bundle":
            self.entries = links.types_of_entries(value)
        self.inside_contained = contained
        self.object(value, rules(name), here)
        if not contained and "contained" in value:
            self.contained_resources(value, here)
        if name == "Bundle":
            for text, path in bundle_rules.faults(value):
                self.add("invariant", text, (here, path, -1))
        self.container, self.contained, self.used, self.entries, self.inside_contained = before

    def object(self, value: Any, inside: Rules, at: At) -> None:
        if type(value) is not dict:
            self.add("structure", "an object is expected here", at)
            return
        chosen: dict[str, str] = {}
        for name, item in value.items():
            member = inside.members.get(name)
            if member is None:
                text = f"`{name[:100]}` is not an element of {inside.name}"
                self.add("structure", text, (at, name[:100].removeprefix("_"), -1))
                continue
            if member.many:
                self.array(item, member, value.get(member.partner), at)
            elif member.holds is None:
                self.child(item, member, (at, member.path, -1), value.get(member.partner))
            elif not member.holds(item):
                self.refuse(item, member, (at, member.path, -1))
            if member.choice and chosen.setdefault(member.path, name) not in (name, member.partner):
                text = f"only one `{member.path}[x]` is allowed"
                self.add("structure", text, (at, member.path, -1))
        for path, names in inside.required:
            for name in names:
                if name in value:
                    break
            else:
                self.add("required", f"`{path}` is missing", (at, path, -1))
        if not inside.resource:
            self.element(value, inside, at, bool(chosen))

    def element(self, value: Mapping[str, Any], inside: Rules, at: At, chosen: bool) -> None:
        """What holds of every element that is no resource: ele-1; ext-1 of an extension."""
        if not value:
            self.add("structure", "an empty object is not allowed", at)
        elif len(value) == 1 and "id" in value and inside.name != "Element":
            self.add("invariant", "ele-1: an element has more than an id", at)
        elif inside.name == "Extension" and chosen == ("extension" in value):
            self.add("invariant", "ext-1: an extension has either a value or extensions", at)

    def array(self, items: Any, member: Member, partner: Any, at: At) -> None:
        if type(items) is not list:
            self.add("structure", "an array is expected here", (at, member.path, -1))
            return
        if not items:
            self.add("structure", "an empty array is not allowed", (at, member.path, -1))
        before = len(self.issues)
        beside: list[Any] = partner if type(partner) is list else []
        if member.holds is None and beside:
            items = _without_nulls_beyond(len(beside), items)
        elif member.holds:
            beside = _without_nulls_beyond(len(items), beside)
        if beside and len(beside) != len(items) and member.holds:
            text = f"`{member.path}` and `{member.partner}` have different lengths"
            self.add("structure", text, (at, member.path, -1))
        for index, item in enumerate(items):
            other = beside[index] if index < len(beside) else None
            if item is None and index < len(beside) and (other is not None or not member.holds):
                continue
            if member.holds is None:
                self.child(item, member, (at, member.path, index), other)
            elif not member.holds(item):
                self.refuse(item, member, (at, member.path, index))
        if member.type == "Extension" and len(self.issues) == before:
            for code, fault, path in extensions.faults(items, member.path):
                self.add(code, fault, (at, path, -1))

    def child(self, item: Any, member: Member, at: At, partner: Any) -> None:
        """An object or a resource; `partner` is the primitive that a `_name` belongs to."""
        if not member.type:
            if member.path == "contained" and self.inside_contained:
                self.add("invariant", "dom-2: a contained resource contains none", at)
            else:
                self.resource(item, at, contained=member.path == "contained")
            return
        before = len(self.issues)
        self.object(item, rules(member.type), at)
        if len(self.issues) > before:
            return
        if member.type == "Reference":
            self.reference(item, member, at)
        elif member.type == "Element" and partner is None and "extension" not in item:
            self.add("invariant", "ele-1: an element has a value or an extension", at)
        elif member.codes and member.type == "CodeableConcept":
            self.concept(item, member, at)

    def refuse(self, value: Any, member: Member, at: At) -> None:
        """Say why a primitive is wrong."""
        if value is None:
            self.add("structure", "null stands only in arrays, beside an extension", at)
        elif type(value) in (dict, list):
            kind = "array" if type(value) is list else "object"
            self.add("structure", f"{member.primitive} is expected here, not an {kind}", at)
        elif member.primitive == "xhtml":
            self.add("invariant", narrative.fault(str(value)), at)
        elif member.codes and formats.holds("code", value):
            codes = ", ".join(code for codes in member.codes.values() for code in codes)
            text = f"`{value[:100]}` is not one of the codes allowed here: {codes[:100]}"
            self.add("code-invalid", text, at)
        else:
            self.add("value", formats.fault(member.primitive, value, member.expected), at)

    def concept(self, value: Mapping[str, Any], member: Member, at: At) -> None:
        codings: list[dict[str, str]] = value.get("coding", [])
        known = [c for c in codings if c.get("system", "") in member.codes]
        if not any(c.get("code", "") in member.codes[c["system"]] for c in known):
            shown = ", ".join(f"{c.get('system', '')}|{c.get('code', '')}" for c in codings)
            text = f"none of `{shown[:100]}` is one of the codes required here"
            self.add("code-invalid", text, at)

    def reference(self, value: Mapping[str, Any], member: Member, at: At) -> None:
        text, named = value.get("reference", ""), value.get("type", "")
        leads_to = (self.entries and self.entries.get(text)) or links.type_of(text)
        if text == "#" and self.inside_contained:
            leads_to = self.container
        elif text.startswith("#"):
            self.used.add(text)
            leads_to = self.contained.get(text[1:], "")
            if not leads_to:
                self.add("invariant", f"ref-1: no contained resource `{text[:100]}`", at)
        if leads_to and r4().is_resource(named) and named != leads_to:
            self.add("value", f"`{text[:100]}` is not of type `{named}`", at)
        type_ = leads_to or named
        if member.targets and r4().is_resource(type_) and type_ not in member.targets:
            allowed = ", ".join(member.targets)[:100]
            self.add("structure", f"`{type_}` may not stand here, but {allowed}", at)

    def contained_resources(self, value: Mapping[str, Any], at: At) -> None:
        """What the container must see to; dom-2 is in `child`."""
        resources = value.get("contained")
        if type(resources) is not list:
            return
        if not all(f"#{id_}" in self.used for id_ in self.contained):
            self.used.update(links.fragments(value))  # canonicals and URIs too
        seen = set[str]()
        for index, inner in enumerate(resources):
            if type(inner) is not dict:
                continue
            here, id_ = (at, "contained", index), str(inner.get("id", ""))
            self.contained_meta(inner.get("meta"), (here, "meta", -1))
            if not (id_ and f"#{id_}" in self.used) and "#" not in links.fragments(inner):
                text = f"dom-3: nothing refers to the contained resource `{id_[:100]}`"
                self.add("invariant", text, here)
            if id_ and id_ in seen:
                self.add("invariant", f"two contained resources have the id `{id_[:100]}`", here)
            seen.add(id_)

    def contained_meta(self, meta: Any, at: At) -> None:
        for rule, name in _NOT_IN_CONTAINED if type(meta) is dict else ():
            if name in meta:
                text = f"{rule}: a contained resource has no `meta.{name}`"
                self.add("invariant", text, (at, name, -1))


def _without_nulls_beyond(length: int, items: list[Any]) -> list[Any]:
    """Without the nulls at the end of an array that is longer than the one beside it."""
    end = len(items)
    while end > length and items[end - 1] is None:
        end -= 1
    return items[:end]


def _expression(at: At | None) -> str:
    steps: list[str] = []
    while at is not None:
        at, name, index = at
        steps.append(name if index < 0 else f"{name}[{index}]")
    return ".".join(reversed(steps))
