#!/usr/bin/env bash
# Makes the folder of another version of Kubernetes: add-version.sh v1.38.0
#
# It has the module files of Kubernetes itself and of the etcd and the CoreDNS that this version's kubeadm asks for; go
# build reads them with -modfile. Then set K8S in ../versions.env or NODE_IMAGE_1_38, and remove the oldest folder.
set -euo pipefail
version=${1:?which version, such as v1.38.0}
here=$(cd "$(dirname "$0")" && pwd)
[[ $version =~ ^v1\.([0-9]+)\.([0-9]+)$ ]] || { echo "$version is not of the form v1.38.0" >&2; exit 64; }
staging=v0.${BASH_REMATCH[1]}.${BASH_REMATCH[2]} # the version of what Kubernetes publishes as modules of their own
export GOFLAGS=-mod=mod

source=$(cd / && go mod download -json "k8s.io/kubernetes@$version" | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')
constant() { sed -n "s/^\t$1 *= \"v\{0,1\}\([0-9.]*\).*\"\$/v\1/p" "$source/cmd/kubeadm/app/constants/constants.go"; }
etcd=$(constant DefaultEtcdVersion) coredns=$(constant CoreDNSVersion)

to=$here/k8s/$version
mkdir -p "$to"
# tidy PROGRAM < the rest of its module file
tidy() {
	{
		printf 'module meshproof.dev/meshproof/scripts/node-image/%s\n\ngo 1.26.0\n\n' "$1"
		cat
	} >"$to/$1.mod"
	: >"$to/$1.sum"
	(cd "$here/$1" && go mod tidy -modfile="$to/$1.mod")
}
# A module's replacements count only where it is the main one, so they are repeated here.
{
	grep '^godebug ' "$source/go.mod"
	echo "require k8s.io/kubernetes $version"
	sed -n "s#^\t\(k8s.io/[a-z-]*\) => ./staging/.*#replace \1 => \1 $staging#p" "$source/go.mod"
} | tidy kubernetes
echo "require go.etcd.io/etcd/server/v3 $etcd" | tidy etcd
echo "require github.com/coredns/coredns $coredns" | tidy coredns
echo "$to: Kubernetes $version, etcd $etcd, CoreDNS $coredns"
