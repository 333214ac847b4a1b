"""Damaged inputs end in lines and reasons, or in one line: a short run of the fuzz."""

import random

import fuzz
import pytest
from fuzzing import good_inputs, mutations

INPUTS = {"workdirs": 2, "iam": 8, "iam forms": 8, "archives": 8}


@pytest.mark.parametrize("name", good_inputs.TARGETS)
def test_damaged_inputs_end_well(name):
    bad = [
        (seed, outcome)
        for seed, outcome in fuzz.outcomes(name, INPUTS.get(name, 20))
        if outcome.kind not in ("read", "refused")
    ]
    assert not bad


@pytest.mark.parametrize("name", good_inputs.TARGETS)
def test_good_inputs_are_read(name, monkeypatch):
    """Otherwise the fuzz would try the same refusal again and again."""
    monkeypatch.setattr(mutations, "mutate", lambda *_: [])
    [(_, outcome)] = fuzz.outcomes(name, 1)
    assert outcome.kind == "read", outcome


def test_an_input_can_be_made_again_from_its_seed(tmp_path):
    done = []
    for place in (tmp_path / "a", tmp_path / "b"):
        place.mkdir()
        good_inputs.TARGETS["tsv"].make(place)
        done.append([mutations.mutate(place, random.Random(seed)) for seed in range(5)])
    assert done[0] == done[1]


def test_what_ends_badly_is_told(monkeypatch, capsys):
    def fail(folder, out):
        raise KeyError("x")

    target = good_inputs.Target(lambda folder: (folder / "a").write_text("a"), fail)
    monkeypatch.setitem(good_inputs.TARGETS, "tsv", target)
    assert fuzz.main(["--only=tsv", "--inputs=2"]) == 1
    assert "KeyError" in capsys.readouterr().out
