"""The committed structs are what the script makes of the table, and the table is what a compiler says."""

import ast
import importlib.util
import json
import struct
from pathlib import Path

import pytest

import minhos.dtc.messages as m
from minhos.dtc.layouts import LAYOUTS
from minhos.dtc.messages import enums

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("make_dtc_messages", ROOT / "scripts" / "make_dtc_messages.py")
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
TABLE = json.loads((ROOT / "minhos" / "dtc" / "layouts.json").read_text())


@pytest.mark.parametrize("file_name", sorted(script.modules(TABLE)))
def test_the_modules_are_what_the_script_writes(file_name):
    written = (ROOT / "minhos" / "dtc" / "messages" / file_name).read_text()
    made = script.modules(TABLE)[file_name]
    assert sorted(map(ast.dump, ast.parse(written).body)) == sorted(map(ast.dump, ast.parse(made).body))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_every_struct_has_the_fields_and_defaults_of_the_table(layout):
    row = next(row for row in TABLE["messages"] if row["name"] == layout.name)
    assert row["type"] == layout.message.TYPE
    assert layout.message.__struct_fields__ == tuple(script.snake_case(field[0]) for field in row["fields"])
    message = layout.message()
    assert [getattr(message, field.attribute) for field in layout.fields] == [field[3] for field in row["fields"]]


@pytest.mark.parametrize(
    ("message_type", "size", "codes"),
    [
        (1, 284, "<HHi32s32s64siiii32s64s32si"),
        (2, 256, "<HHii96s64si60sBBBB4sBBBBBBBBB3x"),
        (146, 27, "<HHIfIqBbb"),
        (208, 304, "<HH64s16s32s32sii4xdddi4xqBB48s2xid16s16sd"),
        (204, 192, "<HH32s32s4xdddBB2xii4xqB32s16s16s7x"),
        (301, 720, "<HHiii64s16s32s32s32s32siiiiddi4xqdddddqd64s32s96sB32s32s3xi32s48sqd32s"),
        (802, 108, "<HHi96shH"),
    ],
)
def test_layouts_of_the_compiled_header(message_type, size, codes):
    layout = LAYOUTS[message_type]
    assert len(layout.pack(layout.message())) == size == struct.calcsize(codes)
    names = [code for code in codes[3:] if code.isalpha() and code != "x"]
    assert len(names) == len(layout.fields)


def test_numbers_that_people_get_wrong():
    assert (m.OpenOrdersRequest.TYPE, m.CurrentPositionsRequest.TYPE, m.PositionUpdate.TYPE) == (300, 305, 306)
    assert (m.HistoricalOrderFillsReject.TYPE, m.AccountBalanceUpdate.TYPE, m.AccountBalanceRequest.TYPE) == (
        308,
        600,
        601,
    )
    assert (m.HistoricalPriceDataRequest.TYPE, m.HistoricalPriceDataResponseTrailer.TYPE) == (800, 807)
    assert (enums.OrderStatus.FILLED, enums.OrderUpdateReason.NEW_ORDER_REJECTED, enums.OrderType.STOP_LIMIT) == (
        7,
        8,
        4,
    )


def test_the_packed_form_puts_fields_at_their_offsets():
    data = LAYOUTS[208].pack(m.SubmitNewSingleOrder(client_order_id="abc", quantity=2.0))
    assert data[116:119] == b"abc"
    assert struct.unpack_from("<d", data, 176) == (2.0,)


def test_the_script_explains_its_names():
    import doctest

    assert doctest.testmod(script).failed == 0


def test_the_codec_explains_itself():
    import doctest

    from minhos.dtc import codec

    assert doctest.testmod(codec).failed == 0
