# Two stages: uv builds the environment that uv.lock names, the image carries only that: all extras, and no test tools.
FROM python:3.11-slim-bookworm AS build
RUN pip install --no-cache-dir uv
WORKDIR /build
ENV UV_PROJECT_ENVIRONMENT=/opt/smtpintake UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-default-groups --all-extras --no-install-project
COPY LICENSE README.md ./
COPY alembic alembic
COPY conf conf
COPY templates templates
COPY smtpintake smtpintake
RUN uv sync --frozen --no-default-groups --all-extras --no-editable

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 2525 --create-home --home-dir /var/lib/smtpintake smtpintake
COPY --from=build /opt/smtpintake /opt/smtpintake
COPY conf /etc/smtpintake
ENV PATH=/opt/smtpintake/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SMTPINTAKE_CONFIG=/etc/smtpintake/smtpintake.toml \
    SMTPINTAKE_SMTP__LISTEN=0.0.0.0:2525
# Relative paths of the settings (var/…) lie here.
WORKDIR /var/lib/smtpintake
USER smtpintake
VOLUME /var/lib/smtpintake
EXPOSE 2525
# The database and every listener answer. It takes a second of a processor, so not more often.
HEALTHCHECK --interval=60s --timeout=20s --start-period=60s CMD ["smtpintake", "doctor", "--quick"]
CMD ["sh", "-c", "smtpintake migrate && smtpintake apply /etc/smtpintake/intake.toml && exec smtpintake serve"]
