# kube-proxy with the programs that it calls. Its shell also makes and removes the folders of volumes.
ARG BASE=debian:13-slim
FROM ${BASE}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends conntrack iptables kmod nftables \
    && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY kube-proxy /usr/local/bin/
