"""The template language: what Go's ``text/template`` would write, or say."""

from __future__ import annotations

from typing import Any

import pytest

from local_assistant.engine.gotemplate import TemplateError, parse, runtime
from local_assistant.engine.gotemplate.parser import MAX_NESTING

DATA: dict[str, Any] = {
    "Text": "héllo <b>",
    "Empty": "",
    "Yes": True,
    "Half": 0.5,
    "Million": 1000000.0,
    "List": ["a", "b", "c"],
    "Mixed": [1.0, None, {"k": "v"}],
    "Map": {"z": "last", "a": "first", "none": None},
}


def render(text: str) -> str:
    return parse(text + "{{- /* shows: */ -}}{{ if .Response }}{{ end }}").render(DATA)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a {{- .Text -}} b", "ahéllo <b>b"),
        ("a {{/* nothing */}} b", "a  b"),
        ("a {{- /* nothing */ -}} b", "ab"),
        ("{{ .Missing }}|{{ .Empty }}|{{ .Yes }}", "<no value>||true"),
        ("{{ .Half }} {{ .Million }} {{ 3 }} {{ 1.50 }} {{ 'a' }}", "0.5 1e+06 3 1.5 97"),
        ('{{ "tab\\t\\u00e9" }} {{ `raw\\n` }}', "tab\té raw\\n"),
        ("{{ if .Empty }}1{{ else if .List }}2{{ else }}3{{ end }}", "2"),
        ("{{ with .Map.a }}<{{ . }}>{{ end }}{{ with .Empty }}{{ else }}none{{ end }}",
         "<first>none"),
        ("{{ range .List }}{{ . }},{{ else }}none{{ end }}", "a,b,c,"),
        ("{{ range $i, $v := .List }}{{ $i }}{{ $v }} {{ end }}", "0a 1b 2c "),
        ("{{ range $k, $v := .Map }}{{ $k }}={{ $v }};{{ end }}",
         "a=first;none=<no value>;z=last;"),
        ("{{ range .Empty2 }}x{{ else }}none{{ end }}", "none"),
        ("{{ range 3 }}{{ . }}{{ end }}", "012"),
        ("{{ range .List }}{{ if eq . \"b\" }}{{ continue }}{{ end }}{{ . }}{{ end }}", "ac"),
        ("{{ range .List }}{{ if eq . \"b\" }}{{ break }}{{ end }}{{ . }}{{ end }}", "a"),
        ("{{ $x := 1 }}{{ range .List }}{{ $x = . }}{{ end }}{{ $x }}", "c"),
        ("{{ range .List }}{{ $.Text }}{{ break }}{{ end }}", "héllo <b>"),
        ('{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" .Map.a }}', "<first>"),
        ('{{ block "t" .Map }}{{ .a }}{{ end }}', "first"),
        ("{{ .Map.a | len }} {{ len .Text }} {{ len .List }}", "5 10 3"),
        ('{{ printf "%s|%5d|%-4s|%q|%v" .Map.a 7 "x" "y\\n" .List }}',
         'first|    7|x   |"y\\n"|[a b c]'),
        ('{{ print 1 2 "a" 3 }} {{ println "x" }}', "1 2a3 x\n"),
        ("{{ json .Text }} {{ json .Mixed }}",
         '"héllo \\u003cb\\u003e" [1,null,{"k":"v"}]'),
        ("{{ .Mixed }} {{ .Map }}", "[1 <nil> map[k:v]] map[a:first none:<nil> z:last]"),
        ("{{ index .List 1 }} {{ index .Map \"a\" }} {{ slice .List 1 }} {{ slice .Text 0 3 }}",
         "b first [b c] hé"),
        ("{{ and .Yes .Text }} {{ or .Empty \"other\" }} {{ not .Empty }}",
         "héllo <b> other true"),
        ("{{ eq 1 2 1 }} {{ ne 1 2 }} {{ lt 1 2 }} {{ le 2 2 }}", "true true true true"),
        ("{{ gt 1.5 1.0 }} {{ ge \"b\" \"a\" }}", "true true"),
        ("{{ eq .Missing \"x\" }} {{ eq (len (slice .List 2)) 1 }}", "false true"),
        ("{{ (index .Mixed 2).k }}", "v"),
    ],
)  # fmt: skip
def test_what_is_written(text: str, shown: str) -> None:
    assert render(text) == shown


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{ .X", "template: :1: unclosed action"),
        ("a\n{{ if .X }}b", "template: :2: unexpected EOF"),
        ("{{ end }}", "template: :1: unexpected {{end}}"),
        ("{{ nope .X }}", 'template: :1: function "nope" not defined'),
        ("{{ $x }}", 'template: :1: undefined variable "$x"'),
        ("{{ .X | 3 }}", "template: :1: non executable command in pipeline stage 2"),
        ("{{ if }}x{{ end }}", "template: :1: missing value for if"),
        ("{{ break }}", "template: :1: {{break}} outside {{range}}"),
        ('{{ "x }}', "template: :1: unterminated quoted string"),
        ("{{ (.X }}", "template: :1: unclosed left paren"),
        ("{{/* x }}", "template: :1: unclosed comment"),
        ("{{ .X\n.Y ] }}", 'template: :2: unexpected "]" in operand'),
        ('{{ template "x" }}', "undefined template specified"),
        ('{{ define "x" }}1{{ end }}{{ define "x" }}2{{ end }}', "multiple definition"),
        ("{{ html .X }}", 'function "html" is not supported'),
        ("{{ 1i }}", "complex numbers are not supported"),
    ],
)
def test_what_cannot_be_parsed(text: str, says: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{ .Text.Foo }}",
         'template: :1:8: executing "" at <.Text.Foo>: '
         "can't evaluate field Foo in type interface {}"),
        ("x\n{{ .Nope.Foo }}", "template: :2:8: executing \"\" at <.Nope.Foo>: nil pointer"),
        ("{{ eq .Half .Text }}",
         "error calling eq: incompatible types for comparison: float64 and string"),
        ("{{ lt .Yes true }}", "error calling lt: invalid type for comparison"),
        ("{{ index .List 9 }}", "error calling index: index out of range: 9"),
        ("{{ slice .List 2 1 }}", "error calling slice: invalid slice index: 2 > 1"),
        ("{{ len .Half }}", "error calling len: len of type float64"),
        ("{{ len }}", "wrong number of args for len: want 1 got 0"),
        ("{{ printf 1 }}", "expected string; found 1"),
        ('{{ printf "%U" .Text }}', "printf verb %U is not supported"),
        ("{{ range .Half }}{{ end }}", "range can't iterate over 0.5"),
        ("{{ .Text 1 }}", "Text is not a method but has arguments"),
        ('{{ template "gone" . }}', 'template "gone" not defined'),
    ],
)  # fmt: skip
def test_what_fails_while_it_runs(text: str, says: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}',
         "exceeded maximum template depth"),
        ("{{ range 1000000000 }}x{{ end }}", "steps"),
        ("{{ range 1000000000 }}{{ end }}", "steps"),
        ("{{ $x := .Text }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}{{ $x }}", "characters"),
        ('{{ printf "%99999999d" 1 }}', "not supported"),
        ("{{ if .Yes }}" * (MAX_NESTING + 1) + "{{ end }}" * (MAX_NESTING + 1), "nested"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested"),
    ],
)  # fmt: skip
def test_no_template_runs_away(text: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "MAX_SECONDS", 200.0)  # what it counts ends it, on any machine
    with pytest.raises(TemplateError, match=says):
        render(text)


def test_a_template_cannot_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few steps, each of them slow."""
    monkeypatch.setattr(runtime, "MAX_SECONDS", 0.1)
    double = "{{ $x := .Text }}{{ range 18 }}{{ $x = print $x $x }}{{ end }}"
    with pytest.raises(TemplateError, match=r"more than 0\.1 seconds"):
        render(double + "{{ range 1000000000 }}{{ if len $x }}{{ end }}{{ end }}")


def test_the_deepest_template_that_is_allowed_runs() -> None:
    depth = MAX_NESTING
    assert render("{{ if .Yes }}" * depth + "deep" + "{{ end }}" * depth) == "deep"
    assert render("{{ " + "(" * depth + ".Text" + ")" * depth + " }}") == DATA["Text"]


def test_a_template_reaches_no_python_attribute() -> None:
    with pytest.raises(TemplateError, match="can't evaluate field"):
        render("{{ .Text.__class__ }}")
    assert render("{{ .__class__ }}") == "<no value>"
