"""The bridge: Sierra Chart's files served over DTC, and the local copy of them."""
