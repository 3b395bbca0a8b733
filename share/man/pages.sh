#!/bin/sh
# pages.sh PROGRAM DIRECTORY: writes mailhandler.1 and mailhandler-COMMAND.1 of every command.
set -eu
mkdir -p "$2"
rm -f "$2"/*.1
"$1" help --man >"$2/mailhandler.1"
for command in $("$1" help --list); do
    "$1" help --man "$command" >"$2/mailhandler-$command.1"
done
