# syntax=docker/dockerfile:1
# docker build -t emuscope .
# docker run --rm -p 8080:8080 -e EMUSCOPE_TOKEN=$(openssl rand -hex 32) -v emuscope:/data emuscope

FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY src ./src
RUN npm run build

FROM node:22-slim AS modules
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund && npm cache clean --force

FROM node:22-slim
ENV NODE_ENV=production \
    EMUSCOPE_HOST=0.0.0.0 \
    EMUSCOPE_DATA_DIR=/data
WORKDIR /app
COPY --from=modules /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
COPY guest/demo/demo.elf ./guest/demo/demo.elf
RUN mkdir /data && chown node:node /data \
    && printf '#!/bin/sh\nexec node /app/dist/src/cli/main.js "$@"\n' > /usr/local/bin/emuscope \
    && chmod 755 /usr/local/bin/emuscope
USER node
VOLUME /data
EXPOSE 8080
# the service binds every interface in here, so it wants EMUSCOPE_TOKEN; health needs none
HEALTHCHECK --interval=15s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.EMUSCOPE_PORT || 8080}/v1/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["emuscope"]
CMD ["serve"]
