"""The DTC protocol, usable on its own: it needs Python, msgspec and `minhos.errors`.

| module | what it has |
|---|---|
| messages, messages.enums | every message as a typed, frozen struct; the enumerations |
| codec | `encode`, `decode`, `Encoding`, `Malformed` |
| framing | `Framer`: a stream of bytes cut into messages |
| client, logon, events | `DtcClient`, `ClientOptions`, and what it tells without being asked |
| history | `history`: historical prices, one connection a request |
| transport, turns | the port by which bytes travel: sockets, memory; an event loop without a thread |
| server, backend, simulated | `DtcServer` over the port `Backend`; `SimulatedBackend` to try clients against |
| faults | `Faults`: everything that a server can do wrong, one switch each |

The first errors to expect of Sierra Chart: it gives no CME data over DTC, and no trading until Allow Trading is set.
"""
