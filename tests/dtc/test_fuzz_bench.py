from minhos.bench import dtc_fuzz
from minhos.bench.dtc_fuzz import fuzz


def test_no_hostile_input_escapes_and_both_answers_occur():
    found = fuzz(3_000, seed=2)
    assert found.escaped == ()
    assert found.inputs == 3_000 == found.messages + found.malformed
    assert min(found.messages, found.malformed) > 300


def test_an_exception_that_escapes_is_counted_and_shown(monkeypatch):
    def fragile(data, encoding):
        raise KeyError("field")

    monkeypatch.setattr(dtc_fuzz, "decode", fragile)
    found = fuzz(3_000, seed=2)
    assert len(found.escaped) == 100 == found.inputs
    assert "KeyError('field')" in found.escaped[0][1]
