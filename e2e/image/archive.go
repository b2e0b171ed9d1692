package image

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strings"
)

// archived is what an image archive says of its one image.
type archived struct {
	Ref string // its first name; empty when it has none
	ID  string // digest of its configuration

	gzipped bool
}

// maxBlob bounds the JSON that is read from an archive; layers are larger and are skipped.
const maxBlob = 4 << 20

// readArchive reads the name and the id of the image in an archive as `docker save` or `podman save` write it:
// a docker archive (manifest.json) or an OCI layout (index.json), plain or gzipped. More than one image in it is
// an error, since nobody could say which of them is meant.
func readArchive(file string) (archived, error) {
	f, err := os.Open(file)
	if err != nil {
		return archived{}, err
	}
	defer f.Close()
	a, err := readArchiveFrom(f)
	if err != nil {
		return archived{}, fmt.Errorf("image archive %s: %w", file, err)
	}
	return a, nil
}

func readArchiveFrom(f io.Reader) (archived, error) {
	in := bufio.NewReader(f)
	var r io.Reader = in
	gzipped := false
	if magic, _ := in.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return archived{}, err
		}
		r, gzipped = z, true
	}
	files := map[string][]byte{}
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return archived{}, fmt.Errorf("not a tar: %w", err)
		}
		if h.Typeflag != tar.TypeReg || h.Size > maxBlob {
			continue
		}
		b, err := io.ReadAll(t)
		if err != nil {
			return archived{}, err
		}
		// Of the small files only JSON is wanted: a layer may be small too.
		if len(b) > 0 && (b[0] == '{' || b[0] == '[') {
			files[path.Clean(h.Name)] = b
		}
	}
	var a archived
	var err error
	if b, ok := files["manifest.json"]; ok {
		a, err = dockerArchive(files, b)
	} else if b, ok = files["index.json"]; ok {
		a, err = ociArchive(files, b)
	} else {
		err = errors.New("neither manifest.json nor index.json in it: not an image archive")
	}
	a.gzipped = gzipped
	return a, err
}

func dockerArchive(files map[string][]byte, manifest []byte) (archived, error) {
	var images []struct {
		Config   string
		RepoTags []string
	}
	if err := json.Unmarshal(manifest, &images); err != nil {
		return archived{}, fmt.Errorf("manifest.json: %w", err)
	}
	if len(images) != 1 {
		return archived{}, fmt.Errorf("holds %d images, one is wanted", len(images))
	}
	config, ok := files[path.Clean(images[0].Config)]
	if !ok {
		return archived{}, fmt.Errorf("configuration %s is not in it", images[0].Config)
	}
	sum := sha256.Sum256(config)
	a := archived{ID: "sha256:" + hex.EncodeToString(sum[:])}
	if len(images[0].RepoTags) > 0 {
		a.Ref = images[0].RepoTags[0]
	}
	return a, nil
}

// ociDoc is the part we need of an image index and of a manifest (OCI image specification).
type ociDoc struct {
	Manifests []ociDescriptor
	Config    *ociDescriptor
}

type ociDescriptor struct {
	Digest      string
	Annotations map[string]string
	Platform    *struct{ OS, Architecture string }
}

func ociArchive(files map[string][]byte, index []byte) (archived, error) {
	var a archived
	doc := index
	for range 3 { // index, perhaps an index of platforms, manifest
		var d ociDoc
		if err := json.Unmarshal(doc, &d); err != nil {
			return archived{}, fmt.Errorf("OCI layout: %w", err)
		}
		if d.Config != nil {
			a.ID = d.Config.Digest
			return a, nil
		}
		next, err := pickManifest(d.Manifests)
		if err != nil {
			return archived{}, err
		}
		if a.Ref == "" {
			// containerd's own annotation holds the whole name, the specification's one often only the tag.
			a.Ref = next.Annotations["io.containerd.image.name"]
			if ref := next.Annotations["org.opencontainers.image.ref.name"]; a.Ref == "" && strings.Contains(ref, "/") {
				a.Ref = ref
			}
		}
		b, ok := files["blobs/"+strings.Replace(next.Digest, ":", "/", 1)]
		if !ok {
			return archived{}, fmt.Errorf("manifest %s is not in it", next.Digest)
		}
		doc = b
	}
	return archived{}, errors.New("OCI layout: indexes nested too deep")
}

// pickManifest is the only manifest, or the one for this machine's architecture, on which the nodes run too.
func pickManifest(all []ociDescriptor) (ociDescriptor, error) {
	if len(all) == 1 {
		return all[0], nil
	}
	var fit []ociDescriptor
	for _, d := range all {
		if d.Platform != nil && d.Platform.OS == "linux" && d.Platform.Architecture == runtime.GOARCH {
			fit = append(fit, d)
		}
	}
	if len(fit) != 1 {
		return ociDescriptor{}, fmt.Errorf("holds %d images, %d of them for linux/%s, one is wanted", len(all), len(fit), runtime.GOARCH)
	}
	return fit[0], nil
}
