"""Fakes and builders for tests, ours and those of projects that build on Amalthea. Imported by tests only."""
