#!/usr/bin/env bash
# Installs Debian packages that Kvorum is compared with, without starting what they install. By default those that tests
# compare with; without them those tests skip, and say so.
#   ./scripts/debian-packages.sh [PACKAGE...]
#   redis-server, redis-tools   the differential test; redis-cli against a node
set -eu
packages=("$@")
[ $# -gt 0 ] || packages=(redis-server redis-tools)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "debian packages: ${packages[*]} are installed"
  exit 0
fi
run=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "debian packages: ${missing[*]} are missing; install them as root" >&2; exit 1; }
  run=(sudo)
fi
echo "debian packages: installing ${missing[*]} …"
# A policy that forbids it keeps Debian from starting what it installs, such as a Redis on port 6379.
printf '#!/bin/sh\nexit 101\n' >/tmp/kvorum-policy-rc.d && chmod +x /tmp/kvorum-policy-rc.d
if [ ! -e /usr/sbin/policy-rc.d ]; then
  "${run[@]}" install -m 755 /tmp/kvorum-policy-rc.d /usr/sbin/policy-rc.d
  trap '"${run[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
fi
"${run[@]}" apt-get update -qq
"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
