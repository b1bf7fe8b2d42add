# One image for nodes, operator and CLI. The stand-ins of the base images are build arguments, for builds without a
# registry: --build-arg NODE_IMAGE=… --build-arg NODE_SLIM_IMAGE=…
ARG NODE_IMAGE=docker.io/library/node:24-bookworm
ARG NODE_SLIM_IMAGE=docker.io/library/node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Addons compiled against the headers of Node.js 24.19 and later abort the process when one of their objects is
# collected outside of a context (nodejs/node#65446); compiled against older headers of 24 they run on all of them.
ARG NODE_HEADERS=24.18.1
RUN cpu=$(node -p process.arch) \
 && mkdir /headers && (cd /headers && npm install --no-audit --no-fund --no-save --ignore-scripts "node-linux-$cpu@$NODE_HEADERS") \
 && npm_config_nodedir=/headers/node_modules/node-linux-$cpu npm_config_build_from_source=true npm ci --no-audit --no-fund \
 && rm -rf /headers
COPY tsconfig.json tsconfig.base.json ./
COPY node node
COPY client client
COPY operator operator
RUN node_modules/.bin/tsc -b && npm prune --omit=dev --no-audit --no-fund \
 && find dist -name '*.map' -o -name '*.d.ts' -o -name '*.tsbuildinfo' | xargs rm -f \
 && rm -rf node_modules/better-sqlite3/deps node_modules/better-sqlite3/src node_modules/better-sqlite3/build/Release/obj*

FROM ${NODE_SLIM_IMAGE}
ENV NODE_ENV=production PATH=/app/bin:$PATH
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
RUN mkdir bin && ln -s ../dist/client/cli/main.js bin/dynamokv && chmod +x dist/client/cli/main.js \
 && mkdir -p /var/lib/dynamokv && chown 1000:1000 /var/lib/dynamokv
USER 1000
ENTRYPOINT ["node"]
CMD ["dist/node/main.js"]
