"""Fakes and builders for tests, ours and those of whoever builds on Amalthea. Imported by tests only."""
