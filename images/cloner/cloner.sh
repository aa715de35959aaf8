#!/bin/sh
exec python3 -m amalthea.sidecars.main cloner "${@:-shellclone}"
