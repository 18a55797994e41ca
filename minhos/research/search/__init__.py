"""A search for a member's parameters, every trial counted in the ledger: `search.search`.

It changes nothing: what was found is printed, to be put into the recipe by hand.
"""
