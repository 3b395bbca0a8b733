#!/usr/bin/env bash
# make test: configure, build, run — each phase with its time, so that a slow one is seen.
# usage: phases.sh BUILD_DIR [cmake options…]
set -euo pipefail
build=$1; shift
start=$SECONDS
phase() { # NAME COMMAND…
  local name=$1 began=$SECONDS; shift
  "$@" || { printf 'phase %-10s FAILED after %d s\n' "$name" $((SECONDS - began)); exit 1; }
  printf 'phase %-10s %4d s\n' "$name" $((SECONDS - began))
}
configure() { cmake -S . -B "$build" -G Ninja -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DMAILHANDLER_TESTS=ON "$@" >/dev/null; }
phase configure configure "$@"
phase build cmake --build "$build" -j "$(nproc)"
phase run ctest --test-dir "$build" --output-on-failure -j 2
total=$((SECONDS - start))
printf 'total %d s\n' "$total"
[ "$total" -le 480 ] || echo "ALARM: $build took more than 8 minutes" >&2
