"""The world: all of MinhOS in one thread from one seed, with everything around it that goes wrong.  `play.play` plays.

A plan (`plan`) says which home (`bases`) and which faults; a world (`world`) lets time jump to what is due next; after
everything that happens the rules of `invariants` must hold.  Not for figures of speed, and not for real processes,
disks and networks: `bench kills` and `bench faults` try those.
"""
