"""Sierra Chart's own files: .scid and its text exports, read whole or followed as they grow."""
