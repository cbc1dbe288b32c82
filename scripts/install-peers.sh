#!/usr/bin/env bash
# Installs the stores that bench/peers.mjs runs beside Kvorum. None of them is started; those that are missing are skipped there.
set -eu
exec "$(dirname "$0")/debian-packages.sh" etcd-server redis-server nats-server zookeeper default-jre-headless
