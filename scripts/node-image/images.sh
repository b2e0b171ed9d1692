#!/usr/bin/env bash
# Makes the images of the control plane and puts them into one archive: images.sh ARCHIVE
set -euo pipefail
archive=$1
work=$(mktemp -d "$OUT/images.XXXXXX")
saved=()
# Kubernetes under the names of its programs: the first layer of four images, which a node unpacks once.
kubernetes=localhost/meshproof/kubernetes:build
trap 'rm -rf "$work"; $ENGINE rmi -f "${saved[@]}" "$kubernetes" >/dev/null 2>&1 || true' EXIT

# image NAME FILE DOCKERFILE: an image with that file, or folder
image() {
	mkdir "$work/context"
	cp -al "$2" "$work/context/"
	printf '%s\n' "$3" >"$work/context/Dockerfile"
	$ENGINE build -q -t "$1" "$work/context" >/dev/null
	rm -r "$work/context"
}

mkdir "$work/bin"
ln "$OUT/bin/kubernetes" "$work/bin/"
for name in kubeadm kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do ln -s kubernetes "$work/bin/$name"; done
image "$kubernetes" "$work/bin" "FROM scratch
COPY bin/ /usr/local/bin/
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# The names are kubeadm's own; no registry is named here.
names=$("$work/bin/kubeadm" config images list --kubernetes-version "$K8S" 2>/dev/null)
for name in $names; do
	base=${name##*/}
	base=${base%%:*}
	case $base in
	kube-proxy) image "$name" "$OUT/proxyfs.tar" "FROM $kubernetes
ADD proxyfs.tar /" ;;
	kube-*) $ENGINE tag "$kubernetes" "$name" ;;
	coredns) image "$name" "$OUT/bin/coredns" 'FROM scratch
COPY coredns /
ENTRYPOINT ["/coredns"]' ;;
	pause) image "$name" "$OUT/bin/pause" 'FROM scratch
COPY pause /
ENTRYPOINT ["/pause"]'
		pause=$name ;;
	etcd) image "$name" "$OUT/bin/etcd" 'FROM scratch
COPY etcd /usr/local/bin/
ENV PATH=/usr/local/bin' ;;
	*) echo "kubeadm asks for $name, which is not known here" >&2; exit 1 ;;
	esac
	saved+=("$name")
done

# containerd's sandbox image is the one that kind's configuration names.
sandbox=$(sed -n 's/^ *sandbox_image = "\(.*\)"/\1/p' "$OUT/kind-files/etc/containerd/config.toml")
if [ "$sandbox" != "$pause" ]; then
	$ENGINE tag "$pause" "$sandbox"
	saved+=("$sandbox")
fi

# Without -m podman saves one image under all the names.
multi=
case $($ENGINE --version) in podman*) multi=-m ;; esac
rm -f "$archive.tmp"
$ENGINE save $multi -o "$archive.tmp" "${saved[@]}"
mv "$archive.tmp" "$archive"
