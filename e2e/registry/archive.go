package registry

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Archive is an image in an archive of docker save or podman save: a docker archive or an OCI layout.
type Archive struct {
	File string
	ID   string // digest of its configuration ("sha256:…")
}

// Architecture is that of the image ("amd64").
func (a Archive) Architecture() (string, error) {
	img, done, err := a.open()
	if err != nil {
		return "", err
	}
	defer done()
	c, err := img.ConfigFile()
	if err != nil {
		return "", fmt.Errorf("image archive %s: %w", a.File, err)
	}
	return c.Architecture, nil
}

// open reads the image. An OCI layout is unpacked; done removes that.
func (a Archive) open() (img v1.Image, done func(), err error) {
	done = func() {}
	docker, err := has(a.File, "manifest.json")
	if err == nil && docker {
		img, err = tarball.ImageFromPath(a.File, nil)
	} else if err == nil {
		var dir string
		if dir, err = os.MkdirTemp("", "meshproof-oci-"); err == nil {
			done = func() { _ = os.RemoveAll(dir) }
			img, err = unpacked(a, dir)
		}
	}
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("image archive %s: %w", a.File, err)
	}
	return img, done, nil
}

func unpacked(a Archive, dir string) (v1.Image, error) {
	if err := unpack(a.File, dir); err != nil {
		return nil, err
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	return find(index, a.ID)
}

// find is the image with that configuration, in the index or in one that it has.
func find(index v1.ImageIndex, id string) (v1.Image, error) {
	m, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for i := range m.Manifests {
		d := &m.Manifests[i]
		switch {
		case match.MediaTypes(string(types.OCIImageIndex), string(types.DockerManifestList))(*d):
			inner, err := index.ImageIndex(d.Digest)
			if err != nil {
				return nil, err
			}
			if img, err := find(inner, id); err == nil {
				return img, nil
			}
		default:
			img, err := index.Image(d.Digest)
			if err != nil {
				return nil, err
			}
			if config, err := img.ConfigName(); err == nil && config.String() == id {
				return img, nil
			}
		}
	}
	return nil, fmt.Errorf("it has no image with the configuration %s", id)
}

// has reports whether there is a file of that name in the archive.
func has(file, name string) (found bool, err error) {
	err = each(file, func(h *tar.Header, _ io.Reader) error {
		if strings.TrimPrefix(h.Name, "./") == name {
			found = true
		}
		return nil
	})
	return found, err
}

// unpack writes the regular files of an archive to a folder, and nowhere else.
func unpack(file, to string) error {
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer root.Close()
	return each(file, func(h *tar.Header, content io.Reader) error {
		if h.Typeflag != tar.TypeReg {
			return nil
		}
		if err := root.MkdirAll(filepath.Dir(filepath.Clean(h.Name)), 0o755); err != nil {
			return err
		}
		f, err := root.Create(filepath.Clean(h.Name))
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	})
}

// each calls do for every entry of the archive.
func each(file string, do func(*tar.Header, io.Reader) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	for t := tar.NewReader(f); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err = do(h, t); err != nil {
			return err
		}
	}
}
