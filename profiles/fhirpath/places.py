"""FHIRPath to the places it names in one resource, so that what stands there can be changed.

http://hl7.org/fhirpath/N1/, https://hl7.org/fhir/R4/fhirpatch.html

Done here: names (a choice without its type, or with it), indexes, `where`, `first`, `last`, `tail`,
`skip`, `take`, `single`, `ofType`, `as`, `extension`, and `resolve` of contained resources; in
conditions also `exists`, `empty`, `not`, `count`, `hasValue`, `startsWith`, `endsWith`, `contains`,
comparisons, `is`, `in`, `and`, `or`, `xor`, `implies`. What else is asked for is a ValueError; a
name that a type does not have is a LookupError.
"""

from collections.abc import Callable

from profiles.definitions import r4
from profiles.fhirpath import operators as do
from profiles.fhirpath import parse as tree
from profiles.fhirpath.place import Item, Place, children, is_kind

Spend = Callable[[int], None]  # told how much has been looked at; may raise to stop


def find(path: str, start: Place, spend: Spend) -> list[Place]:
    """The places `path` names, in order; none when nothing stands there.

    ValueError for what is no FHIRPath, not done here, or gives values and no elements; LookupError
    for a name that its type does not have.
    """
    found = _Finder(start, spend).whole(path)
    places = [item for item in found if isinstance(item, Place)]
    if len(places) != len(found):
        raise ValueError("it gives values, not elements")
    return places


class _Finder:
    def __init__(self, start: Place, spend: Spend) -> None:
        self.start, self.spend = start, spend

    def whole(self, path: str) -> list[Item]:
        try:  # not the cached parser: what clients write would stay in memory
            return self.of(tree.parse.__wrapped__(path), [self.start])
        except RecursionError:
            raise ValueError("it is nested too deep") from None

    def of(self, node: tree.Node | None, context: list[Item]) -> list[Item]:
        """What `node` gives in a context; the context itself for None."""
        self.spend(1)
        match node:
            case None | tree.Variable("$this" | "%context"):
                return context
            case tree.Variable("%resource" | "%rootResource"):
                return [self.start]
            case tree.Member(None, name) if name[:1].isupper() and name in r4().types:
                return self.of_root_type(context, name)
            case tree.Member(of, name):
                return self.step(self.of(of, context), name)
            case tree.Indexed(of, index):
                at = do.whole_number(self.of(index, context))
                return self.of(of, context)[at : at + 1]
            case tree.Typed("as", of, type_):
                return do.of_type(self.of(of, context), type_)
            case tree.Typed("is", of, type_):
                return do.is_type(self.of(of, context), type_)
            case tree.Call(of, name, arguments):
                return self.call(self.of(of, context), name, arguments)
            case tree.Operation(operator, left, right):
                return do.operated(
                    operator, self.priced(self.of(left, context)), self.of(right, context)
                )
            case tree.Literal(value):
                return [value]
            case tree.Time(text):
                return [text]
            case tree.Empty():
                return []
        raise ValueError(f"a {type(node).__name__} is not done here")

    def of_root_type(self, context: list[Item], name: str) -> list[Item]:
        kept = [item for item in context if isinstance(item, Place) and is_kind(item.type_, name)]
        if not kept:
            raise ValueError(f"it begins with `{name}`, which is not what is here")
        return list(kept)

    def step(self, context: list[Item], name: str) -> list[Item]:
        found: list[Item] = []
        unknown: LookupError | None = None
        known = not context
        for item in context:
            if not isinstance(item, Place):
                raise ValueError(f"`{name[:100]}` is asked of a value")
            if item.primitive and name == "value":
                found.append(item)
                known = True
                continue
            try:
                found += children(item, name)
                known = True
            except LookupError as fault:
                unknown = fault
        self.spend(len(context) + len(found))
        if unknown and not known:
            raise unknown
        return found

    def call(
        self, context: list[Item], name: str, arguments: tuple[tree.Node, ...]
    ) -> list[Item]:
        match name, arguments:
            case "where", (condition,):
                return [item for item in context if self.holds(condition, item)]
            case "exists", (condition,):
                return [any(self.holds(condition, item) for item in context)]
            case "all", (condition,):
                return [all(self.holds(condition, item) for item in context)]
            case ("ofType" | "as"), (type_,):
                return do.of_type(context, do.type_name(type_))
            case "is", (type_,):
                return do.is_type(context, do.type_name(type_))
            case "extension", (tree.Literal(str(url)),):
                extensions = self.step(context, "extension")
                return [item for item in extensions if do.url_of(item) == url]
            case ("skip" | "take"), (count,):
                at = do.whole_number(self.of(count, [self.start]))
                return context[at:] if name == "skip" else context[:at]
            case ("startsWith" | "endsWith" | "contains"), (part,):
                return do.text_test(name, self.priced(context), self.of(part, [self.start]))
            case "resolve", ():
                return [place for item in context for place in self.resolved(item)]
            case _, () if name in do.SIMPLE:
                return do.SIMPLE[name](context)
        raise ValueError(f"`{name[:100]}` with {len(arguments)} arguments is not done here")

    def holds(self, condition: tree.Node, item: Item) -> bool:
        return do.truth(self.of(condition, [item])) is True

    def priced(self, found: list[Item]) -> list[Item]:
        """The same; long texts cost, since they will be read."""
        for item in found:
            value = do.plain(item)
            self.spend(len(value) // 1000 if isinstance(value, str) else 0)
        return found

    def resolved(self, item: Item) -> list[Item]:
        """The contained resource a reference leads to: a patch does not leave its resource."""
        value = do.plain(item)
        reference = value.get("reference") if isinstance(value, dict) else value
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise ValueError("`resolve` leads out of the resource")
        if reference == "#":
            return [self.start]
        contained = children(self.start, "contained")
        self.spend(len(contained))
        return [place for place in contained if place.value.get("id") == reference[1:]]
