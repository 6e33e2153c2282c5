#!/usr/bin/env bash
# Run the gate with what the action was given; its exit code is that of the gate.
set -euo pipefail
arguments=(--baseline "$BASELINE" --candidate "$CANDIDATE" --summary "$SUMMARY" --junit "$JUNIT")
for name in declare metric changed margin; do
  variable=${name^^}
  if [ -n "${!variable:-}" ]; then arguments+=("--$name" "${!variable}"); fi
done
if [ "${STRICT:-false}" = true ]; then arguments+=(--strict); fi
rm -f "$SUMMARY" "$JUNIT" # those of an earlier step would be taken for this one's
code=0
iqa-eval gate "${arguments[@]}" || code=$?
if [ -f "$SUMMARY" ]; then cat "$SUMMARY" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"; fi
echo "code=$code" >>"${GITHUB_OUTPUT:-/dev/null}"
exit "$code"
