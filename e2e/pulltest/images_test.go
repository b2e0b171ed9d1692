package pulltest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// saved is an image of the engine that our images are in.
func (f *fixture) saved(t *testing.T, ref string) v1.Image {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "image.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err = f.maker.Engine.Save(t.Context(), file, ref); err != nil {
		t.Fatal(err)
	}
	img, err := tarball.ImageFromPath(file.Name(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return uncompressed(t, img)
}

// uncompressed is the image with layers that are not compressed, because compressing the node image takes a minute.
func uncompressed(t *testing.T, img v1.Image) v1.Image {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range layers {
		layers[i] = plain{l}
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	as, err := mutate.AppendLayers(empty.Image, layers...)
	if err == nil {
		as, err = mutate.ConfigFile(as, config)
	}
	if err != nil {
		t.Fatal(err)
	}
	return as
}

// plain is a layer as it is without compression.
type plain struct{ v1.Layer }

func (p plain) Digest() (v1.Hash, error)            { return p.DiffID() }
func (p plain) Compressed() (io.ReadCloser, error)  { return p.Uncompressed() }
func (p plain) MediaType() (types.MediaType, error) { return types.DockerUncompressedLayer, nil }
func (p plain) Size() (int64, error) {
	r, err := p.Uncompressed()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.Copy(io.Discard, r)
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

// push pushes an image to the registry, and returns NAME:TAG@DIGEST. As in the images that versions.env pins, the digest is that of
// an index, with an image for each of two architectures; that of the other has no files.
func push(t *testing.T, host, ref string, img v1.Image) string {
	t.Helper()
	to, err := name.ParseReference(host+"/"+ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	ours, others := runtime.GOARCH, "arm64"
	if ours == others {
		others = "amd64"
	}
	other, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: others})
	if err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.DockerManifestList),
		mutate.IndexAddendum{Add: other, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: others}}},
		mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: ours}}})
	if err = remote.WriteIndex(to, index, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return ref + "@" + digest.String()
}
