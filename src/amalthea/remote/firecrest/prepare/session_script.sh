#!/bin/bash
# The job of a session: it opens the tunnel to the session's address, fetches the repositories through it, and runs the
# session's program. It ends when the program ends, with its exit code. It comes with the lines for Slurm above, from
# Amalthea's remote session controller, which also puts these files beside it:
#   secrets/environment.sh   the session's variables; deleted once they are read
#   secrets/wstunnel_secret  what opens the tunnel; the tunnel's client deletes it
#   tunnel_client.py         the tunnel's client
#   environment.toml         what the container engine is told, where it takes a file
launch=(false) # the controller writes here what is started
set -e -o pipefail
umask 077
told=() # what this script tells the program, as NAME=value

fail() {
    echo "session: $1" >&2
    exit 1
}

cd "${SESSION_DIR:-$PWD}"
mkdir -p work secrets logs

[ -f secrets/environment.sh ] || fail "secrets/environment.sh is missing: this job ran before; resume the session."
# shellcheck disable=SC2329  # the trap calls it
leave() {
    local running until=$((SECONDS + 20))
    trap - EXIT TERM INT
    # Once the tunnel is open, the client has taken the secret: a file there would be the next job's.
    [ -n "$opened" ] || rm -f secrets/*
    mapfile -t running < <(jobs -rp)
    kill -TERM "${running[@]}" 2>/dev/null || true
    while [ "$SECONDS" -lt "$until" ] && kill -0 "${running[@]}" 2>/dev/null; do
        sleep 0.1
    done
    mapfile -t running < <(jobs -rp)
    kill -KILL "${running[@]}" 2>/dev/null || true
    wait || true
}
opened=""
trap leave EXIT
trap 'exit 143' TERM INT

# The session's variables are for its program. They may be named like this script's own, or like one by which a tool of
# the node finds its libraries. So they are set in shells of their own only.
variables="$(<secrets/environment.sh)"
rm -f secrets/environment.sh
of_session() (
    eval "$variables" 2>/dev/null
    printf '%s' "${!1}"
)
for name in WSTUNNEL_SERVICE_ADDRESS WSTUNNEL_SERVICE_PORT WSTUNNEL_SERVICE_SCHEME WSTUNNEL_PATH_PREFIX \
    RENKU_SESSION_REMOTE_PORT GIT_REPOSITORIES GIT_PROXY_WAIT_RETRIES GIT_PROXY_WAIT_SLEEP_SECONDS; do
    printf -v "$name" '%s' "$(of_session "$name")"
done
# These mean the same on the node: the way out, and what git does at a checkout.
for name in https_proxy HTTPS_PROXY no_proxy NO_PROXY GIT_LFS_SKIP_SMUDGE; do
    value="$(of_session "$name")"
    [ "$value" = "${!name}" ] || export "$name=$value"
done

SESSION_DIR="$PWD"
SESSION_WORK_DIR="$SESSION_DIR/work"
told+=("SESSION_DIR=$SESSION_DIR")
echo "SESSION_DIR: $SESSION_DIR"
echo "SESSION_WORK_DIR: $SESSION_WORK_DIR"

[ -n "$WSTUNNEL_SERVICE_ADDRESS" ] || fail "RENKU_BASE_URL is not set, so nobody could open the session."
for tool in python3 srun; do
    command -v "$tool" >/dev/null || fail "$tool is missing on $HOSTNAME."
done
if timeout -k 1 60 nvidia-smi >/dev/null 2>&1; then # it hangs where a GPU is broken
    told+=(APPTAINER_NV=1)
else
    told+=(NVIDIA_VISIBLE_DEVICES=void)
fi
# Since Slurm 22.05 srun does not take over what the job asked for.
[ -z "$SLURM_CPUS_PER_TASK" ] || told+=("SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK")
told+=("RENKU_SESSION_REMOTE_PORT=$RENKU_SESSION_REMOTE_PORT" RENKU_SESSION_IP=127.0.0.1)
told+=("RENKU_MOUNT_DIR=$SESSION_WORK_DIR" "RENKU_WORKING_DIR=$SESSION_WORK_DIR")

authorities=()
if [ -f tunnel_ca.pem ]; then
    authorities=(--ca-file tunnel_ca.pem)
fi
rm -f logs/ports
python3 -I tunnel_client.py "${authorities[@]}" \
    --secret-file secrets/wstunnel_secret --ports-file logs/ports \
    --reverse "$RENKU_SESSION_REMOTE_PORT:0" --forward 0:65480 --forward 0:65481 \
    "$WSTUNNEL_SERVICE_SCHEME://$WSTUNNEL_SERVICE_ADDRESS:$WSTUNNEL_SERVICE_PORT/${WSTUNNEL_PATH_PREFIX#/}" \
    >logs/wstunnel.logs 2>&1 &
tunnel=$!

for _ in $(seq 100); do
    [ ! -s logs/ports ] || break
    kill -0 "$tunnel" 2>/dev/null || fail "the tunnel could not be opened: $(tail -n 3 logs/wstunnel.logs)"
    sleep 0.1
done
[ -s logs/ports ] || fail "the tunnel's client did not start within 10 seconds."
opened=yes
while read -r far near; do
    case "$far" in
        "$RENKU_SESSION_REMOTE_PORT") told+=("RENKU_SESSION_PORT=$near") ;;
        65480) GIT_PROXY_PORT="$near" told+=("GIT_PROXY_REMOTE_PORT=$far" "GIT_PROXY_PORT=$near") ;;
        65481) GIT_PROXY_HEALTH_PORT="$near" told+=("GIT_PROXY_HEALTH_REMOTE_PORT=$far" "GIT_PROXY_HEALTH_PORT=$near") ;;
    esac
done <logs/ports

answers() {
    python3 -I -c 'import sys, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(sys.argv[1], timeout=10)' "$1"
}

# One repository, in its folder; what fails is told in a file ERROR there.
fetch() {
    local branch="$1"
    rm -f ERROR
    git init || { echo "Error: could not run git init" >ERROR; return; }
    git config http.proxy "http://localhost:$GIT_PROXY_PORT" || { echo "Error: could not set git http.proxy" >ERROR; return; }
    git config http.sslVerify false || { echo "Error: could not set git http.sslVerify" >ERROR; return; }
    git fetch || { echo "Error: could not run git fetch" >ERROR; return; }
    if [ -n "$branch" ]; then
        git checkout "$branch" || { echo "Error: could not run git checkout" >ERROR; return; }
        git pull --ff-only || { echo "Error: could not run git pull" >ERROR; return; }
    fi
}

fetch_all() {
    local reached="" repository branch
    for _ in $(seq "${GIT_PROXY_WAIT_RETRIES:-10}"); do
        if answers "http://localhost:$GIT_PROXY_HEALTH_PORT/health"; then
            reached=yes
            break
        fi
        sleep "${GIT_PROXY_WAIT_SLEEP_SECONDS:-10}"
    done
    while IFS=$'\t' read -r repository branch; do
        [ -n "$repository" ] || continue
        mkdir -p "work/$repository"
        if [ -n "$reached" ]; then
            (cd "work/$repository" && fetch "$branch")
        else
            echo "Error: could not contact the git proxy" >"work/$repository/ERROR"
        fi
    done <<<"$GIT_REPOSITORIES"
    echo "The repositories are there, but for what a file ERROR in one of them tells."
}
if [ -n "$GIT_REPOSITORIES" ]; then
    fetch_all >logs/git.logs 2>&1 &
fi

# A PATH of the session's is for its program; what makes an Apptainer container for that needs the node's.
told+=("SESSION_NODES_PATH=$PATH")
sessions_path="$(of_session PATH)"
[ "$sessions_path" = "$PATH" ] || told+=("APPTAINERENV_PATH=$sessions_path")
launch[0]="$(command -v "${launch[0]}")"
# Its arguments, which no variable overwrites: how many words the program is told, these words, and what is run.
run_program() {
    unset told launch authorities # bash exports no list, and a variable may be named so
    eval "$variables"
    export "${@:2:$1}"
    shift "$(($1 + 1))"
    exec "$@"
}
run_program "${#told[@]}" "${told[@]}" "${launch[@]}" &
program=$!
# Before version 5, bash waits for any job, also that of the repositories, whatever ids it is given.
while kill -0 "$program" 2>/dev/null && kill -0 "$tunnel" 2>/dev/null; do
    wait -n || true
done
if kill -0 "$program" 2>/dev/null; then
    fail "the tunnel's client ended: $(tail -n 3 logs/wstunnel.logs)"
fi
code=0
wait "$program" || code=$?
echo "session: the program has ended with exit code $code"
exit "$code"
