"""FirecREST v2, the HTTP interface of clusters with Slurm: one job for each session."""
