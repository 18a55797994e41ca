"""The walk through a real Sierra Chart."""
