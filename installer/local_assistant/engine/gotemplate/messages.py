"""Messages and tools as the values that Ollama hands to a template.

Contract: pure. Input is what ``/api/chat`` reads (dicts); what has another type than the API
says counts as absent. Numbers inside tools and arguments become floats, as Go reads JSON.
"""

from __future__ import annotations

from typing import Any

from local_assistant.engine.gotemplate.values import GoList, GoMap, Method, Struct, to_json

_TYPESCRIPT = {"string": "string", "number": "number", "integer": "number",
               "boolean": "boolean", "array": "any[]", "object": "Record<string, any>",
               "null": "null"}  # fmt: skip
_TOOL_JSON = {"Type": ("type", "never"), "Items": ("items", "nil"),
              "Function": ("function", "never")}  # fmt: skip
_FUNCTION_JSON = {"Name": ("name", "never"), "Description": ("description", "never"),
                  "Parameters": ("parameters", "never")}  # fmt: skip
_PARAMETERS_JSON = {"Type": ("type", "never"), "Defs": ("$defs", "nil"),
                    "Items": ("items", "nil"), "Required": ("required", "empty"),
                    "Properties": ("properties", "never")}  # fmt: skip
_PROPERTY_JSON = {"AnyOf": ("anyOf", "empty"), "Type": ("type", "empty"),
                  "Items": ("items", "nil"), "Description": ("description", "empty"),
                  "Enum": ("enum", "empty"), "Properties": ("properties", "nil"),
                  "Required": ("required", "empty")}  # fmt: skip


def message(source: dict[str, Any]) -> Struct:
    """Return a chat message."""
    calls = _filled(source.get("tool_calls"))
    found = calls and [_call(call) for call in calls if isinstance(call, dict)]
    return Struct(
        "*template.templateMessage",
        {
            "Role": text(source, "role").lower(),
            "Content": text(source, "content"),
            "Thinking": text(source, "thinking"),
            "Images": GoList(_filled(source.get("images")), "[]api.ImageData"),
            "ToolCalls": GoList(found, "[]template.templateToolCall"),
            "ToolName": text(source, "tool_name"),
            "ToolCallID": text(source, "tool_call_id"),
        },
    )


def messages(sources: list[dict[str, Any]]) -> GoList:
    """Return a chat's messages."""
    return GoList([message(each) for each in sources] or None, "[]*template.templateMessage")


def tools(sources: list[Any] | None) -> GoList:
    """Return the tools of a request; ``None`` is not the same as an empty list in Go."""
    found = None
    if sources is not None:
        found = [_tool(each) for each in sources if isinstance(each, dict)]
    result = GoList(found, "template.templateTools")
    result.methods = {"String": lambda: to_json(result)}
    return result


def text(source: Any, key: str) -> str:
    """Return a field that is text, or ``""``."""
    value = source.get(key) if isinstance(source, dict) else None
    return value if isinstance(value, str) else ""


def _filled(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) and value else None


def _json_number(value: Any) -> Any:
    """Return a JSON value with its numbers as floats."""
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return float("inf")
    if isinstance(value, list):
        return [_json_number(item) for item in value]
    if isinstance(value, dict):
        return {key: _json_number(item) for key, item in value.items()}
    return value


def _call(source: dict[str, Any]) -> Struct:
    function = source.get("function")
    function = function if isinstance(function, dict) else {}
    arguments = function.get("arguments")
    index = function.get("index")
    found = _json_number(arguments) if isinstance(arguments, dict) else None
    table = GoMap(found, "template.templateArgs")
    table.methods = {"String": lambda: "{}" if table.nil else to_json(table)}
    return Struct(
        "template.templateToolCall",
        {
            "ID": text(source, "id"),
            "Function": Struct(
                "template.templateToolCallFunction",
                {
                    "Index": index if isinstance(index, int) else 0,
                    "Name": text(function, "name"),
                    "Arguments": table,
                },
            ),
        },
    )


def _tool(source: dict[str, Any]) -> Struct:
    function = source.get("function")
    function = function if isinstance(function, dict) else {}
    parameters = function.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    made = Struct(
        "template.templateTool",
        {
            "Type": text(source, "type"),
            "Items": _json_number(source.get("items")),
            "Function": Struct(
                "template.templateToolFunction",
                {
                    "Name": text(function, "name"),
                    "Description": text(function, "description"),
                    "Parameters": _parameters(parameters),
                },
                _FUNCTION_JSON,
            ),
        },
        _TOOL_JSON,
    )
    made.methods = {"String": lambda: to_json(made)}
    return made


def _parameters(source: dict[str, Any]) -> Struct:
    properties = source.get("properties")
    found = None
    if isinstance(properties, dict):
        found = {key: _property(each) for key, each in properties.items()}
    table = GoMap(found, "template.templateProperties", zero=lambda: _property({}))
    table.methods = {"String": lambda: "{}" if table.nil else to_json(table)}
    return Struct(
        "template.templateToolFunctionParameters",
        {
            "Type": text(source, "type"),
            "Defs": _json_number(source.get("$defs")),
            "Items": _json_number(source.get("items")),
            "Required": _strings(source.get("required")),
            "Properties": table,
        },
        _PARAMETERS_JSON,
    )


def _property(source: Any) -> Struct:
    source = source if isinstance(source, dict) else {}
    any_of, enum = source.get("anyOf"), source.get("enum")
    nested = source.get("properties")
    choices = [_property(each) for each in any_of] if isinstance(any_of, list) else None
    kinds = _types(source.get("type"))
    made = Struct(
        "api.ToolProperty",
        {
            "AnyOf": GoList(choices, "[]api.ToolProperty"),
            "Type": kinds,
            "Items": _json_number(source.get("items")),
            "Description": text(source, "description"),
            "Enum": _json_number(enum) if isinstance(enum, list) else GoList(None, "[]any"),
            "Properties": _nested(nested) if isinstance(nested, dict) else None,
            "Required": _strings(source.get("required")),
        },
        _PROPERTY_JSON,
    )
    made.methods = {"ToTypeScriptType": lambda: _typescript(made)}
    return made


def _nested(source: dict[str, Any]) -> Struct:
    """Properties of a property: these keep their order in JSON."""
    inner = Struct("", {key: _property(each) for key, each in source.items()})
    methods: dict[str, Method] = {"MarshalJSON": lambda: inner, "Len": lambda: len(source)}
    return Struct("*api.ToolPropertiesMap", {}, methods=methods)


def _types(value: Any) -> GoList:
    """A property's type: one name or several."""
    names = [value] if isinstance(value, str) else value if isinstance(value, list) else None
    found = GoList(names, "api.PropertyType")
    one = found[0] if len(found) == 1 else GoList(names, "[]string")
    shown = one if isinstance(one, str) else f"[{' '.join(map(str, found))}]" if found else ""
    found.methods = {"String": lambda: shown, "MarshalJSON": lambda: one}
    return found


def _typescript(made: Struct) -> str:
    if made.fields["AnyOf"]:
        return " | ".join(_typescript(each) for each in made.fields["AnyOf"])
    names = [_TYPESCRIPT.get(str(name), "any") for name in made.fields["Type"]]
    return " | ".join(names) or "any"


def _strings(value: Any) -> GoList:
    found = [each for each in value if isinstance(each, str)] if isinstance(value, list) else None
    return GoList(found, "[]string")
