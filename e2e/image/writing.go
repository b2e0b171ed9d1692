package image

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// writeArchive writes the docker archive from plain to file, with compressed layers. A node writes each imported image to
// its disk twice, as it is and unpacked, and waits for the disk both times: measured with containerd 1.6, 2.6 s for 95 MB as
// engines save them against 0.6 s for the same in 40 MB.
func writeArchive(file, ref string, plain func(io.Writer) error) error {
	raw := filepath.Join(filepath.Dir(file), ".plain."+filepath.Base(file))
	defer os.Remove(raw)
	if err := writeAtomically(raw, plain); err != nil {
		return err
	}
	img, err := tarball.ImageFromPath(raw, nil)
	if err != nil {
		return fmt.Errorf("read the saved archive: %w", err)
	}
	return writeAtomically(file, func(w io.Writer) error { return writeTo(w, ref, img) })
}

// writeImage writes an image that was assembled in-process.
func writeImage(file, ref string, img v1.Image) error {
	return writeArchive(file, ref, func(w io.Writer) error { return writeTo(w, ref, img) })
}

func writeTo(w io.Writer, ref string, img v1.Image) error {
	tag, err := name.NewTag(ref)
	if err != nil {
		return err
	}
	return tarball.Write(tag, img, w)
}

// writeAtomically gives the file its name only when it is complete.
func writeAtomically(file string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	err = write(f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
