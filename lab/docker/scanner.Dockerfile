# What BuildKit runs on an image's files to make its SBOM.
ARG BASE=debian:13-slim
FROM ${BASE}
COPY syft /usr/local/bin/
COPY --chmod=0755 scanner.sh /usr/local/bin/scanner
ENV SYFT_CHECK_FOR_APP_UPDATE=false
ENTRYPOINT ["scanner"]
