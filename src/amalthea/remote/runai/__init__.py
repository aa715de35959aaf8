"""Run:ai, a scheduler for clusters of GPUs: one workspace for each session."""
