# Serves an Edgemint for development and tests: docs/local.md. Build the package first: npm run build:package
FROM node:24-slim
ENV XDG_CACHE_HOME=/var/cache HOST=0.0.0.0
COPY dist/package /opt/edgemint
RUN npm install --global --install-links /opt/edgemint
WORKDIR /data
# Starts once, which installs the runtime of Workers, and ends. The keys that it made must not be in the image.
RUN edgemint dev --fresh -- true && rm -rf /data/.edgemint
EXPOSE 8787
ENTRYPOINT ["edgemint", "dev"]
