"""Choosing runs by what they are."""

from __future__ import annotations

from typing import Any

import pytest

from engine.campaign.runs.selection import chosen, resolve
from engine.errors import InputError

RUNS: list[dict[str, Any]] = [
    {
        "run": "a",
        "backend": "vllm",
        "experiment": "serve-1",
        "entry": "serve",
        "cycle": 1,
        "params.model": "llama-3",
        "params.batch": 8,
        "params.eager": True,
    },
    {
        "run": "b",
        "backend": "vllm",
        "experiment": "serve-2",
        "entry": "serve",
        "cycle": 2,
        "params.model": "llama-3",
        "params.batch": 16,
        "params.eager": False,
    },
    {
        "run": "c",
        "backend": "pytorch",
        "experiment": "matmul",
        "entry": "matmul",
        "cycle": 1,
        "keys.model": "none",
    },
]


def names(*only: str, without: tuple[str, ...] = ()) -> str:
    found = chosen(RUNS, lambda one: one, only=only, without=without, where="c.yml")
    return "".join(one["run"] for one in found)


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ([], "abc"),
        (["vllm"], "ab"),
        (["serve"], "ab"),
        (["serve-2"], "b"),
        (["mat*"], "c"),
        (["model=llama*"], "ab"),
        (["params.model=llama*"], "ab"),
        (["model=llama*,batch=8"], "a"),
        (["batch=8.0"], "a"),
        (["batch=1*"], "b"),
        (["eager=true"], "a"),
        (["cycle=1"], "ac"),
        (["cycle=1,vllm"], "a"),
        (["matmul", "batch=16"], "bc"),
        (["keys.model=none"], "c"),
    ],
)
def test_what_a_selector_chooses(only: list[str], expected: str) -> None:
    assert names(*only) == expected


def test_what_is_left_out() -> None:
    assert names(without=("batch=8", "pytorch")) == "b"
    assert names("vllm", without=("batch=16",)) == "a"


def test_true_is_not_one() -> None:
    with pytest.raises(InputError, match="has nothing whose eager is '1'"):
        names("eager=1")


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        ("vlm", "c.yml has no backend, experiment or entry 'vlm'; did you mean 'vllm'?"),
        ("modl=x", "there is no 'modl'; did you mean 'model'?"),
        ("model=lama-3", "has nothing whose model is 'lama-3'; did you mean 'llama-3'?"),
        ("batch=9", "has nothing whose batch is '9'; there are 8, 16"),
        ("model=llama*,cycle=1,matmul", "has nothing for which all of"),
        ("", "'' is no selector"),
        ("=8", "'=8' is no selector"),
        ("a,,b", "'a,,b' is no selector"),
    ],
)
@pytest.mark.parametrize("option", ["only", "without"])
def test_what_is_not_there_is_an_error_that_names_what_is_near(
    selector: str, said: str, option: str
) -> None:
    with pytest.raises(InputError) as raised:
        chosen(RUNS, lambda one: one, **{option: (selector,)}, where="c.yml")
    assert said in str(raised.value)


def test_a_bare_name_is_a_column_then_a_parameter_then_a_key_then_a_metric() -> None:
    groups = ["metrics.x", "keys.x", "params.x", "x"]
    while groups:
        assert resolve("x", groups) == groups.pop()
