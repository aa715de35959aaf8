"""The operator, which holds the layers together: gather, decide, build, apply, report."""
