# A node of the stack: an image with a BEAM, the real ExESDB's or the fixture's, and /beamlink, which checks its health.
ARG IMAGE=ex-esdb-fixture
FROM beamlink AS beamlink

FROM ${IMAGE}
COPY --from=beamlink /beamlink /beamlink
