# Two stages: the packages are installed in the first, only they and the program are in the second.
FROM python:3.13-slim AS packages
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.13-slim
# The OpenAI SDK trusts the system's certificates.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin parley \
    && install -d -o parley -g parley -m 0700 /app/data
WORKDIR /app
COPY --from=packages /venv /venv
COPY bot bot
COPY cogs cogs
COPY migrations migrations
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LOG_FORMAT=json
# glibc's own value, fixed: it would grow with the first large file, and what is freed would not be given back.
ENV MALLOC_TRIM_THRESHOLD_=131072
USER parley
VOLUME /app/data
STOPSIGNAL SIGTERM
# The bot writes a heartbeat every 3 s; this only reads it.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["python", "-m", "bot", "health"]
ENTRYPOINT ["python", "-m", "bot"]
CMD ["run"]
