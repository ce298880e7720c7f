# paperround in a container: docs/running.md. One folder outside, /papers, holds config.toml and state/.
ARG PYTHON=python:3.12-slim

FROM ${PYTHON} AS built
WORKDIR /source
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY bot bot
COPY templates templates
RUN python3 -m venv /opt/paperround \
    && /opt/paperround/bin/pip install --no-cache-dir --quiet --constraint constraints.txt '.[dkim]'

FROM ${PYTHON}
COPY --from=built /opt/paperround /opt/paperround
RUN useradd --system --uid 10001 --home-dir /papers --create-home papers
USER 10001
WORKDIR /papers
VOLUME /papers
ENV PATH=/opt/paperround/bin:$PATH \
    PAPERROUND_CONFIG=/papers/config.toml \
    PAPERROUND_LISTEN=0.0.0.0:8600 \
    PYTHONUNBUFFERED=1
EXPOSE 8600
# Whether `serve` answers; a source that fails is no reason to start anew, and `status` tells of it.
HEALTHCHECK --interval=1m --timeout=15s --start-period=1m CMD ["paperround", "status", "--alive"]
ENTRYPOINT ["paperround"]
CMD ["serve"]
