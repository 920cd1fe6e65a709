# Where a registry is within reach: the binary, linked statically with musl. The context is the checkout.
FROM rust:1.95-alpine AS build
RUN apk add --no-cache musl-dev
WORKDIR /src
COPY . .
RUN CARGO_PROFILE_RELEASE_STRIP=symbols cargo build --release --locked --package beamlink \
    && mkdir -p /root-fs/state /root-fs/etc \
    && cp target/release/beamlink /root-fs/beamlink \
    && printf 'hosts: files dns\n' > /root-fs/etc/nsswitch.conf \
    && chown 65532:65532 /root-fs/state

FROM scratch
COPY --from=build /root-fs/ /
