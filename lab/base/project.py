"""The working copy: the lab reads images, charts and samples from it, and starts its own modules in it."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
