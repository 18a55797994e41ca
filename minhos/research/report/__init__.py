"""One report as values, as a page and in the terminal."""
