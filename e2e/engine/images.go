package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
)

// HasImage reports whether the engine's store has the image, and its id there ("sha256:…"). For podman and docker's
// classic store the id is the digest of the image's configuration, which is also the image id in containerd's CRI;
// for docker's containerd store it is the digest of a manifest. A missing image is not an error.
func (e *Engine) HasImage(ctx context.Context, ref string) (id string, ok bool, err error) {
	out, err := e.Output(ctx, "image", "inspect", "--format", "{{.Id}}", ref)
	if err != nil {
		if isExit(err) && notFound(err) {
			return "", false, nil
		}
		return "", false, fmt.Errorf("look for image %s: %w", ref, err)
	}
	id = strings.TrimSpace(string(out))
	if id != "" && !strings.Contains(id, ":") {
		id = "sha256:" + id // podman prints the digest without its prefix
	}
	return id, id != "", nil
}

// notFound reports whether the engine's error means that the image is not in its store: docker "No such image",
// podman 3 to 5 "image not known" and "no such image", "unable to find a name and tag match" for a short name.
func notFound(err error) bool {
	s := strings.ToLower(err.Error())
	for _, p := range []string{"no such image", "image not known", "unable to find", "no such object"} {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

// Load reads an image archive (docker-archive or OCI archive) into the engine's store.
func (e *Engine) Load(ctx context.Context, archive io.Reader) error {
	return e.stream(ctx, archive, nil, "load")
}

// Save writes the images named by refs as one docker archive.
//
// Without --multi-image-archive podman gives the names of all images to one of them (measured with podman 4.3: a
// cluster made from such an archive dies with "invalid empty entrypoint").
func (e *Engine) Save(ctx context.Context, w io.Writer, refs ...string) error {
	if len(refs) == 0 {
		return errors.New("save images: no image given")
	}
	args := []string{"save"}
	if e.name == Podman {
		args = append(args, "--format", "docker-archive")
		if len(refs) > 1 {
			args = append(args, "--multi-image-archive")
		}
	}
	return e.stream(ctx, nil, w, append(args, refs...)...)
}

// Pull pulls an image into the engine's store.
func (e *Engine) Pull(ctx context.Context, ref string) error {
	return e.Run(ctx, "pull", "--quiet", ref)
}

// BuildOptions describe one image build.
type BuildOptions struct {
	Dir        string            // the build context
	Dockerfile string            // its path; empty: Dockerfile in Dir
	Tag        string            // the image's name
	Args       map[string]string // build arguments
	Output     io.Writer         // gets the live output of the build; nil: discarded, but the error has its end
	Extra      []string          // more flags, e.g. --pull=never
}

// Build builds an image from a Dockerfile. The error contains the end of the build's output. The caller sets the
// error's exit code, because it knows whose Dockerfile it is.
func (e *Engine) Build(ctx context.Context, o BuildOptions) error {
	args := []string{"build", "--tag", o.Tag}
	if o.Dockerfile != "" {
		args = append(args, "--file", o.Dockerfile)
	}
	names := make([]string, 0, len(o.Args))
	for n := range o.Args {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		args = append(args, "--build-arg", n+"="+o.Args[n])
	}
	args = append(append(args, o.Extra...), o.Dir)
	c := e.Cmd(ctx, args...)
	tail := &tailWriter{limit: 4096}
	c.Stdout = tail
	if o.Output != nil {
		c.Stdout = io.MultiWriter(o.Output, tail)
	}
	c.Stderr = c.Stdout // with the same writer os/exec writes from one goroutine only
	if err := c.Run(); err != nil {
		return commandError(ctx, e.name, args[:1], err, tail.String())
	}
	return nil
}
