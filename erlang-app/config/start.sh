#!/bin/sh
# The release's own start script, told which family of addresses distribution uses: that of the pod's address. The VM's default is
# IPv4, and it listens and dials in one family only. The release's commands need the flag, too, and start here as well.
case $POD_IP in
*:*) case $DIST_FLAGS in
	*-proto_dist*) ;;
	*) export DIST_FLAGS="-proto_dist inet6_tcp $DIST_FLAGS" ;;
	esac ;;
esac
exec /opt/derl/bin/derl-0.1.0 "$@"
