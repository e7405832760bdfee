#!/usr/bin/env bash
# Starts the model in this folder: generate, chat, serve; ./zhulong VERB --help says more.
#
#   ZHULONG_OPTS    more JVM flags, e.g. -Xmx2g        ZHULONG_DEBUG  1: stack traces
set -euo pipefail
unset CDPATH

path=${BASH_SOURCE[0]}
while [ -L "$path" ]; do
  link=$(readlink "$path")
  case $link in /*) path=$link ;; *) path=${path%/*}/$link ;; esac
done
case $path in */*) here=$(cd -P "${path%/*}" && pwd) ;; *) here=$(pwd -P) ;; esac

# under an ASCII locale Java cannot name a file 烛.txt
case "${LC_ALL:-${LC_CTYPE:-${LANG:-}}}" in
  *UTF-8* | *utf8*) ;;
  *) export LC_ALL=C.UTF-8 ;;
esac

# what stands behind the verb, with the folder's model where none is named
case ${1:-} in
  generate | chat | serve)
    own=1
    for argument in "$@"; do
      case $argument in --model | --model=* | -h | --help) own= ;; esac
    done
    if [ -n "$own" ]; then
      models=("$here"/model/*)
      set -- "$1" --model "${models[0]}" "${@:2}"
    fi ;;
esac

# all of the JVM's words but the warning about its incubator module, which no flag turns off
without_incubator_warning() {
  local line
  trap '' INT
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      'WARNING: Using incubator modules: jdk.incubator.vector') ;;
      *) printf '%s\n' "$line" >&2 ;;
    esac
  done
}

opts=()
read -r -a opts <<< "${ZHULONG_OPTS:-}" || true
export MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-2}
start=("$here/runtime/bin/java" --add-modules jdk.incubator.vector -Djdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK=0
  --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow -Dzhulong.extensions=none -Dzhulong.runtime=true
  ${opts[@]+"${opts[@]}"} -cp "$here/lib/*")
# a closed standard error stays closed
if ! true 19>&2; then exec "${start[@]}" dev.zhulong.cli.Main "$@"; fi
exec "${start[@]}" -Dzhulong.stderr=19 dev.zhulong.cli.Main "$@" 19>&2 2> >(without_incubator_warning)
