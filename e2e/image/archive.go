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

// archiveInfo describes the image in an archive.
type archiveInfo struct {
	Ref string // its first name; "" if it has none
	ID  string // digest of its configuration

	gzipped bool
}

// maxBlob limits the JSON that is read from an archive; layers are larger and are skipped.
const maxBlob = 4 << 20

// readArchive reads the name and the id of the image in an archive of `docker save` or `podman save`: a docker archive
// (manifest.json) or an OCI layout (index.json), plain or gzipped. More than one image is an error, because it is not
// clear which one to use.
func readArchive(file string) (archiveInfo, error) {
	f, err := os.Open(file)
	if err != nil {
		return archiveInfo{}, err
	}
	defer f.Close()
	a, err := readArchiveFrom(f)
	if err != nil {
		return archiveInfo{}, fmt.Errorf("image archive %s: %w", file, err)
	}
	return a, nil
}

func readArchiveFrom(f io.Reader) (archiveInfo, error) {
	in := bufio.NewReader(f)
	var r io.Reader = in
	gzipped := false
	if magic, _ := in.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return archiveInfo{}, err
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
			return archiveInfo{}, fmt.Errorf("not a tar: %w", err)
		}
		if h.Typeflag != tar.TypeReg || h.Size > maxBlob {
			continue
		}
		b, err := io.ReadAll(t)
		if err != nil {
			return archiveInfo{}, err
		}
		// Skip small files that are not JSON: a layer may be small.
		if len(b) > 0 && (b[0] == '{' || b[0] == '[') {
			files[path.Clean(h.Name)] = b
		}
	}
	var a archiveInfo
	var err error
	if b, ok := files["manifest.json"]; ok {
		a, err = dockerArchive(files, b)
	} else if b, ok = files["index.json"]; ok {
		a, err = ociArchive(files, b)
	} else {
		err = errors.New("it has neither manifest.json nor index.json: not an image archive")
	}
	a.gzipped = gzipped
	return a, err
}

func dockerArchive(files map[string][]byte, manifest []byte) (archiveInfo, error) {
	var images []struct {
		Config   string
		RepoTags []string
	}
	if err := json.Unmarshal(manifest, &images); err != nil {
		return archiveInfo{}, fmt.Errorf("manifest.json: %w", err)
	}
	if len(images) != 1 {
		return archiveInfo{}, fmt.Errorf("it contains %d images, expected one", len(images))
	}
	config, ok := files[path.Clean(images[0].Config)]
	if !ok {
		return archiveInfo{}, fmt.Errorf("it lacks the image configuration %s", images[0].Config)
	}
	sum := sha256.Sum256(config)
	a := archiveInfo{ID: "sha256:" + hex.EncodeToString(sum[:])}
	if len(images[0].RepoTags) > 0 {
		a.Ref = images[0].RepoTags[0]
	}
	return a, nil
}

// ociDoc has the fields that we need of an image index and of a manifest (OCI image specification).
type ociDoc struct {
	Manifests []ociDescriptor
	Config    *ociDescriptor
}

type ociDescriptor struct {
	Digest      string
	Annotations map[string]string
	Platform    *struct{ OS, Architecture string }
}

func ociArchive(files map[string][]byte, index []byte) (archiveInfo, error) {
	var a archiveInfo
	doc := index
	for range 3 { // index, possibly an index of platforms, manifest
		var d ociDoc
		if err := json.Unmarshal(doc, &d); err != nil {
			return archiveInfo{}, fmt.Errorf("OCI layout: %w", err)
		}
		if d.Config != nil {
			a.ID = d.Config.Digest
			return a, nil
		}
		next, err := pickManifest(d.Manifests)
		if err != nil {
			return archiveInfo{}, err
		}
		if a.Ref == "" {
			// containerd's annotation has the full name, the specification's one often only the tag.
			a.Ref = next.Annotations["io.containerd.image.name"]
			if ref := next.Annotations["org.opencontainers.image.ref.name"]; a.Ref == "" && strings.Contains(ref, "/") {
				a.Ref = ref
			}
		}
		b, ok := files["blobs/"+strings.Replace(next.Digest, ":", "/", 1)]
		if !ok {
			return archiveInfo{}, fmt.Errorf("it lacks the manifest %s", next.Digest)
		}
		doc = b
	}
	return archiveInfo{}, errors.New("OCI layout: too many nested indexes")
}

// pickManifest is the only manifest, or the one for this machine's architecture, which is also the nodes' architecture.
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
		return ociDescriptor{}, fmt.Errorf("it contains %d images, %d of them for linux/%s, expected one", len(all), len(fit), runtime.GOARCH)
	}
	return fit[0], nil
}
