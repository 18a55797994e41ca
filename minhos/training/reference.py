"""The report's first line: what the same members reach on a simulated 58 % market, measured once per recipe.

It shows that the machinery works where there is something to find; it says nothing about a real market.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from minhos.models.storage import replace_file
from minhos.training.recipe import Recipe, recipe_for
from minhos.training.results.result import Line, TrainResult


def reference_recipe(recipe: Recipe) -> Recipe:
    """The demo's size of a recipe, with the same members and the same z."""
    return recipe_for(0, members=recipe.members, z=recipe.z)


def reference_line(
    recipe: Recipe, data_hash: str, cache: Path | None, measure: Callable[[Recipe], TrainResult]
) -> Line:
    """The line "simulated": from the cache, else measured and put there.

    data_hash: of the simulated bars.  measure: trains a recipe on them.
    """
    small = reference_recipe(recipe)
    path = cache / f"simulated-{small.recipe_id}-{data_hash[:12]}.json" if cache is not None else None
    if path is not None and path.exists():
        try:
            return msgspec.json.decode(path.read_bytes(), type=Line)
        except (OSError, msgspec.DecodeError):
            path.unlink(missing_ok=True)
    line = msgspec.structs.replace(measure(small).lines.all, name="simulated", simulated=True)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, msgspec.json.encode(line))
    return line
