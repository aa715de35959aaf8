# All published images: the operator's, and with --target=sidecars, cloner, jupyterlab or probe another one.
# Written by `make dockerfile` from images/*/Dockerfile: change those.

# Debian 13 with Python 3.13 and certificate authorities: what every other image here stands on.
# BASE is any Debian 13. The lab hands in one that mmdebstrap made, where there is no registry to pull from.
# No program keeps a setuid or setgid bit: a container may run without `no_new_privs`, and none of them is needed.
ARG BASE=debian:13-slim
FROM ${BASE} AS base
RUN --mount=type=bind,source=images/base,target=/run/base \
    apt-get update && apt-get upgrade --yes \
    && xargs apt-get install --yes --no-install-recommends < /run/base/packages.txt \
    && apt-get clean && rm -rf /var/lib/apt/lists/* /var/log/*.log \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} +
ENV LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# Debian 13 with this package and its pinned requirements in /opt/amalthea: what operator and sidecars are made of.
FROM base AS package-build
RUN apt-get update && apt-get install --yes --no-install-recommends python3-venv
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/amalthea
ARG PIP_CERT
COPY requirements/build.txt requirements/operator.txt /tmp/requirements/
RUN --mount=type=secret,id=ca \
    /opt/build/bin/pip install --no-cache-dir --require-hashes -r /tmp/requirements/build.txt \
    && /opt/build/bin/pip --python /opt/amalthea/bin/python install --no-cache-dir --require-hashes -r /tmp/requirements/operator.txt
COPY pyproject.toml README.md LICENSE /tmp/amalthea/
COPY src/amalthea /tmp/amalthea/src/amalthea
# Compiled here, for nothing is written where it runs.
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheels /tmp/amalthea \
    && /opt/build/bin/pip --python /opt/amalthea/bin/python install --no-cache-dir --no-deps /tmp/wheels/*.whl \
    && /opt/amalthea/bin/python -m compileall -q /opt/amalthea/lib

FROM base AS package
COPY --from=package-build /opt/amalthea /opt/amalthea
ENV PATH=/opt/amalthea/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONSAFEPATH=1
WORKDIR /

# The programs in a session's pod beside the session, named by two words as arguments: `proxy serve`, `cloner clone`,
# `gitproxy proxy`. Any numeric user, on a read-only root file system; the cloner alone writes, to its volume and /tmp.
FROM package AS sidecars-package

FROM base AS sidecars
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        dumb-init git git-lfs haproxy libnss-wrapper openssh-client \
    && apt-get clean && rm -rf /var/lib/apt/lists/* /var/log/*.log \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} +
COPY --from=sidecars-package /opt/amalthea /opt/amalthea
ENV PATH=/opt/amalthea/bin:/usr/local/bin:/usr/sbin:/usr/bin:/bin \
    PYTHONSAFEPATH=1 \
    MALLOC_ARENA_MAX=1
WORKDIR /
USER 1000:1000
ENTRYPOINT ["sidecars"]

# The cloner, as web back ends start it: without arguments it is `cloner shellclone`. All else is the sidecars' image.
FROM sidecars AS cloner
COPY --chmod=0755 images/cloner/cloner.sh /usr/local/bin/cloner
ENTRYPOINT ["cloner"]

# JupyterLab as a session: listens on 0.0.0.0:8888, asks for no token (who may come in is Amalthea's matter).
# Its prefix and folder come from the session's env; see start.sh.
FROM base AS jupyterlab-build
RUN apt-get update && apt-get install --yes --no-install-recommends python3-venv
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/jupyter
COPY requirements/jupyterlab.txt /tmp/
ARG PIP_CERT
RUN --mount=type=secret,id=ca \
    /opt/pip/bin/pip --python /opt/jupyter/bin/python install --no-cache-dir --require-hashes -r /tmp/jupyterlab.txt
COPY images/jupyterlab/jupyter_server_config.json /opt/jupyter/etc/jupyter/
COPY images/jupyterlab/page_config.json /opt/jupyter/etc/jupyter/labconfig/
COPY --chmod=0755 images/jupyterlab/start.sh /opt/jupyter/bin/start-jupyterlab

FROM base AS jupyterlab
RUN useradd --no-log-init --create-home --uid 1000 --gid 100 --shell /bin/bash jovyan
COPY --from=jupyterlab-build /opt/jupyter /opt/jupyter
ENV HOME=/home/jovyan \
    PATH=/opt/jupyter/bin:/usr/local/bin:/usr/bin:/bin \
    SHELL=/bin/bash
WORKDIR /home/jovyan
USER 1000:100
EXPOSE 8888
ENTRYPOINT ["start-jupyterlab"]

# A session that starts in a moment and does what a test asks of it: see probe.py.
FROM base AS probe
COPY --chmod=0755 images/probe/probe.py /usr/local/bin/probe
USER 1000:1000
EXPOSE 8888
ENTRYPOINT ["probe"]

# The operator. `amalthea operator …` and `/manager …` (the older chart's command) are the same program.
# It writes nothing: runs as a numeric user on a read-only root file system.
FROM package AS operator
COPY --chmod=0755 images/operator/manager.sh /manager
USER 65532:65532
ENTRYPOINT ["amalthea"]
CMD ["operator"]
