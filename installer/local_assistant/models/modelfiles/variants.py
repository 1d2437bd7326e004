"""The assistant's own variants of a model: its settings, for programs that cannot send them.

Contract: a variant exists only where it would differ from its base, and is made again only
where its base, its template or the settings changed. The templates are ``modelfiles/
*.Modelfile``: ``${name}`` stands for a value; a line whose value is not set is left out, one
with several values is repeated. Another context than the loaded one would make a server load
the model again, so it is set only where ``[chat] context_tokens`` is, and then chat and
completion of our own ask for the same.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant import paths
from local_assistant.models.modelfiles.checking import check

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig, Role

Values = dict[str, "str | int | float | list[str] | None"]

ROLES = ("chat", "completion")
"""The roles that have variants: vectors depend on no settings of ours."""

_PLACE = re.compile(r"\$\{(\w+)\}")
_FIM = "${fim_template}"
_NOWHERE = Path("/no/folder")
"""Names in our templates are no files."""
_PLAIN_TEMPLATE = "{{ .Prompt }}"


def template(role: Role) -> str:
    """Return the Modelfile template of a role."""
    return (paths.modelfiles_dir() / f"{role}.Modelfile").read_text(encoding="utf-8")


def inputs(role: Role, base: str, digest: str, config: AssistantConfig) -> str:
    """Return what a variant is made of, in one digest: where it is the same, so is the variant."""
    parts = [template(role), base, digest, _settings(role, base, config)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def request(
    role: Role, base: str, shown: dict[str, Any], config: AssistantConfig
) -> dict[str, Any] | None:
    """Return the body of ``/api/create`` for a variant, without its name.

    Args:
        role: what the variant is for.
        base: the model to start from.
        shown: what ``/api/show`` tells of it.
        config: the settings in force.

    Returns:
        None where the variant would be the same as its base.
    """
    values = {**_settings(role, base, config), **_from_model(role, base, shown)}
    fim = values.get("fim_template")
    # Filled in once the file is read: it is a text of somebody else's, with quotes of its own.
    held = {"model": "base", "fim_template": _FIM if fim else None}
    checked = check(fill(template(role), {**values, **held}), f"{role}.Modelfile", _NOWHERE)
    has = _parameters(shown)
    fields = dict(checked.fields)
    if fim and "template" in fields:
        fields["template"] = fields["template"].replace(_FIM, fim)
    wanted = fields.pop("parameters", {})
    stops = [each for each in wanted.get("stop", ()) if each not in has.get("stop", [])]
    changed = {key: value for key, value in wanted.items() if _differs(key, value, has)}
    if "stop" in wanted:
        changed.pop("stop", None)
        if stops:  # a list of our own would stand in for the model's
            changed["stop"] = [*has.get("stop", []), *stops]
    if changed:
        fields["parameters"] = changed
    return {"from": base, **fields} if fields else None


def fill(text: str, values: Values) -> str:
    """Return a Modelfile template with its values, line by line."""
    lines: list[str] = []
    for line in text.splitlines():
        found = _PLACE.search(line)
        if found is None or line.lstrip().startswith("#"):
            lines.append(line)
            continue
        value = values.get(found[1])
        several = value if isinstance(value, list) else [] if value is None else [value]
        lines += [line.replace(found[0], str(each)) for each in several]
    return "\n".join(lines) + "\n"


def _settings(role: Role, base: str, config: AssistantConfig) -> Values:
    """Return what assistant.toml says."""
    from local_assistant.lab.options import generation_options

    if role == "completion":
        return {"context_tokens": config.chat.context_tokens}
    asked = generation_options(base, config)
    return {
        "context_tokens": asked.get("num_ctx"),
        "temperature": asked.get("temperature"),
        "max_tokens": asked.get("num_predict"),
    }


def _from_model(role: Role, base: str, shown: dict[str, Any]) -> Values:
    """Return what the model's family says: where to stop, and how to fill in the middle."""
    if role != "completion":
        return {}
    from local_assistant.lab.completion.families import family_for

    family = family_for(base, shown)
    if family is None:
        return {}
    known = str(shown.get("template") or "")
    values: Values = {"stops": [f'"{stop}"' for stop in family.stops]}
    has_own = known.strip() not in ("", _PLAIN_TEMPLATE)
    if has_own and ".Suffix" not in known and family.trained and not family.suffix_first:
        fim = f"{family.pre}{{{{ .Prompt }}}}{family.suf}{{{{ .Suffix }}}}{family.mid}"
        values["fim_template"] = f"{{{{- if .Suffix }}}}{fim}{{{{ else }}}}{known}{{{{ end }}}}"
    return values


def _parameters(shown: dict[str, Any]) -> dict[str, list[str]]:
    """Return the parameters that ``/api/show`` lists, as texts."""
    found: dict[str, list[str]] = {}
    for line in str(shown.get("parameters") or "").splitlines():
        name, _, value = line.partition(" ")
        value = value.strip()
        if len(value) >= 2 and value.startswith('"') and value.endswith('"'):
            value = _unescaped(value)
        found.setdefault(name, []).append(value)
    return found


def _unescaped(value: str) -> str:
    try:
        return str(json.loads(value))
    except ValueError:
        return value[1:-1]


def _differs(key: str, value: Any, has: dict[str, list[str]]) -> bool:
    try:
        return not (len(has.get(key, [])) == 1 and float(has[key][0]) == float(value))
    except (TypeError, ValueError):
        return True
