# The image holds the binary and the certificates of public authorities, nothing else.
#
#   docker build -t weighbridge .
#   docker run --rm -e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY weighbridge check s3://bucket/model/
#
# There is no folder to write to. A queue needs a volume that user 65532 may write
# (--db /data/queue.db), and demo needs --tmpfs /tmp.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/weighbridge ./cmd/weighbridge

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/weighbridge /weighbridge
USER 65532:65532
ENTRYPOINT ["/weighbridge"]
