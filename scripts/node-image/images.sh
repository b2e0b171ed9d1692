#!/usr/bin/env bash
# Makes the images of the control plane and puts them into one archive: images.sh ARCHIVE
set -euo pipefail
archive=$1
work=$(mktemp -d "$OUT/images.XXXXXX")
made=()
trap 'rm -rf "$work"; [ ${#made[@]} = 0 ] || $ENGINE rmi -f "${made[@]}" >/dev/null 2>&1 || true' EXIT

proxyfs=localhost/meshproof/proxyfs:build
$ENGINE import "$OUT/proxyfs.tar" "$proxyfs" >/dev/null

# image NAME BINARY DOCKERFILE: an image with that one program
image() {
	cp "$OUT/bin/$2" "$work/"
	printf '%s\n' "$3" >"$work/Dockerfile"
	$ENGINE build -q -t "$1" "$work" >/dev/null
	rm "$work/$2"
	made+=("$1")
}

# The names are kubeadm's own; no registry is named here.
names=$("$OUT/bin/kubeadm" config images list --kubernetes-version "$K8S" 2>/dev/null)
for name in $names; do
	base=${name##*/}
	base=${base%%:*}
	case $base in
	kube-proxy) image "$name" kube-proxy "FROM $proxyfs
COPY kube-proxy /usr/local/bin/" ;;
	coredns) image "$name" coredns "FROM scratch
COPY coredns /
ENTRYPOINT [\"/coredns\"]" ;;
	pause) image "$name" pause "FROM scratch
COPY pause /
ENTRYPOINT [\"/pause\"]"
		pause=$name ;;
	kube-* | etcd) image "$name" "$base" "FROM scratch
COPY $base /usr/local/bin/
ENV PATH=/usr/local/bin" ;;
	*) echo "kubeadm asks for $name, which is not known here" >&2; exit 1 ;;
	esac
done
made+=("$proxyfs")

# containerd's sandbox image is the one that kind's configuration names.
sandbox=$(sed -n 's/^ *sandbox_image = "\(.*\)"/\1/p' "$OUT/kind-files/etc/containerd/config.toml")
if [ "$sandbox" != "$pause" ]; then
	$ENGINE tag "$pause" "$sandbox"
	made+=("$sandbox")
fi

# Without -m podman saves one image under all the names.
multi=
case $($ENGINE --version) in podman*) multi=-m ;; esac
mapfile -t saved < <(printf '%s\n' "${made[@]}" | grep -v "^$proxyfs\$")
rm -f "$archive.tmp"
$ENGINE save $multi -o "$archive.tmp" "${saved[@]}"
mv "$archive.tmp" "$archive"
