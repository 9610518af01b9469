# The shop in a container: command line, API, dashboard and JupyterLab.
# `make image` builds it, `make up` starts the services of docker-compose.yml. What it installs is a make target, `make services`.

FROM python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS base

FROM base AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends make=4.3-4.1 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/var/cache/pip PIP_CACHE_DIR=/var/cache/pip make services SERVICES=/opt/shop

FROM base
LABEL org.opencontainers.image.title="shop_nb" \
      org.opencontainers.image.description="A synthetic shop, realistic and exactly reproducible, with an API and a dashboard" \
      org.opencontainers.image.licenses="MIT"
# Only /data, /notebooks and /tmp are ever written to: the rest may be read-only.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin --no-log-init shop \
 && install --directory --owner shop --group shop /data /notebooks
COPY --from=build /opt/shop /opt/shop
COPY --chown=shop:shop nbs /notebooks
COPY deploy/first-run /usr/local/bin/shop-first-run
COPY deploy/healthy /usr/local/bin/shop-healthy
ENV PATH=/opt/shop/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /data
USER 10001:10001
EXPOSE 8000 8866 8888
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["shop-healthy"]
CMD ["shop-nb", "api", "--db", "/data/shop.db", "--host", "0.0.0.0", "--port", "8000"]
