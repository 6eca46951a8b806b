"""FHIRPath text into tokens.

http://hl7.org/fhirpath/N1/#tokens-and-lexical-elements
"""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["name", "string", "number", "time", "variable", "constant", "sign", "end"]

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
      | (?P<time>@(?:T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?
             | \d{4}(?:-\d\d(?:-\d\d)?)?
               (?:T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)?(?:Z|[+-]\d\d:\d\d)?)?))
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<name>[A-Za-z_]\w*)
      | (?P<quoted>`(?:[^`\\]|\\.)*`)
      | (?P<string>'(?:[^'\\]|\\.)*')
      | (?P<variable>\$[a-z]+)
      | (?P<constant>%(?:[A-Za-z_][\w-]*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'))
      | (?P<sign><=|>=|!=|!~|[-+*/&|<>=~.,()\[\]{}])""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPED = {"r": "\r", "n": "\n", "t": "\t", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is without quotes and escapes, `at` the offset; a name in backquotes is a `name` that
    is never a word.
    """

    kind: Kind
    text: str
    at: int
    quoted: bool = False


def tokens(text: str) -> list[Token]:
    """All tokens of `text`, then one of kind `end`; ValueError says what cannot be read."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"`{text[at : at + 20]}` is no FHIRPath")
        if match.lastgroup != "space":
            found.append(_token(match))
        at = match.end()
    found.append(Token("end", "", at))
    return found


def _token(match: re.Match[str]) -> Token:
    text, at = match.group(), match.start()
    match match.lastgroup:
        case "string":
            return Token("string", _plain(text[1:-1]), at)
        case "quoted":
            return Token("name", _plain(text[1:-1]), at, quoted=True)
        case "constant":
            return Token("constant", _plain(text[1:].strip("`'")), at)
        case "variable":
            return Token("variable", text, at)
        case "time":
            return Token("time", text[1:], at)
        case "number":
            return Token("number", text, at)
        case "name":
            return Token("name", text, at)
        case _:
            return Token("sign", text, at)


def _plain(text: str) -> str:
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    mark = match[1]
    return chr(int(mark[1:], 16)) if len(mark) == 5 else _ESCAPED.get(mark, mark)
