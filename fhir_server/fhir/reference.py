"""Literal references: read and write them.

https://hl7.org/fhir/R4/references.html#literal
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from profiles.definitions import r4
from profiles.links import segments, type_named

# The types of documents, their lists and their bytes: what a policy hides row by row.
DOCUMENTS = frozenset({"DocumentReference", "Binary", "Bundle", "List", "DocumentManifest"})


@dataclass(frozen=True, slots=True)
class Local:
    """To a resource of this server: `Patient/1`, `Patient/1/_history/2`, or the same after its own
    address.
    """

    type_: str
    id_: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Remote:
    """An address elsewhere; `type_`, `id_` and `version` where it reads like one of a FHIR server,
    else empty.
    """

    url: str
    type_: str = ""
    id_: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Urn:
    """`urn:uuid:…` or `urn:oid:…`: an entry of the same Bundle, or a name for something nobody
    serves.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Contained:
    """`#id`; an empty id is the containing resource itself."""

    id_: str


@dataclass(frozen=True, slots=True)
class Conditional:
    """`Patient?identifier=…` in a transaction."""

    type_: str
    query: str


Reference = Local | Remote | Urn | Contained | Conditional

_ID = r"[A-Za-z0-9.-]{1,64}"
_REST = re.compile(rf"([A-Za-z]+)/({_ID})(?:/_history(?:/({_ID}))?)?")
_REST_AT_END = re.compile(rf"(?:.*/)?{_REST.pattern}")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")
_URN = re.compile(r"urn:[a-z0-9][a-z0-9-]{1,31}:.+", re.IGNORECASE)
_FRAGMENT = re.compile(rf"#(?:{_ID})?")
_PORTS = {"http": 80, "https": 443}


def parse(text: str, *, base: str) -> Reference:
    """Read a literal reference; `base` is this server's address. ValueError names what is none.

    Understood in every spelling that leads to one place: `/Patient/1`, `./Patient//1/`,
    `patient/1`, `Patient/%31`, `Patient/1#x`, `Patient/1?`, the address of this server with another
    case or the port that goes without saying, by http or https.
    """
    own = base.rstrip("/") + "/"
    path = text[len(own) :] if text.startswith(own) else text
    if (match := _REST.fullmatch(path)) and (usual := _local(match)):
        return usual
    if _FRAGMENT.fullmatch(text):
        return Contained(text[1:])
    if _URN.fullmatch(text) and not _BLANK.search(text):
        return Urn(text)
    found = None if _BLANK.search(text) else _led(text, base)
    if found is None:
        raise ValueError(f"`{text[:100]}` is no reference")
    return found


def _local(match: re.Match[str]) -> Local | None:
    type_ = type_named(match[1])
    return Local(type_, match[2], match[3] or "") if type_ else None


def _led(text: str, base: str) -> Reference | None:
    """Where an address leads that is not in the usual spelling."""
    head, _, query = text.partition("?")
    try:
        parts, here = urlsplit(head.partition("#")[0]), urlsplit(base)
        at_home = not parts.netloc or _origin(parts, here) == _origin(here, here)
    except ValueError:  # no address has such a port, or such brackets
        return None
    if parts.scheme and not parts.netloc:
        return None
    path = _inside(parts, here) if at_home else None
    if path is None and parts.scheme:
        return _remote(text, segments(parts.path))
    if path is None and parts.netloc:  # `//Patient/1`
        path = segments(f"{parts.netloc}/{parts.path}")
    if path is None:
        return None
    if len(path) == 1 and query and (type_ := type_named(path[0])):
        return Conditional(type_, query)
    match = _REST.fullmatch("/".join(path))
    return _local(match) if match else None


def _remote(text: str, path: list[str] | None) -> Remote | None:
    if path is None:
        return None
    match = _REST_AT_END.fullmatch("/".join(path))
    there = _local(match) if match else None
    return Remote(text, there.type_, there.id_, there.version) if there else Remote(text)


def _inside(parts: SplitResult, here: SplitResult) -> list[str] | None:
    """The path below this server's address, `here`; None where it is not below it."""
    absolute = bool(parts.netloc) or parts.path.startswith("/")
    root = segments(here.path)
    path = segments(parts.path if absolute else f"{here.path}/{parts.path}")
    if path is None or root is None:
        return None
    if [part.lower() for part in path[: len(root)]] == [part.lower() for part in root]:
        return path[len(root) :]
    return path if absolute and not parts.netloc else None


def _origin(parts: SplitResult, here: SplitResult) -> tuple[str, int | None]:
    """Host and port, None for the one of the scheme; by http and https alike
    (https://hl7.org/fhir/R4/resource.html#id).
    """
    port = _PORTS.get(parts.scheme or here.scheme)
    host = (parts.hostname or "").rstrip(".")
    return host, None if parts.port == port else parts.port


def write(reference: Reference, *, base: str = "") -> str:
    """The text of a reference; with `base`, a local or conditional one becomes absolute."""
    prefix = base.rstrip("/") + "/" if base else ""
    match reference:
        case Local(type_, id_, version):
            return f"{prefix}{type_}/{id_}" + (f"/_history/{version}" if version else "")
        case Conditional(type_, query):
            return f"{prefix}{type_}?{query}"
        case Remote(url):
            return url
        case Urn(text):
            return text
        case Contained(id_):
            return f"#{id_}"


def elements(value: Any) -> list[dict[str, Any]]:
    """Every Reference element below `value`, in document order, but for those of the entries of a
    Bundle: they lead to each other (https://hl7.org/fhir/R4/bundle.html#references).
    """
    found: list[dict[str, Any]] = []
    _gather(value, found)
    return found


def _gather(value: Any, found: list[dict[str, Any]]) -> None:
    # Looked at with every write: no call is made for a primitive.
    if type(value) is list:
        for item in value:
            if type(item) is dict or type(item) is list:
                _gather(item, found)
    elif type(value) is dict:
        if type(value.get("reference")) is str:
            found.append(value)
        skipped = "entry" if value.get("resourceType") == "Bundle" else None
        for name, item in value.items():
            if (type(item) is dict or type(item) is list) and name != skipped:
                _gather(item, found)


Change = Callable[[str, dict[str, Any]], dict[str, Any]]  # name, Reference → Reference


def changed(resource: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """`resource` with each Reference element of its own as `change` makes it; what it contains
    stays.
    """
    return _changed(resource, resource["resourceType"], change)


def _changed(value: Mapping[str, Any], type_: str, change: Change) -> dict[str, Any]:
    members, made = r4().types[type_].members, dict(value)
    for name, item in value.items():
        if name not in members or type(item) not in (dict, list):
            continue
        inner, many = members[name][1], item if type(item) is list else [item]
        if inner == "Reference":
            found = [change(name, one) if type(one) is dict else one for one in many]
        elif inner in r4().types and inner != "Resource":
            found = [_changed(one, inner, change) if type(one) is dict else one for one in many]
        else:
            continue
        made[name] = found if type(item) is list else found[0]
    return made


def pointed(value: Any, addresses: Mapping[str, str]) -> Any:
    """`value` with these references replaced."""
    if isinstance(value, list):
        return [pointed(item, addresses) for item in value]
    if not isinstance(value, dict):
        return value
    made = {name: pointed(item, addresses) for name, item in value.items()}
    if isinstance(made.get("reference"), str) and made["reference"] in addresses:
        made["reference"] = addresses[made["reference"]]
    return made


def texts(resource: Mapping[str, Any]) -> Iterator[str]:
    """Every literal reference of a resource, and the addresses of a document's bytes."""
    for reference in elements(resource):
        yield reference["reference"]
    if resource["resourceType"] == "DocumentReference":
        for content in resource.get("content", ()):
            yield content.get("attachment", {}).get("url", "")


def place_of(text: str, resource: Mapping[str, Any]) -> str:
    """Where a text of `texts` stands in the resource, as FHIRPath; "" where it does not."""
    waiting = [(resource["resourceType"], resource["resourceType"], resource)]
    for path, type_, value in waiting:
        if isinstance(value, list):
            waiting += [(f"{path}[{n}]", type_, item) for n, item in enumerate(value)]
        elif isinstance(value, Mapping):
            members = r4().types[value.get("resourceType", type_)].members
            waiting += [
                (f"{path}.{members[name][0].name}", members[name][1], item)
                for name, item in value.items()
                if name in members
            ]
        elif value == text and path.endswith((".reference", ".url")):
            return path
    return ""
