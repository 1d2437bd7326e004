"""What a repository of GGUF files offers, and in which order it is taken."""

from __future__ import annotations

import pytest

from local_assistant.engine.pull.errors import PullError
from local_assistant.engine.pull.hub import pick
from local_assistant.engine.pull.quants import HubFile, find, quants_of, ranked


def tags(*names: str) -> list[str]:
    return [quant.tag for quant in quants_of(HubFile(name, 1) for name in names)]


@pytest.mark.parametrize(
    ("file", "tag"),
    [
        ("Qwen2.5-Coder-7B-Instruct-Q4_K_M.gguf", "Q4_K_M"),
        ("sub/some.Q8_0.gguf", "Q8_0"),
        ("m-iq4_xs.gguf", "IQ4_XS"),
        ("m-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("m-Q4_0_4_4.gguf", "Q4_0_4_4"),
        ("m-MXFP4_MOE.gguf", "MXFP4_MOE"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("m.BF16.gguf", "BF16"),
        ("m-fp16.gguf", "FP16"),
        ("m-Q4_K_M-v2.gguf", "Q4_K_M"),
        ("plain.gguf", "plain"),
        ("odd name (1).gguf", "odd-name--1-"),
        ("Q4_K_M/m-Q4_K_M-00001-of-00001.gguf", "Q4_K_M"),
    ],
)
def test_the_quantization_of_a_file(file: str, tag: str) -> None:
    assert tags(file) == [tag]


def test_what_is_no_model_is_left_out() -> None:
    assert tags("mmproj-F16.gguf", "imatrix.gguf", "README.md", "m-Q4_0.gguf") == ["Q4_0"]


def test_two_files_of_one_quantization_keep_their_names() -> None:
    assert tags("a-Q4_0.gguf", "b-Q4_0.gguf") == ["Q4_0", "b-Q4_0"]


def test_the_parts_of_a_split_file_are_one() -> None:
    files = [HubFile(f"x/m-Q8_0-0000{n}-of-00003.gguf", n) for n in (3, 1, 2)]
    (quant,) = quants_of(files)
    assert [file.size for file in quant.files] == [1, 2, 3]
    assert (quant.tag, quant.size, quant.whole) == ("Q8_0", 6, True)
    (part,) = quants_of(files[:2])
    assert not part.whole
    assert ranked([part]) == []


def test_the_order_in_which_they_are_taken() -> None:
    wanted = [
        "Q4_K_M", "UD-Q4_K_XL", "Q4_K_S", "IQ4_NL", "IQ4_XS", "Q4_0", "MXFP4",
        "Q5_K_M", "Q5_0", "Q6_K", "Q8_0", "Q3_K_M", "Q3_K_S", "IQ3_M", "Q2_K", "IQ1_S",
        "BF16",
    ]  # fmt: skip
    files = [HubFile(f"m-{tag}.gguf", 1) for tag in sorted(wanted)]
    assert [quant.tag for quant in ranked(quants_of(files))] == wanted


def test_a_tag_means_a_quantization_or_a_file() -> None:
    quants = quants_of([HubFile("Model-Q4_K_M.gguf"), HubFile("other.gguf")])
    for tag in ("q4_k_m", "model-q4_k_m.gguf", "Model-Q4_K_M"):
        assert find(quants, tag) == quants[0]
    assert find(quants, "K_M") == quants[0]  # the end of a name, but a whole part of it
    assert find(quants, "_M") is None
    assert find(quants, "other") == quants[1]
    assert find(quants, "Q8_0") is None


def test_nothing_to_take() -> None:
    part = quants_of([HubFile("m-Q8_0-00001-of-00002.gguf", 1)])
    with pytest.raises(PullError, match="no whole GGUF file"):
        pick(part, None, "me/g")
    with pytest.raises(PullError, match="only 1 of the 2 files of Q8_0"):
        pick(part, "Q8_0", "me/g")
    with pytest.raises(PullError, match='called "Q9"') as caught:
        pick(quants_of([HubFile("m-Q4_0.gguf")]), "Q9", "me/g")
    assert "hf.co/me/g:Q4_0" in (caught.value.fix or "")
