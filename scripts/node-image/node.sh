#!/usr/bin/env bash
# Puts the node image together and saves it: node.sh ARCHIVE
set -euo pipefail
archive=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "$OUT/node.XXXXXX")
rootfs=localhost/meshproof/nodefs:build base=localhost/meshproof/nodebase:build container=meshproof-nodebuild-$$
cleanup() {
	$ENGINE rm -f "$container" >/dev/null 2>&1 || true
	$ENGINE rmi -f "$base" "$rootfs" >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap cleanup EXIT

$ENGINE import "$OUT/rootfs.tar" "$rootfs" >/dev/null
cp -r "$OUT/kind-files" "$work/kind-files"
cp -r "$here/files" "$work/files"
ln "$OUT/bin/kubernetes" "$work/"
$ENGINE build -q --build-arg ROOTFS="$rootfs" -f "$here/Dockerfile" -t "$base" "$work" >/dev/null

# The control-plane images are imported, and unpacked, once and for all: a node that had to unpack them would do so
# at every creation of a cluster.
$ENGINE run -d --privileged --name "$container" --entrypoint sleep -v "$OUT/images.tar:/images.tar:ro" "$base" infinity >/dev/null
$ENGINE exec -i "$container" bash -eu <<EOF
echo -n $K8S >/kind/version
containerd >/var/log/import.log 2>&1 &
pid=\$!
for i in \$(seq 100); do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
ctr -n k8s.io images import --all-platforms --no-unpack --digests /images.tar >/dev/null || { cat /var/log/import.log; exit 1; }
kill \$pid; wait \$pid || true
rm -f /var/log/import.log
EOF
$ENGINE commit -q --change 'ENTRYPOINT [ "/usr/local/bin/entrypoint", "/sbin/init" ]' "$container" "$IMAGE" >/dev/null
rm -f "$archive.tmp"
$ENGINE save -o "$archive.tmp" "$IMAGE"
mv "$archive.tmp" "$archive"
