module meshproof.dev/meshproof/scripts/node-image/etcd

// What it requires is in ../k8s/VERSION/etcd.mod, as with ../kubernetes.
go 1.26.0
