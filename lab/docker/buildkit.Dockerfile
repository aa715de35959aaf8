# BuildKit in a container, as buildx starts it for builds that the engine itself cannot do.
ARG BASE=debian:13-slim
FROM ${BASE}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git runc \
    && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY buildkitd buildctl /usr/local/bin/
ENTRYPOINT ["buildkitd"]
