#!/bin/bash
# GNU parallel runs workers that share one job, here two at a time. A worker that is killed is started again, at most five times.
# With `--sshlogin HOST,...` they run on other machines, which share the folders.
#
#   embed.sh PICTURES FOLDER [OPTION...]
set -euo pipefail
pictures="$1" folder="$2"
shift 2
seq "${WORKERS:-2}" | parallel --jobs "${WORKERS:-2}" --retries 5 --line-buffer --tagstring 'worker {}' \
  ppt-vit embed "$pictures" --out "$folder" --claim "$(printf '%q ' "$@")" '# {}'
