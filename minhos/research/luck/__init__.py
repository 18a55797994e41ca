"""How much of a result luck explains: `deflation.deflated`, `snooping.superior_ability`, `tried.tried`.

Not for leaks: a model that saw the future is found by the canaries (`minhos.training.canaries`).
"""
