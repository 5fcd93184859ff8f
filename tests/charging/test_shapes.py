"""Sampled values apart into shape and values, and together again, lose nothing."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from charging.shapes import join, shape_id, split, whole

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
SAMPLES = st.lists(
    st.fixed_dictionaries(
        {"value": WORDS | st.integers() | st.decimals(-1000, 1000, places=3).map(float)},
        optional={"measurand": WORDS, "unit": WORDS, "unitOfMeasure": st.fixed_dictionaries({"unit": WORDS})},
    ),
    max_size=9,
)


@given(SAMPLES)
def test_nothing_is_lost(samples: list[dict[str, Any]]) -> None:
    said = msgspec.json.encode(samples).decode()
    shape, values = split(said)
    assert join(shape, values) == json.loads(said)
    assert json.loads(whole(shape, values)) == json.loads(said)


def test_messages_that_differ_in_their_numbers_alone_have_one_shape() -> None:
    shapes = {
        split(json.dumps([{"value": value, "unit": "Wh"}, {"value": "230.10", "measurand": "Voltage"}]))
        for value in ("1", "2")
    }
    assert {values for _, values in shapes} == {"1 230.10", "2 230.10"}
    assert len({shape_id(shape) for shape, _ in shapes}) == 1


def test_a_number_and_the_same_as_text_are_two_shapes() -> None:
    assert split('[{"value":1}]')[0] != split('[{"value":"1"}]')[0]


def test_what_can_not_be_told_apart_is_kept_whole() -> None:
    for said in ('[{"value":"OCMF|{} {}"}]', '[{"measurand":"SoC"}]', "no JSON", '[{"value":""}]'):
        assert split(said) == ("", said)
