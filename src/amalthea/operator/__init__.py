"""The operator: what holds the layers together. Gather, decide, build, apply, report."""
