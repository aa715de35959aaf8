"""A real Slurm on this machine: one node, accounting included, all of it below one folder."""
