"""Lists of independent calls: joblib on this machine, or a Dask cluster.  The entry point is `calls.run_calls`.

Not for scheduling: joblib and Dask do that.
"""
