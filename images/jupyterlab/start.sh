#!/bin/sh
# Starts JupyterLab where the session wants it. What the session gives as args is added at the end, and so wins.
#   JUPYTER_BASE_URL, else RENKU_BASE_URL_PATH   the path it is reached under (/)
#   JUPYTER_PORT, else RENKU_SESSION_PORT        the port it listens on (8888)
#   JUPYTER_ROOT_DIR, else RENKU_WORKING_DIR     the folder it shows (the container's working directory)
set -eu

exec jupyter lab \
    --ServerApp.base_url="${JUPYTER_BASE_URL:-${RENKU_BASE_URL_PATH:-/}}" \
    --ServerApp.port="${JUPYTER_PORT:-${RENKU_SESSION_PORT:-8888}}" \
    --ServerApp.root_dir="${JUPYTER_ROOT_DIR:-${RENKU_WORKING_DIR:-$PWD}}" \
    "$@"
