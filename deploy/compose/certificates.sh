#!/bin/sh
# Makes an authority and a certificate for the OpenSearch of compose.yml, in deploy/compose/certificates, for two years.
set -eu
cd "$(dirname "$0")"
mkdir -p certificates
cd certificates
if [ -e ca.pem ]; then
    echo "deploy/compose/certificates has an authority already: delete the folder to make another." >&2
    exit 1
fi
openssl req -x509 -newkey rsa:3072 -nodes -days 730 -subj "/O=Footnote/CN=Footnote on this server" \
    -keyout ca-key.pem -out ca.pem 2> /dev/null
openssl req -newkey rsa:3072 -nodes -subj "/O=Footnote/CN=opensearch" -keyout node-key.pem -out node.csr 2> /dev/null
printf 'subjectAltName=DNS:opensearch,DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' > node.ext
openssl x509 -req -in node.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 730 -extfile node.ext -out node.pem \
    2> /dev/null
rm node.csr node.ext
# OpenSearch runs as user 1000 in its container, and needs the node's key alone.
chmod 0644 ca.pem node.pem
chmod 0600 ca-key.pem node-key.pem
if [ "$(id -u)" = 0 ]; then chown 1000 node-key.pem; fi
echo "Made deploy/compose/certificates; ca-key.pem can be kept elsewhere."
