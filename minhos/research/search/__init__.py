"""A search over recipes, every trial counted."""
