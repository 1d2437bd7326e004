"""The schema of ``assistant.toml``: every setting, its type, default and description.

Contract: this module is the one place that says which settings exist. The template, the
reference in ``docs/configuration.md`` and the error messages are made from it or tested
against it. Models are frozen, unknown keys are refused, and types are strict: TOML has
types of its own, so ``"5"`` is not 5. No file is read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

from local_assistant.config import durations, hosts
from local_assistant.lab.prompts import SYSTEM_PROMPT

ROLES = ("chat", "completion", "embedding")
Role = Literal["chat", "completion", "embedding"]

PRESETS = ("auto", "demo", "small", "medium", "large")
"""The presets that there always are (a test compares them with ``models/presets.toml``)."""

PROJECT_TABLES = ("models", "chat", "completion")
"""What a project's own file may set: a cloned repository must not redirect anybody's code."""

OWN_ONLY = ("chat.tools",)
"""What in those tables is the user's own to set: a cloned repository must not open files."""


@dataclass(frozen=True)
class Expected:
    """Metadata of a field: what a value must be, in words for people, and what there always is."""

    words: str
    choices: tuple[str, ...] = ()


def _not_blank(value: str) -> str:
    if not value.strip() or any(ord(character) < 32 for character in value):
        raise ValueError("blank")
    return value.strip()


def _positive_or_never(value: str) -> str:
    if durations.seconds(value) == 0:
        raise ValueError("zero")
    return value


KeepAlive = Annotated[
    str,
    BeforeValidator(durations.normalise),
    Expected('a time such as "30m", "1h30m", 0 (at once) or "-1" (for ever)'),
]
IdleTime = Annotated[
    str,
    BeforeValidator(durations.normalise),
    AfterValidator(_positive_or_never),
    Expected('a time such as "10m" or "1h30m", or "-1" (never)'),
]
ServerUrl = Annotated[
    str,
    AfterValidator(hosts.base_url),
    Expected('an address such as "http://127.0.0.1:11434"'),
]
ModelName = Annotated[
    str,
    AfterValidator(_not_blank),
    Expected(
        'a model name such as "qwen2.5-coder:1.5b" or "hf.co/USER/REPO:QUANT", or a path to a .gguf'
    ),
]
PresetName = Annotated[
    str,
    AfterValidator(_not_blank),
    Expected(
        "one of "
        + ", ".join(f'"{name}"' for name in PRESETS)
        + ", or a [presets.NAME] of your own",
        PRESETS,
    ),
]
FolderPath = Annotated[str, AfterValidator(_not_blank), Expected("a path to a folder")]


class Table(BaseModel):
    """What all tables share."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


class ServerConfig(Table):
    """Which model server answers."""

    kind: Literal["auto", "ollama", "embedded"] = Field(
        default="auto",
        description="Which server answers. auto: Ollama if it answers, else it is started if "
        "installed, else the embedded engine. ollama: only Ollama. embedded: only the engine "
        "that comes with the assistant.",
    )
    url: ServerUrl = Field(
        default=hosts.DEFAULT_URL,
        description="Where Ollama is, or should be started. The environment variable "
        "OLLAMA_HOST wins over this line.",
    )
    keep_alive: KeepAlive = Field(
        default="30m",
        description="How long a model stays in memory after an answer. 0 unloads it at once, "
        '"-1" keeps it; a plain number means seconds.',
    )


class ModelsConfig(Table):
    """Which model does what."""

    preset: PresetName = Field(
        default="auto",
        description="A set of models that fits a size of machine. auto looks at the memory, the "
        "cores and the graphics cards that the server which answers can use.",
    )
    chat: ModelName | None = Field(
        default=None,
        description="The model of the chat and of %%ai. Like the two below, it wins over the "
        "preset: any Ollama name, hf.co/USER/REPO[:QUANT], or a path to a .gguf (a relative one "
        "is looked up beside this file).",
    )
    completion: ModelName | None = Field(
        default=None, description="The model that completes code while you type."
    )
    embedding: ModelName | None = Field(
        default=None, description="The model that turns text into vectors for search."
    )

    def for_role(self, role: Role) -> str | None:
        """Return the model named for ``role``, or None where the preset decides."""
        value = getattr(self, role)
        return value if isinstance(value, str) else None


class PresetConfig(Table):
    """A preset of your own: `[presets.NAME]`, named by `preset = "NAME"` in `[models]`."""

    chat: ModelName = Field(description="The model of the chat and of %%ai, as in [models].")
    completion: ModelName = Field(description="The model that completes code while you type.")
    embedding: ModelName = Field(description="The model that turns text into vectors.")
    summary: Annotated[str, Expected("a text in quotes")] = Field(
        default="", description="What the preset is for, in a few words."
    )
    memory_gb: Annotated[float, Field(ge=0, le=100_000)] | None = Field(
        default=None,
        description="How much memory its models take together. Unset: worked out where they are "
        "models of our own presets.",
    )


class ChatConfig(Table):
    """How the chat and %%ai ask."""

    system_prompt: Annotated[str, Expected("a text in quotes")] = Field(
        default=SYSTEM_PROMPT,
        description="What the model is told before every conversation. Changing it makes the "
        "demo model's answers worse: that one was trained with this very text.",
    )
    context_tokens: Annotated[int, Field(ge=256, le=10_000_000)] | None = Field(
        default=None,
        description="How many tokens the model reads at most, asked for from chat and completion "
        "alike. Unset: what the server chose. Another value than the loaded one reloads the model.",
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        default=None,
        description="0 gives the same answer every time, higher values more variety. Unset: the "
        "model's own.",
    )
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="How long one answer may get, in tokens. Unset: the server's limit.",
    )
    context: bool = Field(
        default=True,
        description="Whether the cell or the lines you are in go with each question. The box "
        "below the chat's input switches it for one chat.",
    )
    tools: bool = Field(
        default=False,
        description="Whether a model that has tools may read files and cells in JupyterLab's "
        "folder, and insert and run cells after a yes. /tools switches it for one chat. Only in "
        "your own file.",
    )


class CompletionConfig(Table):
    """How code is completed while you type."""

    enabled: bool = Field(default=True, description="Whether suggestions appear at all.")
    max_tokens: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=64, description="How long one suggestion may get, in tokens."
    )
    max_latency_ms: Annotated[int, Field(ge=50, le=120_000)] = Field(
        default=3000,
        description="After this a suggestion ends with the line it is at, in milliseconds.",
    )
    debounce_ms: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=150,
        description="How long typing must pause before the model is asked, in milliseconds.",
    )
    context_cells: Annotated[int, Field(ge=0, le=100)] = Field(
        default=8,
        description="How many cells before the current one the model gets to read in full; of "
        "earlier ones it reads imports and the heads of definitions. 0: it reads no other cell.",
    )
    fim_order: Literal["auto", "line_last", "psm"] = Field(
        default="auto",
        description="Where the line being typed stands in the prompt. line_last: at its end, "
        "which costs one token per key. psm: in front of the text after the cursor, the order "
        "most models were trained with. auto decides by model family.",
    )


class EngineConfig(Table):
    """The embedded engine. A change counts when it starts anew (`jupyter assistant stop`)."""

    port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=11435, description="The first port it tries; it takes the next free one."
    )
    models_dir: FolderPath | None = Field(
        default=None,
        description="Where its models lie. Unset: in the assistant's own data folder. A relative "
        "path is looked up beside this file.",
    )
    threads: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        default=None,
        description="How many processor cores it uses. Unset: about one per real core, fewer for "
        "a tiny model.",
    )
    gpu_layers: Annotated[int, Field(ge=0, le=10_000)] | None = Field(
        default=None,
        description="How many layers of a model go to the graphics card. Unset: as many as fit; "
        "0: none.",
    )
    idle_timeout: IdleTime = Field(
        default="10m",
        description="How long it runs on with nobody using it. An open JupyterLab counts as "
        'using it. "-1": until it is stopped.',
    )


class AssistantConfig(Table):
    """All settings of the assistant."""

    server: ServerConfig = Field(default_factory=ServerConfig)
    models: ModelsConfig = Field(default_factory=ModelsConfig)
    chat: ChatConfig = Field(default_factory=ChatConfig)
    completion: CompletionConfig = Field(default_factory=CompletionConfig)
    engine: EngineConfig = Field(default_factory=EngineConfig)
    presets: dict[str, PresetConfig] = Field(default_factory=dict)

    _from_project: frozenset[str] = PrivateAttr(default=frozenset())

    def named_by_a_project(self, role: Role) -> bool:
        """Return whether a project's file names the model for ``role``, and not the user."""
        return role in self._from_project

    def preset_names(self) -> list[str]:
        """Return every name that ``[models] preset`` may have."""
        return [*PRESETS, *self.presets]


OWN_PRESETS = "presets"
"""The one table that holds tables with names of the user's choice."""


def tables() -> dict[str, type[Table]]:
    """Return every table's model by its name, in the order of the file; not the user's presets."""
    found: dict[str, type[Table]] = {}
    for name, field in AssistantConfig.model_fields.items():
        if name != OWN_PRESETS:
            model: Any = field.annotation
            found[name] = model
    return found


def keys() -> list[str]:
    """Return every setting as a dotted name, in the order of the file."""
    return [f"{table}.{key}" for table, model in tables().items() for key in model.model_fields]
