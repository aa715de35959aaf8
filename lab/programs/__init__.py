"""The programs that the lab runs: which versions, and how they are built."""
