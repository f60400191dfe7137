# syntax=docker/dockerfile:1

FROM python:3.13-slim AS build
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY service service
COPY sql sql
# the one list of pins holds for pip's own build environment too
ENV PIP_CONSTRAINT=/src/constraints.txt PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/diffing && /opt/diffing/bin/pip install .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home diffing \
    && install --directory --owner=diffing --group=diffing /data
COPY --from=build /opt/diffing /opt/diffing
# on all addresses of the container: the API asks for keys there, and does not start without one
ENV PATH=/opt/diffing/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DIFFING_DATA_DIR=/data \
    DIFFING_HOST=0.0.0.0
USER diffing
WORKDIR /home/diffing
# inputs, results and job databases outlive the container
VOLUME /data
EXPOSE 8000
# SIGTERM drains: running diffs get DIFFING_GRACE seconds, then their jobs are queued again
STOPSIGNAL SIGTERM
# a process that is alive but does not answer is of no use; for a worker alone compose.yaml turns it off
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ.get(\"DIFFING_PORT\", 8000)}/health', timeout=2)"]
# exec form: diffing is process 1 and gets the signal itself
ENTRYPOINT ["diffing"]
CMD ["serve"]
