"""What a narrative may hold, and what it may not."""

import pytest

from profiles.narrative import DEEPEST, fault

XMLNS = 'xmlns="http://www.w3.org/1999/xhtml"'

GOOD = {
    "text": "a",
    "formatting": "<p>a<br/><b>b</b><i>c</i><code>d</code></p><h1>e</h1><pre>f</pre>",
    "a table": '<table border="1"><tbody><tr><td colspan="2">a</td></tr></tbody></table>',
    "lists": '<ul><li>a</li></ul><ol start="3"><li value="4">b</li></ol><dl><dt>c</dt></dl>',
    "anchors": '<a name="b">a</a><a href="http://a.example/javascript:" title="b">c</a>',
    "an image alone": '<img src="#a" alt="b"/>',
    "an image with its data": 'a<img src="data:image/png;base64,AAAA" alt="b"/>',
    "style": '<p style="color: red" class="a" id="b">c</p>',
    "languages": '<p xml:lang="fr" lang="fr">a</p>',
    "entities of XML": "&lt;&amp;&#233;",
    "comments": "a<!-- b -->",
    "characters that are quoted": "a<![CDATA[<b>]]>",
    "as deep as the limit": "<b>" * (DEEPEST - 1) + "a" + "</b>" * (DEEPEST - 1) + "<i>b</i>",
}
BAD = {
    "blank": (" \n<p> </p>", "txt-2"),
    "an image of nothing": ('<img alt="a"/>', "txt-2"),
    "script": ("a<script>b</script>", "`script`"),
    "style sheet": ("a<style>b</style>", "`style`"),
    "external style sheet": ('a<link rel="stylesheet" href="b"/>', "`link`"),
    "a form": ('a<form action="b"><input type="text"/></form>', "`form`"),
    "an object": ('a<object data="b"/>', "`object`"),
    "a frame": ('a<iframe src="b"/>', "`iframe`"),
    "a head": ("<head><title>a</title></head>", "`head`"),
    "what HTML deprecates": ("<font>a</font>", "`font`"),
    "an event": ('<p onclick="b">a</p>', "`onclick`"),
    "an event in capitals": ('<p onClick="b">a</p>', "`onClick`"),
    "a script in a link": ('<a href="javascript:b()">a</a>', "`javascript:b()`"),
    "a script that hides": ('<a href=" java&#10;Script:b()">a</a>', "may not stand"),
    "a page in a link": ('<a href="data:text/html,b">a</a>', "`data:text/html,b`"),
    "a script in an image": ('<img src="vbscript:b" alt="c"/>', "`vbscript:b`"),
    "a script in a style": ('<p style="width: expression(b)">a</p>', "expression(b)"),
    "capitals": ("<P>a</P>", "`P`"),
    "another namespace": ('a<svg xmlns="http://www.w3.org/2000/svg"/>', "`svg`"),
    "an attribute of another namespace": ('<p xmlns:b="b" b:class="c">a</p>', "attribute `class`"),
    "tags that do not match": ("<b>a</i>", "not XHTML"),
    "an entity of HTML": ("a&nbsp;b", "not XHTML"),
    "an attribute without quotes": ("<p class=a>b</p>", "not XHTML"),
    "an attribute twice": ('<p class="a" class="b">c</p>', "not XHTML"),
    "a control character": ("a\x01", "not XHTML"),
    "deeper than the limit": ("<b>" * DEEPEST + "a" + "</b>" * DEEPEST, "nested deeper"),
}
NO_DIV = {
    "text": "a",
    "nothing": "",
    "no namespace": "<div>a</div>",
    "a paragraph": f"<p {XMLNS}>a</p>",
    "two": f"<div {XMLNS}>a</div><div {XMLNS}>b</div>",
    "text behind": f"<div {XMLNS}>a</div>b",
    "a declaration": f'<?xml version="1.0"?><div {XMLNS}>a</div>',
    "a document type": f"<!DOCTYPE div><div {XMLNS}>a</div>",
    "half a surrogate pair": f"<div {XMLNS}>\ud800</div>",
    "not closed": f"<div {XMLNS}>a",
}


@pytest.mark.parametrize("inside", GOOD.values(), ids=GOOD.keys())
def test_plain_formatting_is_a_narrative(inside: str) -> None:
    assert fault(f"<div {XMLNS}>{inside}</div>") == ""


@pytest.mark.parametrize(("inside", "reason"), BAD.values(), ids=BAD.keys())
def test_what_may_not_stand_in_a_narrative(inside: str, reason: str) -> None:
    assert reason in fault(f"<div {XMLNS}>{inside}</div>")


@pytest.mark.parametrize("text", NO_DIV.values(), ids=NO_DIV.keys())
def test_what_is_not_one_div(text: str) -> None:
    assert fault(text).startswith("txt-1")
