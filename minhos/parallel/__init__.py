"""Lists of independent jobs: joblib on this machine, or a Dask cluster."""
