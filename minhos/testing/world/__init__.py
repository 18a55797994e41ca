"""The world: the whole system in one thread from one seed, and everything around it that lies, fails or is hard.

Not for measuring speed, and no model of a market or a broker: it is there to find what goes wrong in silence.
"""
