"""Bundles on disk, their registry and their serving: a row and a window in, a `Forecast` out."""
