# beamlink and nothing else. BINARY is an image that holds /beamlink, linked statically, and an empty /state of its user:
# scripts/images makes it, from this machine's toolchain or by beamlink-binary.Dockerfile.
ARG BINARY=beamlink-binary
FROM ${BINARY} AS binary

FROM scratch
COPY --from=binary / /
USER 65532:65532
# The pages are for the container itself, unless told otherwise; the health check asks where they are.
ENV BEAMLINK_STATE_DIR=/state BEAMLINK_HTTP=127.0.0.1:4000
HEALTHCHECK --interval=5s --timeout=4s --retries=3 CMD ["/beamlink", "health"]
EXPOSE 4000 4369 9100 45892/udp
ENTRYPOINT ["/beamlink"]
CMD ["join"]
