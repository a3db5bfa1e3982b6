# Built in two stages. The image holds one static binary, the certificates that it trusts, and nothing else to attack.
# It compiles on the builder's own processor, also for another one: Go needs no emulator.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
ENV CGO_ENABLED=0
# Copy the module files first: they seldom change, so the modules are fetched only when they do.
COPY go.mod go.sum ./
RUN go mod download
COPY api ./api
COPY cmd ./cmd
COPY pkg ./pkg
COPY docs ./docs
COPY catalog.yaml openapi.yaml ./
# The builder sets the first two. A release sets the version (.goreleaser.yaml).
ARG TARGETOS TARGETARCH VERSION
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/pointsync ./cmd/pointsync
# For SQLite in a volume: an empty folder that the user below may write to.
RUN mkdir -p /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /src/catalog.yaml /catalog.yaml
COPY --from=build /out/pointsync /pointsync
ENV POINTSYNC_ADDR=0.0.0.0:8080
ENV POINTSYNC_CATALOG=/catalog.yaml
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/pointsync", "healthcheck"]
ENTRYPOINT ["/pointsync"]
CMD ["serve"]
