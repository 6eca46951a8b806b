"""The paths of search parameters, compiled on the type tables to closures over plain dicts.

https://hl7.org/fhir/R4/searchparameter-definitions.html#SearchParameter.expression

Types are settled while compiling: an element with a choice of types becomes one branch per type,
so that nothing is looked up in the tables at run time. This is the part of FHIRPath that search
expressions use; what else is asked for is a ValueError. Unlike FHIRPath, `|` keeps duplicates: an
index is a set.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from profiles.definitions import Definitions, Element
from profiles.fhirpath import parse as tree
from profiles.links import type_of

Resource = Mapping[str, Any]
Values = Callable[[Any, Resource], Sequence[Any]]  # context, the whole resource → plain values
Select = Callable[[Resource], Sequence[tuple[str, Any]]]

_NONE: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """One way to one type: `values` from a context, `element` the last one passed (None at the
    start).
    """

    type_: str
    values: Values
    element: Element | None = None
    steps: tuple[tuple[str, bool], ...] | None = (
        None  # JSON name, many: set while it is nothing but steps
    )
    leads_to: str = ""  # the only resource type its references can lead to: `where(resolve() is T)`


@dataclass(frozen=True, slots=True)
class End:
    """What a path can give: a type, the binding of a code, the resource types of a reference
    (empty: any); `element`: the name of the last element passed.
    """

    type_: str
    value_set: str
    targets: tuple[str, ...]
    element: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled expression: `select(resource)` gives (type, value) pairs, as `ends` says."""

    select: Select
    ends: tuple[End, ...]


def compile_path(expression: str, type_: str, definitions: Definitions) -> Path:
    """The path for resources of `type_`; branches that begin at another resource type give nothing.

    ValueError names what the expression asks for that is not in the tables, or not done here.
    """
    start = Branch(type_, _itself, steps=())
    found = _Compiler(definitions).branches(tree.parse(expression), (start,))
    return Path(_select(found, definitions), tuple(_end(branch) for branch in found))


def _end(branch: Branch) -> End:
    element = branch.element
    if branch.leads_to:
        return End(branch.type_, "", (branch.leads_to,), element.name if element else "")
    if element is None:
        return End(branch.type_, "", ())
    return End(branch.type_, element.value_set, element.targets, element.name)


class _Compiler:
    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions

    def branches(self, node: tree.Node, context: tuple[Branch, ...]) -> tuple[Branch, ...]:
        """The branches `node` leads to from `context`."""
        match node:
            case tree.Member(None, name) if name in self.definitions.types and name[0].isupper():
                return tuple(branch for branch in context if self.is_kind(branch.type_, name))
            case tree.Member(of, name):
                return self.step(context if of is None else self.branches(of, context), name)
            case tree.Operation("|", left, right):
                return self.branches(left, context) + self.branches(right, context)
            case tree.Typed("as", of, type_):
                return self.narrowed(self.branches(of, context), type_)
            case tree.Call(of, name, arguments):
                return self.call(
                    context if of is None else self.branches(of, context), name, arguments
                )
            case tree.Indexed(of, tree.Literal(int(index))):
                return self.indexed(self.branches(of, context), index)
            case tree.Operation(("=" | "!=" | "and"), _, _):
                return self.boolean(node, context)
            case tree.Literal(value):
                return (
                    Branch("boolean" if isinstance(value, bool) else "string", _constant(value)),
                )
        raise ValueError(f"`{node}` is not done in a search path")

    def is_kind(self, type_: str, name: str) -> bool:
        while type_ and type_ != name:
            type_ = self.definitions.types[type_].base
        return type_ == name

    def step(self, context: tuple[Branch, ...], name: str) -> tuple[Branch, ...]:
        found: list[Branch] = []
        for branch in context:
            table = self.definitions.types[branch.type_]
            if table.primitive and name == "value":
                found.append(branch)
                continue
            start = _beside(branch) if table.primitive else branch
            for json_name, (element, type_) in table.members.items():
                if element.name == name:
                    found.append(_stepped(start, json_name, element, type_))
        if context and not found:
            raise ValueError(f"`{context[0].type_}` has no `{name}`")
        return tuple(found)

    def narrowed(self, context: tuple[Branch, ...], type_: str) -> tuple[Branch, ...]:
        """Primitives by their very type: `as uri` leaves a canonical out, as the search
        expressions mean it.
        """
        if type_ not in self.definitions.types:
            raise ValueError(f"`{type_}` is no type")
        if self.definitions.types[type_].primitive:
            return tuple(branch for branch in context if branch.type_ == type_)
        return tuple(branch for branch in context if self.is_kind(branch.type_, type_))

    def call(
        self, context: tuple[Branch, ...], name: str, arguments: tuple[tree.Node, ...]
    ) -> tuple[Branch, ...]:
        match name, arguments:
            case (("as" | "ofType"), (tree.Member(None, type_),)):
                return self.narrowed(context, type_)
            case "where", (tree.Typed("is", tree.Call(None, "resolve", ()), type_),):
                return tuple(_leading_to(branch, type_) for branch in context)
            case "where", (condition,):
                return tuple(_filtered(b, self.test(condition, b)) for b in context)
            case "extension", (tree.Literal(str(url)),):
                extensions = self.step(context, "extension")
                return tuple(
                    _filtered(b, lambda value, _: value.get("url") == url) for b in extensions
                )
            case "exists", ():
                return (Branch("boolean", _exists(tuple(branch.values for branch in context))),)
            case "hasExtension", (tree.Literal(str(url)),):
                return self.call(self.call(context, "extension", arguments), "exists", ())
        raise ValueError(f"`{name}` with {len(arguments)} arguments is not done in a search path")

    def indexed(self, context: tuple[Branch, ...], index: int) -> tuple[Branch, ...]:
        if len(context) > 1:
            raise ValueError("an index after a choice of types is not done in a search path")
        return tuple(Branch(b.type_, _at(b.values, index), b.element) for b in context)

    def test(self, condition: tree.Node, branch: Branch) -> Callable[[Any, Resource], bool]:
        """The condition as a question to each value of `branch`; empty is no."""
        values = _joined(self.branches(condition, (Branch(branch.type_, _itself, steps=()),)))
        return lambda value, resource: list(values(value, resource)) == [True]

    def boolean(self, node: tree.Operation, context: tuple[Branch, ...]) -> tuple[Branch, ...]:
        left = _joined(self.branches(node.left, context))
        right = _joined(self.branches(node.right, context))
        combine = {"=": _equal, "!=": _unequal, "and": _both}[node.operator]
        return (
            Branch("boolean", lambda value, all_: combine(left(value, all_), right(value, all_))),
        )


def reference_type(value: Any, resource: Resource) -> str:
    """The resource type a Reference (or its text) leads to, as far as it can be told from
    `resource` alone; else "".

    A literal reference tells it in its text, a contained one by what it is, any other by
    Reference.type.
    """
    text = value if isinstance(value, str) else value.get("reference", "")
    if text.startswith("#"):
        return _contained_type(text[1:], resource)
    if text and (type_ := type_of(text)):
        return type_
    return "" if isinstance(value, str) else str(value.get("type", ""))


def _contained_type(id_: str, resource: Resource) -> str:
    if not id_:
        return str(resource.get("resourceType", ""))
    for contained in resource.get("contained", _NONE):
        if contained.get("id") == id_:
            return str(contained.get("resourceType", ""))
    return ""


def _itself(context: Any, _: Resource) -> Sequence[Any]:
    return (context,)


def _stepped(branch: Branch, name: str, element: Element, type_: str) -> Branch:
    step = (name, element.many)
    if branch.steps is None:
        return Branch(type_, _then(branch.values, _walk((step,))), element)
    steps = (*branch.steps, step)
    return Branch(type_, _walk(steps), element, steps)


def _beside(branch: Branch) -> Branch:
    """What JSON has beside a primitive, its id and extensions: `_birthDate` beside `birthDate`."""
    if not branch.steps:
        raise ValueError(f"the extensions of a `{branch.type_}` are not done after a condition")
    *before, (name, many) = branch.steps
    values = _walk((*before, ("_" + name, many)))

    def beside(context: Any, resource: Resource) -> Sequence[Any]:
        return [value for value in values(context, resource) if value is not None]

    return Branch(branch.type_, beside, branch.element)


def _walk(steps: tuple[tuple[str, bool], ...]) -> Values:
    """Follow JSON names from a dict; the commonest shapes have their own closure, for speed."""
    if len(steps) == 1:
        (name, many) = steps[0]
        if many:
            return lambda context, _: context.get(name, _NONE)
        return lambda context, _: (context[name],) if name in context else _NONE
    (first, many), *others = steps
    rest = tuple(others)

    def walk(context: Any, _: Resource) -> Sequence[Any]:
        if first not in context:
            return _NONE
        found = context[first] if many else (context[first],)
        for name, several in rest:
            if several:
                found = [each for value in found for each in value.get(name, _NONE)]
            else:
                found = [value[name] for value in found if name in value]
        return found

    return walk


def _then(before: Values, after: Values) -> Values:
    return lambda context, all_: [
        each for value in before(context, all_) for each in after(value, all_)
    ]


def _filtered(branch: Branch, test: Callable[[Any, Resource], bool]) -> Branch:
    before = branch.values

    def values(context: Any, resource: Resource) -> Sequence[Any]:
        return [value for value in before(context, resource) if test(value, resource)]

    return Branch(branch.type_, values, branch.element)


def _leading_to(branch: Branch, type_: str) -> Branch:
    filtered = _filtered(branch, lambda value, resource: reference_type(value, resource) == type_)
    return replace(filtered, leads_to=type_)


def _at(before: Values, index: int) -> Values:
    return lambda context, all_: before(context, all_)[index : index + 1]


def _constant(value: object) -> Values:
    return lambda context, _: (value,)


def _joined(branches: Iterable[Branch]) -> Values:
    each = tuple(branch.values for branch in branches)
    return lambda context, all_: [value for values in each for value in values(context, all_)]


def _exists(each: tuple[Values, ...]) -> Values:
    return lambda context, all_: (any(len(values(context, all_)) > 0 for values in each),)


def _equal(left: Sequence[Any], right: Sequence[Any]) -> Sequence[Any]:
    if not left or not right:
        return _NONE
    same = len(left) == len(right) and all(
        isinstance(a, bool) == isinstance(b, bool) and a == b
        for a, b in zip(left, right, strict=True)
    )
    return (same,)


def _unequal(left: Sequence[Any], right: Sequence[Any]) -> Sequence[Any]:
    return tuple(not same for same in _equal(left, right))


def _both(left: Sequence[Any], right: Sequence[Any]) -> Sequence[Any]:
    if False in left or False in right:
        return (False,)
    return (True,) if left and right else _NONE


def _select(branches: tuple[Branch, ...], definitions: Definitions) -> Select:
    selects = tuple(_typed(branch, definitions) for branch in branches)
    if not selects:
        return lambda resource: _NONE
    if len(selects) == 1:
        return selects[0]
    return lambda resource: [pair for select in selects for pair in select(resource)]


def _typed(branch: Branch, definitions: Definitions) -> Select:
    """Pair each value with its type; a resource inside another says its own. Arrays of primitives
    may hold nulls.
    """
    values, type_ = branch.values, branch.type_
    if definitions.types[type_].abstract and definitions.types[type_].kind == "resource":
        return lambda resource: [
            (value["resourceType"], value) for value in values(resource, resource)
        ]
    return lambda resource: [
        (type_, value) for value in values(resource, resource) if value is not None
    ]
