"""Timed figures and figures of skill: `python3 minh.py bench NAME`.  Never tests; `run` of each module gives them."""
