# Builds the image with BuildKit, the builder of every current Docker and of Podman:
#
#     docker build -t rollcall .
#     docker run -p 8080:8080 -v rollcall:/var/lib/rollcall rollcall

# --- Build -------------------------------------------------------------------------------------------
# This image has a C compiler, perl and make, which SQLite, libpq and OpenSSL are built with.
FROM rust:1.95-bookworm AS build
WORKDIR /src
# The sources alone: .dockerignore lets nothing else in.
COPY . .
# Downloads and compiled dependencies live in caches that outlast this layer: a change of our own code
# compiles our own code only. A cache is no part of the image, so the binary is copied out of it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --features postgres-tls --bin rollcall \
    && install -m 755 target/release/rollcall /rollcall

# --- Run ---------------------------------------------------------------------------------------------
FROM debian:bookworm-slim
# A fixed user without a home, a shell or rights, and the data folder, which is theirs.
RUN groupadd --gid 10001 rollcall \
    && useradd --uid 10001 --gid rollcall --no-create-home \
        --home-dir /var/lib/rollcall --shell /usr/sbin/nologin rollcall \
    && install -d -m 750 -o rollcall -g rollcall /var/lib/rollcall
# Whom to trust when a database's URL says `sslrootcert=system`.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY LICENSE-APACHE LICENSE-MIT NOTICE /usr/share/doc/rollcall/
COPY --from=build /rollcall /usr/local/bin/rollcall
ENV ROLLCALL_LISTEN=0.0.0.0:8080 \
    ROLLCALL_DATA_DIR=/var/lib/rollcall \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
# Where a rollcall.toml is looked for, too.
WORKDIR /var/lib/rollcall
VOLUME /var/lib/rollcall
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
# The command asks longer than the server waits for its database.
HEALTHCHECK --interval=15s --timeout=10s --start-period=20s --retries=3 \
    CMD ["/usr/local/bin/rollcall", "health"]
ENTRYPOINT ["/usr/local/bin/rollcall"]
CMD ["serve"]
