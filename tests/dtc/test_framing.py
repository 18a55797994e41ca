import pytest
from dtc_goldens import EXPECTED
from hypothesis import given, settings
from hypothesis import strategies as st

from minhos.dtc.codec import Encoding, Malformed, decode, encode
from minhos.dtc.framing import LARGEST_JSON, Framer
from minhos.dtc.messages import Heartbeat

MESSAGES = list(EXPECTED.values())


def frames_of(framer):
    frames = []
    while isinstance(frame := framer.next_frame(), bytes):
        frames.append(frame)
    return frames


@pytest.mark.parametrize("encoding", list(Encoding))
@given(cuts=st.lists(st.integers(1, 400), min_size=1, max_size=30))
@settings(deadline=None, max_examples=25)
def test_messages_survive_any_cutting_of_the_stream(encoding, cuts):
    stream = b"".join(encode(message, encoding) for message in MESSAGES)
    framer, decoded, position = Framer(encoding), [], 0
    while position < len(stream):
        for cut in cuts:
            framer.feed(stream[position : position + cut])
            decoded += [decode(frame, encoding) for frame in frames_of(framer)]
            position += cut
    assert decoded == MESSAGES
    assert len(framer) == 0


@pytest.mark.parametrize(
    ("encoding", "garbage"),
    [
        (Encoding.BINARY, b"\0\0\0\0"),
        (Encoding.BINARY, b"\x03\0\x01\0"),
        (Encoding.JSON, b"GET / HTTP/1.1"),
        (Encoding.JSON, b"\x10\0\x06\0"),
    ],
)
def test_garbage_breaks_the_stream_for_good_in_one_sentence(encoding, garbage):
    framer = Framer(encoding)
    framer.feed(garbage)
    broken = framer.next_frame()
    assert isinstance(broken, Malformed)
    assert broken.reason.startswith("Not DTC in")
    framer.feed(encode(Heartbeat(), encoding))
    assert framer.next_frame() == broken
    assert len(framer) == 0


@pytest.mark.parametrize("encoding", list(Encoding))
def test_hostile_gigabytes_are_not_kept(encoding):
    framer, piece = Framer(encoding), b'{"' + b"x" * 65_534
    for _ in range(100):
        framer.feed(piece)
        while isinstance(framer.next_frame(), bytes):
            pass
        assert len(framer) <= LARGEST_JSON + len(piece)


def test_encoding_changes_between_two_messages():
    framer = Framer(Encoding.BINARY)
    framer.feed(encode(Heartbeat(1), Encoding.BINARY) + encode(Heartbeat(2), Encoding.JSON) + b"rest")
    assert decode(framer.next_frame(), Encoding.BINARY) == Heartbeat(1)
    framer.encoding = Encoding.JSON
    assert decode(framer.next_frame(), Encoding.JSON) == Heartbeat(2)
    assert framer.take_rest() == b"rest"
    assert framer.next_frame() is None
