"""A password that cannot be sent is not shown either."""

import pytest

from minhos.dtc import messages as m
from minhos.dtc.codec import Encoding, encode
from minhos.errors import DtcError


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize(("password", "why"), [("q7" * 20, "40 characters; "), ("q7\u2603", "contains something")])
def test_a_password_that_does_not_fit_is_not_shown(password, why, encoding):
    with pytest.raises(DtcError, match=why) as refusal:
        encode(m.LogonRequest(password=password), encoding)
    assert not any(part in str(refusal.value) for part in ("q7", "\u2603"))
