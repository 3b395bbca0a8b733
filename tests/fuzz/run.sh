#!/usr/bin/env bash
# Every fuzzer of a build for a minute each, two at a time, from its seeds in tests/fuzz/corpus.
#
# usage: run.sh BUILD_DIR [NAME…]     FUZZ_SECONDS=600 for longer, FUZZ_JOBS=4 for more at a time
#
# What they find lies in BUILD_DIR/corpus/NAME and is taken up by the next run; the seeds in the
# tree are only read. A crash is kept in BUILD_DIR/crashes, and the way to see it again is printed.
set -euo pipefail
build=$(cd "$1" && pwd); shift
here=$(cd "$(dirname "$0")" && pwd)
export build here seconds=${FUZZ_SECONDS:-60}
mkdir -p "$build/crashes" "$build/log"

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for source in "$here"/*.cpp; do names+=("$(basename "$source" .cpp)"); done
fi

one() { # NAME
  local name=$1 log="$build/log/$1" seeds=()
  mkdir -p "$build/corpus/$name"
  [ -d "$here/corpus/$name" ] && seeds+=("$here/corpus/$name")
  [ -f "$here/$name.dict" ] && seeds+=("-dict=$here/$name.dict")
  # Four times the usual length of a message is enough for every parser's limits.
  if "$build/tests/fuzz_$name" -max_total_time="$seconds" -max_len=16384 -timeout=60 \
      -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$build/crashes/$name-" \
      "$build/corpus/$name" "${seeds[@]}" >"$log" 2>&1; then
    printf '%-14s %9s runs  %6s a second  corpus %5s\n' "$name" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
      "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")" \
      "$(find "$build/corpus/$name" -type f | wc -l)"
  else
    echo "$name CRASHED; the end of $log:"
    tail -n 30 "$log"
    for crash in "$build/crashes/$name-"*; do
      [ -e "$crash" ] && echo "see it again:  $build/tests/fuzz_$name $crash"
    done
    return 1
  fi
}
export -f one

printf '%s\n' "${names[@]}" | xargs -P "${FUZZ_JOBS:-2}" -I{} bash -c 'one {}' ||
  { echo "crashes are kept in $build/crashes"; exit 1; }
