# sohoa for a site without Python:
#   docker build -t sohoa .
#   docker run --rm --read-only --tmpfs /tmp -v "$PWD/inbox:/inbox:ro" -v "$PWD/sohoa:/workspace" sohoa ingest /inbox
FROM debian:bookworm-slim AS base
COPY setup/system-run.txt /tmp/system-run.txt
RUN apt-get update -qq \
 && grep -v '^#' /tmp/system-run.txt | xargs env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
 && rm -rf /var/lib/apt/lists/* /tmp/system-run.txt

FROM base AS build
WORKDIR /opt/sohoa
COPY setup setup
RUN python3 -m venv .venv \
 && .venv/bin/python -m pip install -q --no-cache-dir --require-hashes -r setup/cluster.lock \
 && SOHOA_CACHE=/tmp/models setup/models \
 && SOHOA_CACHE=/tmp/tools setup/sbom sbom.cdx.json
COPY . .
RUN .venv/bin/python -m pip install -q --no-cache-dir --no-deps --no-build-isolation -e . \
 && .venv/bin/pybabel -q compile -d locale -D sohoa \
 && .venv/bin/python -m compileall -q cli.py commands schemas ingest archive search reports samples

FROM base
RUN useradd --create-home --uid 1000 sohoa && install -d -o sohoa -g sohoa -m 700 /workspace
COPY --from=build /opt/sohoa /opt/sohoa
ENV PATH=/opt/sohoa/.venv/bin:$PATH LANG=C.UTF-8 SOHOA_WORKSPACE=/workspace OMP_THREAD_LIMIT=1 PYTHONDONTWRITEBYTECODE=1
USER sohoa
VOLUME /workspace
WORKDIR /workspace
HEALTHCHECK --interval=5m --timeout=30s CMD ["sohoa", "doctor"]
ENTRYPOINT ["sohoa"]
CMD ["--help"]
