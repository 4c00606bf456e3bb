#!/usr/bin/env bash
# Makes sure of the programs that tests need and that no Python package brings: Debian's chromium, prometheus and prometheus-alertmanager.
# As root or with sudo it installs what is missing; else it says what to install and fails.
set -euo pipefail

declare -A package_of=([chromium]=chromium [prometheus]=prometheus [prometheus-alertmanager]=prometheus-alertmanager)
missing=()
for program in "${!package_of[@]}"; do
    command -v "$program" >/dev/null || missing+=("${package_of[$program]}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

refuse() {
    echo "make test needs ${missing[*]}: $1" >&2
    exit 1
}

command -v apt-get >/dev/null || refuse "install them with this system's package manager, then run it again"
root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null && sudo -n true 2>/dev/null ||
        refuse "as root run 'apt-get install ${missing[*]}', then run it again"
    root=(sudo)
fi
echo "installing ${missing[*]}"
# Debian starts a service with its package; only the program is wanted here.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
    "${root[@]}" chmod +x $policy
    trap '"${root[@]}" rm -f $policy' EXIT
fi
"${root[@]}" apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
