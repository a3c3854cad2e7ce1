#!/bin/sh
# Runs workerd without a reader of its log. Otherwise each line would go through a pipe to Miniflare, which parses it in the process of
# the load generator. Standard error stays, because only faults are written there; so does descriptor 3, by which workerd reports its ports.
exec "$BENCH_WORKERD" "$@" >/dev/null
