"""From a clone to the files of its revision: submodules, large files, and what is checked before they are written."""
