package pulltest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// saved is an image of the engine that our images are in.
func (f *fixture) saved(t *testing.T, ref string) v1.Image {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "image.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := f.maker.Engine.Save(t.Context(), file, ref); err != nil {
		t.Fatal(err)
	}
	img, err := tarball.ImageFromPath(file.Name(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// withPodNetwork is the node image with a manifest where kind looks for its pod network's. The image has a pod network already, so
// the manifest is one that changes nothing.
func withPodNetwork(t *testing.T, node v1.Image) v1.Image {
	t.Helper()
	const manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: no-pod-network, namespace: kube-system}\n"
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "kind/manifests/default-cni.yaml", Mode: 0o644, Size: int64(len(manifest))}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, manifest); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil },
		tarball.WithCompressionLevel(gzip.BestSpeed))
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(node, l)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// push pushes an image to the registry, and returns NAME:TAG@DIGEST.
func push(t *testing.T, host, ref string, img v1.Image) string {
	t.Helper()
	to, err := name.ParseReference(host+"/"+ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err = remote.Write(to, img, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return ref + "@" + digest.String()
}
