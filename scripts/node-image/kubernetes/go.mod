module meshproof.dev/meshproof/scripts/node-image/kubernetes

// What it requires is in ../k8s/VERSION/kubernetes.mod: go build takes that file with -modfile, and of this one only
// where it lies.
go 1.26.0
