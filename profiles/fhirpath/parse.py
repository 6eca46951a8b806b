"""FHIRPath tokens into a syntax tree, by binding power.

http://hl7.org/fhirpath/N1/#operator-precedence, http://hl7.org/fhirpath/N1/grammar.html
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from profiles.fhirpath.tokens import Token, tokens


@dataclass(frozen=True, slots=True)
class Literal:
    """A boolean, string, whole number or decimal."""

    value: bool | str | int | Decimal


@dataclass(frozen=True, slots=True)
class Time:
    """A date, dateTime (with a `T` in it) or time (which begins with one), as it is written after
    the @.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity: `4 days`, `5 'mg'`; `calendar` when the unit is a word."""

    value: Decimal
    unit: str
    calendar: bool


@dataclass(frozen=True, slots=True)
class Empty:
    """`{}`"""


@dataclass(frozen=True, slots=True)
class Variable:
    """`$this`, `$index`, `$total`, or a constant such as `%resource`."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """`of.name`; of the context when `of` is None."""

    of: "Node | None"
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """`of.name(arguments)`; of the context when `of` is None."""

    of: "Node | None"
    name: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Indexed:
    of: "Node"
    index: "Node"


@dataclass(frozen=True, slots=True)
class Signed:
    sign: str
    of: "Node"


@dataclass(frozen=True, slots=True)
class Typed:
    """`of is type_` or `of as type_`; `type_` may have a namespace before a dot."""

    operator: str
    of: "Node"
    type_: str


@dataclass(frozen=True, slots=True)
class Operation:
    operator: str
    left: "Node"
    right: "Node"


Node = (
    Literal | Time | Amount | Empty | Variable
    | Member | Call | Indexed | Signed | Typed | Operation
)  # fmt: skip

_POWER = {
    "implies": 1,
    "or": 2, "xor": 2,
    "and": 3,
    "in": 4, "contains": 4,
    "=": 5, "~": 5, "!=": 5, "!~": 5,
    ">": 6, "<": 6, ">=": 6, "<=": 6,
    "|": 7,
    "is": 8, "as": 8,
    "+": 9, "-": 9, "&": 9,
    "*": 10, "/": 10, "div": 10, "mod": 10,
}  # fmt: skip
_SIGNED = 11
_CALENDAR = {
    unit + plural
    for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for plural in ("", "s")
}


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of a FHIRPath expression; ValueError says what was expected, and where."""
    try:
        return _Parser(text).whole()
    except RecursionError:
        raise ValueError("this FHIRPath is nested too deep") from None


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.position = text, tokens(text), 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def next(self) -> Token:
        token = self.token
        self.position += 1
        return token

    def sees(self, sign: str) -> bool:
        return self.token.kind == "sign" and self.token.text == sign

    def accepts(self, sign: str) -> bool:
        if self.sees(sign):
            self.position += 1
            return True
        return False

    def expect(self, sign: str) -> None:
        if not self.accepts(sign):
            raise self.fault(f"`{sign}`")

    def fault(self, wanted: str) -> ValueError:
        return ValueError(f"{wanted} expected at offset {self.token.at} of `{self.text}`")

    def whole(self) -> Node:
        node = self.expression(0)
        if self.token.kind != "end":
            raise self.fault("an operator or the end")
        return node

    def expression(self, floor: int) -> Node:
        """What binds tighter than `floor`; operators of equal power are read from the left."""
        left = self.term()
        while (power := self.power()) > floor:
            operator = self.next().text
            if operator in ("is", "as"):
                left = Typed(operator, left, self.type_name())
            else:
                left = Operation(operator, left, self.expression(power))
        return left

    def power(self) -> int:
        token = self.token
        if token.kind not in ("sign", "name") or token.quoted:
            return 0
        return _POWER.get(token.text, 0)

    def term(self) -> Node:
        if self.sees("+") or self.sees("-"):
            return Signed(self.next().text, self.expression(_SIGNED - 1))
        node = self.first()
        while True:
            if self.accepts("."):
                node = self.invocation(node)
            elif self.accepts("["):
                node = Indexed(node, self.expression(0))
                self.expect("]")
            else:
                return node

    def first(self) -> Node:
        token = self.token
        match token.kind:
            case "string":
                return Literal(self.next().text)
            case "number":
                return self.number()
            case "time":
                return Time(self.next().text)
            case "constant":
                return Variable("%" + self.next().text)
            case "name" if token.text in ("true", "false") and not token.quoted:
                return Literal(self.next().text == "true")
            case "name" | "variable":
                return self.invocation(None)
        if self.accepts("("):
            node = self.expression(0)
            self.expect(")")
            return node
        if not self.accepts("{"):
            raise self.fault("a value")
        self.expect("}")
        return Empty()

    def number(self) -> Node:
        text = self.next().text
        token = self.token
        calendar = token.kind == "name" and token.text in _CALENDAR and not token.quoted
        if calendar or token.kind == "string":
            return Amount(Decimal(text), self.next().text, calendar)
        return Literal(Decimal(text) if "." in text else int(text))

    def invocation(self, of: Node | None) -> Node:
        token = self.next()
        if token.kind == "variable" and token.text in ("$this", "$index", "$total"):
            return Variable(token.text)
        if token.kind != "name":
            self.position -= 1
            raise self.fault("a name")
        if not self.accepts("("):
            return Member(of, token.text)
        return Call(of, token.text, self.arguments())

    def arguments(self) -> tuple[Node, ...]:
        if self.accepts(")"):
            return ()
        found = [self.expression(0)]
        while self.accepts(","):
            found.append(self.expression(0))
        self.expect(")")
        return tuple(found)

    def type_name(self) -> str:
        if self.token.kind != "name":
            raise self.fault("a type")
        name = self.next().text
        if not self.accepts("."):
            return name
        return f"{name}.{self.next().text}"
