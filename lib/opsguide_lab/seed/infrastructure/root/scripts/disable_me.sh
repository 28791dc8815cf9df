#!/bin/bash
# Stand-in for the vendor's script: takes this member out of its pair. Its health probe answers 503 from then on.
set -eu
mkdir -p /var/lib/jelastic
date -u +%FT%TZ > /var/lib/jelastic/drained
echo "$(hostname): out of the pair"
