module meshproof.dev/meshproof/scripts/node-image/coredns

// What it requires is in ../k8s/VERSION/coredns.mod, as with ../kubernetes.
go 1.26.0
