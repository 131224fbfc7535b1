#!/bin/sh
# Prints a random value for each secret of .env: deploy/compose/secrets.sh >> deploy/compose/.env
set -eu
for name in POSTGRES_PASSWORD VALKEY_PASSWORD S3_ACCESS_KEY S3_SECRET_KEY SOURCES_SECRET_KEY MONITORING_KEY GRAFANA_PASSWORD; do
    echo "$name=$(openssl rand -hex 24)"
done
# OpenSearch asks for letters of both cases, digits and another character.
echo "OPENSEARCH_PASSWORD=$(openssl rand -hex 16)-Aa1"
