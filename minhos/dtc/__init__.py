"""The DTC protocol: messages, codecs, client, and server over a port `Backend`."""
