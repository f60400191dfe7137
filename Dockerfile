FROM python:3.13-slim AS dependencies
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# the one list of pins: for packages, and for pip's own build environments, which pip >= 25.3 asks for apart
ENV PIP_CONSTRAINT=/src/constraints.txt PIP_BUILD_CONSTRAINT=/src/constraints.txt
COPY constraints.txt pyproject.toml ./
# a layer of their own: a change of the code alone installs none of them again
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
        extras = project['optional-dependencies']; \
        wanted = [*extras['postgres'], *extras['redis'], *extras['s3'], *extras['xlsx']]; \
        print(*project['dependencies'], *wanted, sep='\n')" \
        > requirements.txt \
    && python -m venv /opt/diffing \
    && /opt/diffing/bin/pip install --requirement requirements.txt

FROM dependencies AS build
COPY README.md LICENSE ./
COPY service service
COPY sql sql
RUN /opt/diffing/bin/pip wheel --no-deps --wheel-dir /wheel .

FROM python:3.13-slim
LABEL org.opencontainers.image.title="diffing" \
      org.opencontainers.image.description="Report which rows of a dataset really changed between two CSV exports." \
      org.opencontainers.image.version="0.1.0"
# fixed numbers, so that a host can give files to that user and group; /data/tmp is for any user,
# as `diffing diff` runs as the one who owns the files
RUN groupadd --system --gid 10001 diffing \
    && useradd --system --uid 10001 --gid 10001 --create-home diffing \
    && install --directory --owner=diffing --group=diffing /data \
    && install --directory --owner=diffing --group=diffing --mode=1777 /data/tmp
COPY --from=dependencies /opt/diffing /opt/diffing
COPY --from=build /wheel /wheel
RUN /opt/diffing/bin/pip install --no-cache-dir --no-index --no-deps /wheel/*.whl
# on all addresses of the container: the API asks for keys there, and does not start without one;
# temporary files are on the volume, where there is room for them, and a read-only container has no other
ENV PATH=/opt/diffing/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DIFFING_DATA_DIR=/data \
    DIFFING_HOST=0.0.0.0 \
    TMPDIR=/data/tmp
USER diffing
WORKDIR /home/diffing
# inputs, results and job databases outlive the container
VOLUME /data
EXPOSE 8000
# SIGTERM drains: running diffs get DIFFING_GRACE seconds, then their jobs are queued again
STOPSIGNAL SIGTERM
# whatever runs here: the API has to answer, a worker to give its sign of life
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["diffing", "health"]
# exec form: diffing is process 1 and gets the signal itself
ENTRYPOINT ["diffing"]
CMD ["serve"]
