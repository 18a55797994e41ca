import json
import os
import struct
import sys

import pytest
from dtc_goldens import EXPECTED, goldens
from hypothesis import given, settings
from hypothesis import strategies as st

import minhos.dtc.messages as m
from minhos.dtc.codec import Encoding, Malformed, Unknown, decode, encode
from minhos.dtc.layouts import INTEGER_LIMITS, LAYOUTS, UNSET
from minhos.errors import DtcError

EXAMPLES = int(os.environ.get("MINHOS_DTC_FUZZ_EXAMPLES", "50"))
"""Raise it for a long run of the fuzz tests."""
ENCODINGS = list(Encoding)
fuzz = settings(deadline=None, max_examples=EXAMPLES)


def field_values(field):
    """Everything that a field can carry."""
    if field.is_text:
        characters = st.characters(min_codepoint=1, max_codepoint=255)
        return st.text(characters, max_size=int(field.code[:-1]) - 1)
    if field.code in "df":
        numbers = st.floats(allow_nan=False, allow_infinity=False, width=32 if field.code == "f" else 64)
        values = numbers.filter(lambda x: abs(x) < (UNSET["f"] if field.code == "f" else 1.7e308))
    else:
        low, high = INTEGER_LIMITS[field.code]
        values = st.integers(low, high - (field.default is None))
    return st.none() | values if field.default is None else values


@st.composite
def any_message(draw):
    layout = draw(st.sampled_from(list(LAYOUTS.values())))
    return layout.message(*[draw(field_values(field)) for field in layout.fields])


@pytest.mark.parametrize(("name", "data", "message"), goldens(), ids=[name for name, *_ in goldens()])
def test_golden_bytes_both_ways(name, data, message):
    assert decode(data, Encoding.BINARY) == message
    assert encode(message, Encoding.BINARY) == data


def test_all_goldens_are_expected():
    assert len(goldens()) == len(EXPECTED) == 22


@given(message=any_message(), encoding=st.sampled_from(ENCODINGS))
@fuzz
def test_what_is_encoded_is_decoded_as_it_was(message, encoding):
    assert decode(encode(message, encoding), encoding) == message


@given(data=st.binary(max_size=900), encoding=st.sampled_from(ENCODINGS))
@fuzz
def test_any_bytes_give_a_message_or_malformed(data, encoding):
    assert isinstance(decode(data, encoding), m.Message | Malformed)


@given(message_type=st.sampled_from(sorted(LAYOUTS)), body=st.binary(max_size=900))
@fuzz
def test_any_body_of_a_known_type_gives_a_message_or_malformed(message_type, body):
    decoded = decode(struct.pack("<HH", 4 + len(body), message_type) + body, Encoding.BINARY)
    assert isinstance(decoded, Malformed | LAYOUTS[message_type].message)
    texts = [field for field in LAYOUTS[message_type].fields if field.is_text]
    if isinstance(decoded, m.Message) and all(len(getattr(decoded, t.attribute)) < int(t.code[:-1]) for t in texts):
        assert decode(encode(decoded, Encoding.BINARY), Encoding.BINARY) == decoded


def test_text_that_fills_its_array_without_a_nul_is_kept_whole_and_not_sent_on():
    data = bytearray(encode(m.CancelOrder(), Encoding.BINARY))
    data[4:36] = b"x" * 32
    assert decode(bytes(data), Encoding.BINARY).server_order_id == "x" * 32
    with pytest.raises(DtcError, match="server_order_id has 32 characters"):
        encode(decode(bytes(data), Encoding.BINARY), Encoding.BINARY)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(
    layout=st.sampled_from(list(LAYOUTS.values())),
    data=st.data(),
    compact=st.lists(json_values, max_size=12) | st.none(),
)
@fuzz
def test_any_json_value_in_any_field_gives_a_message_or_malformed(layout, data, compact):
    names = st.sampled_from([field.name for field in layout.fields])
    content = {"Type": layout.message.TYPE} | data.draw(st.dictionaries(names, json_values, max_size=6))
    if compact is not None:
        content["F"] = compact
    assert isinstance(decode(json.dumps(content).encode(), Encoding.JSON), m.Message | Malformed)


@given(message=any_message(), keep=st.integers(4, 800))
@fuzz
def test_a_shorter_struct_keeps_the_defaults_of_what_it_lacks(message, keep):
    data = encode(message, Encoding.BINARY)[:keep]
    decoded = decode(struct.pack("<H", len(data)) + data[2:], Encoding.BINARY)
    for field in LAYOUTS[message.TYPE].fields:
        expected = getattr(message, field.attribute) if field.end <= keep else field.default
        assert getattr(decoded, field.attribute) == expected


@given(message=any_message(), more=st.binary(min_size=1, max_size=99))
@fuzz
def test_a_longer_struct_is_read_and_the_rest_ignored(message, more):
    data = encode(message, Encoding.BINARY) + more
    assert decode(struct.pack("<H", len(data)) + data[2:], Encoding.BINARY) == message


def test_unset_numbers_are_none_in_binary():
    snapshot = m.MarketDataSnapshot(symbol_id=1)
    data = encode(snapshot, Encoding.BINARY)
    assert data[8:16] == bytes.fromhex("ffffffffffffef7f")
    assert data[48:52] == b"\xff\xff\xff\xff"
    assert encode(m.MarketDataUpdateBidAskCompact(), Encoding.BINARY)[4:8] == bytes.fromhex("ffff7f7f")
    assert decode(data, Encoding.BINARY).bid_price is None


@pytest.mark.parametrize("unset", ["", '"Price1":null,', '"Price1":1.797e308,', f'"Price1":{sys.float_info.max!r},'])
def test_json_may_omit_an_unset_number_or_write_null_or_its_largest(unset):
    text = '{"Type":301,' + unset + '"Symbol":"NQU25-CME"}\0'
    assert decode(text.encode(), Encoding.JSON) == m.OrderUpdate(symbol="NQU25-CME")


def test_padding_and_text_after_the_nul_are_written_as_zeros_and_ignored_when_read():
    data = bytearray(encode(m.OrderUpdate(symbol="NQ"), Encoding.BINARY))
    assert data[18:80] == bytes(62)
    data[19:25] = b"GARBAGE"[:6]
    assert decode(bytes(data), Encoding.BINARY).symbol == "NQ"


def test_messages_packed_without_padding():
    trade = m.MarketDataUpdateTradeWithUnbundledIndicator2(1, 23500.25, 2, 1_756_800_000_125_000, 1, 1)
    assert len(encode(trade, Encoding.BINARY)) == 27
    assert len(encode(m.MarketDepthUpdateLevelFloatWithMilliseconds(), Encoding.BINARY)) == 31


def test_json_examples_of_the_protocol():
    trade = m.MarketDataUpdateTrade(1, 0, 2058.75, 12.0, 1456736458.0)
    plain = b'{"Type":107,"SymbolID":1,"AtBidOrAsk":0,"Price":2058.75,"Volume":12,"DateTime":1456736458}\0'
    compact = b'{"Type":107,"F":[1,0,2058.75,12,1456736458]}\0'
    assert encode(trade, Encoding.JSON) == plain
    assert encode(trade, Encoding.JSON_COMPACT) == compact
    for encoding in (Encoding.JSON, Encoding.JSON_COMPACT):
        assert decode(plain, encoding) == decode(compact, encoding) == trade


def test_compact_heartbeat_and_unset():
    assert encode(m.Heartbeat(0, 7), Encoding.JSON_COMPACT) == b'{"Type":3,"F":[0,7]}\0'
    quote = m.MarketDataUpdateBidAskCompact(ask_price=2.5)
    assert encode(quote, Encoding.JSON_COMPACT) == b'{"Type":117,"F":[null,0,2.5,0,0,0]}\0'


@pytest.mark.parametrize("name", ["NumTrades", "OpenInterest"])
def test_the_two_names_of_the_trade_count_in_a_historical_record(name):
    text = f'{{"Type":803,"{name}":5}}'
    assert decode(text.encode(), Encoding.JSON) == m.HistoricalPriceDataRecordResponse(num_trades=5)


def test_text_is_latin_1_and_leaves_json_escaped():
    reject = m.MarketDataReject(1, "né")
    assert b"n\xe9\0" in encode(reject, Encoding.BINARY)
    assert b'"n\\u00e9"' in encode(reject, Encoding.JSON)
    assert decode(b'{"Type":103,"SymbolID":1,"RejectText":"n\xe9"}', Encoding.JSON) == reject


def test_unknown_types_are_kept_as_they_came():
    data = struct.pack("<HH3s", 7, 9999, b"abc")
    assert decode(data, Encoding.BINARY) == Unknown(9999, b"abc")
    assert encode(Unknown(9999, b"abc"), Encoding.BINARY) == data
    text = b'{"Type":9999,"Future":1}'
    assert encode(decode(text, Encoding.JSON), Encoding.JSON) == text + b"\0"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "at least 4 bytes"),
        (b"\x01\x00\x03\x00", "says it has 1 bytes"),
        (b"\x10\x00\x03\x00", "says it has 16 bytes; 4 are there"),
        (struct.pack("<HHIH6xddd", 40, 107, 1, 0, float("nan"), 1, 1), "Price = nan"),
        (struct.pack("<HHIH6xddd", 40, 107, 1, 0, float("inf"), 1, 1), "Price = inf"),
    ],
)
def test_malformed_binary_says_why(data, reason):
    assert reason in decode(data, Encoding.BINARY).reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"HTTP/1.1 400", "Not JSON"),
        (b"[" * 100_000, "Not JSON"),
        (b"[1]", "must be a JSON object"),
        (b"{}", "must name its Type"),
        (b'{"Type":true}', "must name its Type"),
        (b'{"Type":107,"Price":"1"}', "Price"),
        (b'{"Type":107,"SymbolID":-1}', "SymbolID"),
        (b'{"Type":107,"SymbolID":1' + b"0" * 400 + b"}", "SymbolID"),
        (b'{"Type":107,"SymbolID":1.5}', "SymbolID"),
        (b'{"Type":301,"Symbol":5}', "Symbol"),
    ],
)
def test_malformed_json_says_why(text, reason):
    assert reason in decode(text, Encoding.JSON).reason


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (m.CancelOrder(client_order_id="x" * 32), "client_order_id has 32 characters"),
        (m.CancelOrder(client_order_id="\u2603"), "not a Latin-1 character"),
        (m.CancelOrder(client_order_id="a\0b"), "client_order_id contains"),
        (m.CancelOrder(client_order_id=7), "client_order_id is 7, not text"),
        (m.SubmitNewSingleOrder(price1=float("nan")), "price1 is nan, not a finite number"),
        (m.SubmitNewSingleOrder(quantity=None), "quantity is None"),
        (m.MarketDataRequest(symbol_id=-1), "symbol_id is -1, not an integer from 0 to 4294967295"),
        (m.MarketDataUpdateTradeCompact(price=1e300), "does not fit"),
    ],
)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_the_protocol_cannot_carry_is_refused_by_name(message, words, encoding):
    with pytest.raises(DtcError, match=words.replace("(", "\\(")):
        encode(message, encoding)


@pytest.mark.parametrize("encoding", [1, 4, 99])
def test_other_encodings_are_refused(encoding):
    with pytest.raises(DtcError, match="BINARY, JSON, JSON_COMPACT"):
        encode(m.Heartbeat(), encoding)
    with pytest.raises(DtcError, match="not spoken here"):
        decode(b"", encoding)


def test_messages_are_immutable():
    with pytest.raises(AttributeError):
        m.Heartbeat().current_date_time = 1


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize(("password", "why"), [("q7" * 20, "40 characters; "), ("q7\u2603", "contains something")])
def test_a_password_that_does_not_fit_is_not_shown(password, why, encoding):
    with pytest.raises(DtcError, match=why) as refusal:
        encode(m.LogonRequest(password=password), encoding)
    assert not any(part in str(refusal.value) for part in ("q7", "\u2603"))
