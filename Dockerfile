# Built in two stages: the image holds one static binary, the certificates it trusts, and nothing to break into.
FROM golang:1.26 AS build
WORKDIR /src
ENV CGO_ENABLED=0
# The modules first: they change seldom, and are then not fetched again.
COPY go.mod go.sum ./
RUN go mod download
COPY api ./api
COPY cmd ./cmd
COPY pkg ./pkg
COPY catalog.yaml openapi.yaml ./
# timetzdata: the time zones lie in the binary, for the image has none.
RUN go build -trimpath -tags timetzdata -ldflags "-s -w" -o /out/pointsync ./cmd/pointsync
# For those who keep SQLite in a volume: an empty folder that the user below may write.
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
