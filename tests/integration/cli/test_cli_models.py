"""``use``, ``create``, ``rm`` and ``stop MODEL`` as a person runs them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.engine.store.store import Store
from tests.integration.cli.conftest import Assistant, at_terminal, embedded


def add(assistant: Assistant, *names: str) -> Store:
    """Store the demo model under more names."""
    store = Store(assistant.data / "models", others=())
    for name in names:
        store.add_gguf(name, paths.demo_gguf(), link=False)
    return store


def stored(store: Store) -> set[str]:
    return {model.display for model in store.list_models()}


def test_use_offers_the_download_of_what_is_not_there(assistant: Assistant) -> None:
    embedded(assistant)
    # Would fail at once, were the "no" not heard.
    assistant.env["HF_ENDPOINT"] = assistant.env["HTTPS_PROXY"] = "http://127.0.0.1:9"
    before = assistant.config.read_bytes()
    code, shown = at_terminal(assistant, ["use", "qwen2.5-coder:1.5b"], "n\n")
    assert code == 1
    assert "Download qwen2.5-coder:1.5b (986.0 MB)? [y/N]" in shown
    code, shown = at_terminal(assistant, ["use", "qwen2.5-coder:1.5b"], "y\n")
    assert code == 1
    assert "cannot be reached" in shown
    unasked = assistant.run("use", "qwen2.5-coder:1.5b", "--for", "completion", "--json")
    assert unasked.code == 1
    wanted = "jupyter assistant use qwen2.5-coder:1.5b --for completion --pull"
    assert wanted in unasked.json["error"]["fix"]
    assert "cannot be reached" in assistant.run("use", "qwen2.5-coder:1.5b", "--pull").err
    assert assistant.config.read_bytes() == before


def test_use_of_a_preset(assistant: Assistant) -> None:
    embedded(assistant, '[models]\nchat = "assistant-demo" # mine\n')
    done = assistant.run("use", "small")
    assert done.code == 0, done.err
    assert "preset: auto → small" in done.out
    assert "chat: assistant-demo → as the preset says" in done.out
    assert "jupyter assistant pull qwen2.5-coder:1.5b" in done.out
    assert 'preset = "small"' in assistant.config.read_text()
    again = assistant.run("use", "demo", "--json").json
    assert (again["before"], again["dropped"]) == ("small", {})
    assert again["models"]["chat"] == "assistant-demo"
    refused = assistant.run("use", "small", "--for", "chat")
    assert refused.code == 1
    assert "small is a preset: it decides for" in refused.err
    assistant.env["HTTPS_PROXY"] = "http://127.0.0.1:9"
    assert "cannot be reached" in assistant.run("use", "small", "--pull").err
    assert 'preset = "demo"' in assistant.config.read_text()
    assert assistant.run("use", "demo", "--pull").code == 0
    typed = assistant.run("use", "medum")
    assert "Did you mean medium?" in typed.err


def test_rm_of_several_takes_our_names_with_them(assistant: Assistant) -> None:
    embedded(assistant, '[models]\nchat = "one"\ncompletion = "one"\n')
    store = add(assistant, "one", "two")
    assert assistant.run("use", "one").code == 0
    assert {"assistant-chat:latest", "one:latest-assistant-completion"} < stored(store)
    done = assistant.run("rm", "one", "three", "two", "--json")
    assert done.code == 1
    assert [each["model"] for each in done.json["deleted"]] == ["one", "two"]
    assert done.json["deleted"][0]["was_used_for"] == ["chat", "completion"]
    assert "three" in done.json["failed"][0]["message"]
    # Of what is left, only the demo model's own copy is in the store.
    assert stored(store) == {"assistant-demo:latest", "assistant-embed:latest"}
    assert "assistant-embed is a name" in assistant.run("rm", "assistant-embed").err


def test_rm_of_a_file_that_has_gone_and_of_one_that_was_never_given(
    assistant: Assistant, tmp_path: Path
) -> None:
    embedded(assistant)
    file, other = tmp_path / "my model.gguf", tmp_path / "other.gguf"
    for path in (file, other):
        shutil.copy(paths.demo_gguf(), path)
    assert assistant.run("use", str(file)).code == 0
    file.unlink()
    done = assistant.run("rm", str(file))
    assert done.code == 0, done.err
    assert "Deleted file/my-model:" in done.out
    store = Store(assistant.data / "models", others=())
    before = stored(store)
    done = assistant.run("rm", str(other))
    assert done.code == 1
    assert f'"{other}" is not installed' in done.err
    assert "pull" not in done.err, "who deletes something does not want to get it"
    assert stored(store) == before, "nothing is imported in order to be deleted"


def test_an_empty_name_means_no_model(assistant: Assistant) -> None:
    """As of a variable that a script has not set: not the model that answers the chat."""
    embedded(assistant, '[models]\nchat = "one"\n')
    store = add(assistant, "one")
    for command in ("rm", "use", "pull"):
        done = assistant.run(command, "")
        assert done.code == 1
        assert '"" is not a model name' in done.err
    assert "one:latest" in stored(store)


def test_rm_says_what_answers_instead(assistant: Assistant) -> None:
    embedded(assistant, '[models]\npreset = "small"\n')
    add(assistant, "qwen2.5-coder:1.5b")
    done = assistant.run("rm", "qwen2.5-coder:1.5b")
    assert done.code == 0, done.err
    assert "It answered for chat; now assistant-demo does." in done.out


def test_stop_of_a_model(assistant: Assistant) -> None:
    embedded(assistant)
    add(assistant, "one")
    assert assistant.run("use", "one").code == 0
    idle = assistant.run("stop", "one", "--json")
    assert (idle.code, idle.json["stopped"]) == (0, False)
    assert "one is not in memory" in assistant.run("stop", "one").out
    assert assistant.run("stop", "nothing").code == 1


def modelfile(folder: Path, text: str) -> str:
    (folder / "Modelfile").write_text(text)
    return str(folder / "Modelfile")


def test_create_from_a_file_and_from_a_model(assistant: Assistant) -> None:
    embedded(assistant)
    (assistant.home / "my.gguf").write_bytes(paths.demo_gguf().read_bytes())
    file = modelfile(assistant.home, 'FROM ./my.gguf\nSYSTEM "Say hello."\n')
    done = assistant.run("create", "mine", "-f", file, "--json")
    assert done.code == 0, done.out
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert "loading it for a test" in [line.get("status") for line in lines]
    assert (done.json["model"], done.json["replaced"]) == ("mine", False)
    modelfile(assistant.home, "FROM mine\nPARAMETER temperature 0.1\nPARAMETER mirostat 1\n")
    again = assistant.run("create", "mine", cwd=assistant.home)  # ./Modelfile
    assert again.code == 0, again.err
    assert "Made anew: mine" in again.out
    assert "Modelfile:3: PARAMETER mirostat has no effect any more" in again.out
    model = Store(assistant.data / "models", others=()).find("mine")
    assert model is not None
    assert (model.system, model.params) == ("Say hello.", {"temperature": 0.1})
    store = Store(assistant.data / "models", others=())
    assert [name for name in stored(store) if "new-assistant" in name] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FORM x\nPARAMETER top_k y\n", "Modelfile:1: "),
        ("FROM nothing:1b\n", "Modelfile:1: the model nothing:1b is not installed"),
        ("FROM assistant-demo\nTEMPLATE {{ .Prompt }\n", "Modelfile:2: template error"),
        ("FROM ./bad.gguf\n", "Modelfile:1: bad.gguf cannot be loaded: it is no GGUF"),
        (
            "FROM assistant-demo\nADAPTER ./broken.gguf\n",
            "Modelfile:2: broken.gguf cannot be loaded",
        ),
    ],
)
def test_create_changes_nothing_where_it_fails(assistant: Assistant, text: str, said: str) -> None:
    embedded(assistant)
    store = add(assistant, "mine")
    (assistant.home / "bad.gguf").write_bytes(b"no model at all")
    whole = paths.demo_gguf().read_bytes()
    (assistant.home / "broken.gguf").write_bytes(whole[: len(whole) // 2])
    before = (store.manifests / "registry.ollama.ai/library/mine/latest").read_bytes()
    failed = assistant.run("create", "mine", "-f", modelfile(assistant.home, text))
    assert failed.code == 1
    assert said in failed.err
    assert (store.manifests / "registry.ollama.ai/library/mine/latest").read_bytes() == before
    assert stored(store) == {"mine:latest", "assistant-demo:latest"}


def test_create_refuses_names_that_are_not_the_users(assistant: Assistant) -> None:
    embedded(assistant)
    file = modelfile(assistant.home, "FROM assistant-demo\n")
    for name, said in (
        ("assistant-chat", "a name that the assistant itself gives"),
        ("assistant-demo", "the model that comes with the package"),
        ("no such name", "is not a model name"),
    ):
        failed = assistant.run("create", name, "-f", file)
        assert failed.code == 1
        assert said in failed.err
    missing = assistant.run("create", "mine", "-f", "nowhere")
    assert "There is no file" in missing.err
