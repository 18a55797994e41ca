"""Causal features, defined once, bar by bar; a batch is that loop."""
