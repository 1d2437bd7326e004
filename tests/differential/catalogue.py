"""All cases, in the order in which they are played."""

from __future__ import annotations

from tests.differential.case import Case
from tests.differential.cases_access import ACCESS
from tests.differential.cases_chat import CHAT
from tests.differential.cases_embed import EMBED
from tests.differential.cases_generate import GENERATE
from tests.differential.cases_models import MODELS
from tests.differential.cases_openai import OPENAI
from tests.differential.cases_store import STORE
from tests.differential.cases_types import TYPES

CASES: list[Case] = [
    *ACCESS, *MODELS, *GENERATE, *CHAT, *EMBED, *OPENAI, *STORE, *TYPES,
]  # fmt: skip

_names = [case.name for case in CASES]
assert len(_names) == len(set(_names)), "two cases have one name"
