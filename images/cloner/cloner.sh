#!/bin/sh
exec sidecars cloner "${@:-shellclone}"
