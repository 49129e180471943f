"""Any file gives a project, or one error that says what is wrong. Never a traceback."""

from __future__ import annotations

import functools
import json
import operator
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.compose import load_project, needed
from engine.compose.files import parse
from engine.compose.schema import _schema
from engine.errors import ComposeError
from engine.runtimes.docker.containers.payload import container_payload, further_networks
from tests.compose.effort import some

CORPUS = Path(__file__).parent / "corpus"

KEYS = sorted(
    key
    for part in ("container_spec", "workload_spec", "service", "deployment", "healthcheck")
    for key in _schema()["$defs"][part]["properties"]
)
TEXTS = (
    st.sampled_from(
        ["", "1", "-1", "true", "a:b", "./a:/b", "/a:/b:ro", "10s", "1g", "80-90:1", "$X", "a=b"]
    )
    | st.sampled_from(
        ["service:", "service:pytorch", "container:x", "x/y=z", "seccomp:x", "server"]
    )
    | st.text(max_size=8)
    | st.text(alphabet="/:.-=[]019a ", max_size=12)
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
SERVICES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4).map(
    lambda keys: {"image": "x", **keys}
)
MODELS = st.fixed_dictionaries(
    {"services": st.dictionaries(st.sampled_from("abc"), SERVICES, min_size=1, max_size=2)},
    optional={"networks": VALUES, "volumes": VALUES, "name": VALUES, "include": VALUES},
)
YAML_TEXT = st.text(alphabet="abxs:-[]{}&*!<>|#\"'\n \t%@`?,0.~$=\\é", max_size=60)


def answer(text: str) -> None:
    """Read a file of this text, and all that can be asked of the project."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "docker-compose.yml"
        file.write_text(text, encoding="utf-8")
        try:
            project = load_project(file, environ={"CONFIG": "c"}, project_name="p")
            for service in project.services.values():
                assert json.dumps(
                    container_payload(project, service, image="x", keep_alive=None, labels={})
                )
                assert list(further_networks(project, service)) is not None
            needed(project, project.services)
        except ComposeError as error:
            assert str(error).startswith(f"{error.file}: ")


@given(text=YAML_TEXT | st.text(max_size=60))
@some(40)
@example(text="a: !!timestamp x")
@example(text="a: !!int x")
@example(text="a: !!float x")
@example(text="a: !!merge x")
@example(text="<<: x")
@example(text="? [a]\n: b")
@example(text="%YAML 3.0\n---\na: 1")
@example(text="%TAG ! x\n---\na: !y 1")
@example(text="a: !<!> 1")
@example(text="a: '\\ud800'")
@example(text='a: "\\ud800"')
@example(text="services: !reset {}\n")
@example(text="!reset a: b\n")
@example(text="!override {services: {a: {image: x}}}\n")
def test_any_text_is_answered(text: str) -> None:
    answer(text)


@given(model=MODELS)
@settings(some(30), suppress_health_check=[HealthCheck.too_slow])
def test_any_model_is_answered(model: dict[str, Any]) -> None:
    answer(json.dumps(model))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a model, holders included."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield (*path, key)
        yield from leaves(value[key], (*path, key))


@given(data=st.data())
@some(25)
def test_a_file_of_the_corpus_with_other_values_is_answered(data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(CORPUS.glob("*.yml"))))
    (document,) = parse(file.read_text(), file.name)
    model = document.data
    for _ in range(data.draw(st.integers(1, 3))):
        *holders, last = data.draw(st.sampled_from(list(leaves(model))))
        holder = functools.reduce(operator.getitem, holders, model)
        holder[last] = data.draw(TEXTS if isinstance(holder[last], str) else SCALARS | VALUES)
    answer(json.dumps(model))


@given(data=st.data())
@some(20)
def test_a_file_of_the_corpus_with_a_piece_cut_out_or_changed_is_answered(
    data: st.DataObject,
) -> None:
    text = data.draw(st.sampled_from(sorted(CORPUS.glob("*.yml")))).read_text()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 30)))
    answer(text[:start] + data.draw(YAML_TEXT) + text[end:])
