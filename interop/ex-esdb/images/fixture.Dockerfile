# The Elixir node that stands in for ExESDB; the context is the checkout. BASE is any image with Elixir: where no registry is
# within reach, scripts/images makes one of Debian's packages.
ARG BASE=elixir:1.18-otp-27-slim
FROM ${BASE}
ENV LC_ALL=C.UTF-8 HOME=/home/ex_esdb MIX_ENV=prod MIX_BUILD_PATH=/opt/ex_esdb
WORKDIR /src
COPY elixir_fixture/mix.exs ./
COPY elixir_fixture/lib lib
RUN mix compile --warnings-as-errors \
    && rm -rf /src/* \
    && mkdir -p /home/ex_esdb /data \
    && chown 65532:65532 /home/ex_esdb /data
COPY interop/ex-esdb/images/ex_esdb /opt/ex_esdb/bin/
WORKDIR /data
USER 65532:65532
VOLUME /data
CMD ["/opt/ex_esdb/bin/ex_esdb", "start"]
