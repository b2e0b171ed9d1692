// Package registry pushes the images of a run to a registry, for clusters whose nodes can get them in no other way.
//
// In: a repository prefix that the user named, archives of images. Out: references with a digest, which mean this content and no other,
// and how much had to be sent. Credentials come from where docker and Google's tools keep them, and reach no message.
package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
)

// plainHTTP begins a prefix whose registry is spoken to without TLS because the user says so.
const plainHTTP = "http://"

// answerBudget is how long the registry may take to answer the first request.
const answerBudget = 20 * time.Second

// Prefix is where the images of a run are pushed to: each is the repository PREFIX/NAME.
type Prefix struct {
	text    string
	options []name.Option
}

// Parse reads what the user named: HOST/project/path. With http:// before it, TLS is not used. For this machine and for private addresses
// the library tries TLS first and then goes on without.
func Parse(text string) (Prefix, error) {
	p := Prefix{text: strings.TrimSuffix(text, "/")}
	if rest, plain := strings.CutPrefix(p.text, plainHTTP); plain {
		p.text, p.options = rest, []name.Option{name.Insecure}
	}
	host, path, _ := strings.Cut(p.text, "/")
	switch {
	case strings.Contains(p.text, "://"):
		return Prefix{}, fmt.Errorf("%s: write HOST/PATH, or http://HOST/PATH for a registry without TLS", text)
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		return Prefix{}, fmt.Errorf("%s: it must begin with the registry's host, as in HOST/PATH", text)
	case path == "":
		return Prefix{}, fmt.Errorf("%s: it has no path on the registry, as in HOST/PATH", text)
	}
	if _, err := name.NewRepository(p.text, p.options...); err != nil {
		return Prefix{}, fmt.Errorf("it must be a repository without tag or digest, as in HOST/PATH: %w", err)
	}
	return p, nil
}

// Pushed is an image that the registry has now.
type Pushed struct {
	Ref    string        // PREFIX/NAME@sha256:…
	Blobs  int           // layers and configurations that were sent, 0 if the registry had them all
	Bytes  int64         // that were sent for them
	Took   time.Duration // with compressing them
	Layers int           // layers and configurations that the image has
}

// String says what was sent.
func (p Pushed) String() string {
	took := fmt.Sprintf("%.1f s", p.Took.Seconds())
	if p.Blobs == 0 {
		return fmt.Sprintf("%s: there already, nothing was sent (%s)", p.Ref, took)
	}
	return fmt.Sprintf("%s: pushed %d of %d blobs, %.1f MB (%s)", p.Ref, p.Blobs, p.Layers, float64(p.Bytes)/1e6, took)
}

// Push makes the registry have PREFIX/NAME with the images in the archives; several are one image for several architectures. What the
// registry has is not sent again. No tag is set: whoever cleans up a registry removes what has none.
func (p Prefix) Push(ctx context.Context, called string, from ...Archive) (Pushed, error) {
	var images []v1.Image
	for _, a := range from {
		img, done, err := a.open()
		if err != nil {
			return Pushed{}, fmt.Errorf("push %s: %w", called, err)
		}
		defer done()
		images = append(images, img)
	}
	return p.push(ctx, called, images...)
}

func (p Prefix) push(ctx context.Context, called string, images ...v1.Image) (Pushed, error) {
	began := time.Now()
	repo, err := name.NewRepository(p.text+"/"+called, p.options...)
	if err != nil {
		return Pushed{}, exitcode.With(exitcode.Usage, fmt.Errorf("push %s: %w", called, err))
	}
	what, layers, err := one(images)
	if err != nil {
		return Pushed{}, fmt.Errorf("push %s: %w", called, err)
	}
	digest, err := what.Digest()
	if err != nil {
		return Pushed{}, fmt.Errorf("push %s: %w", called, err)
	}
	ref := repo.Digest(digest.String())
	count := &counter{next: remote.DefaultTransport}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	count.answered = guard.AfterFunc(answerBudget, cancel, func() { cancel(fmt.Errorf("the registry did not answer within %s", answerBudget)) })
	defer count.answered.Stop()
	err = remote.Push(ref, what, remote.WithContext(ctx), remote.WithTransport(count), remote.WithUserAgent("meshproof"),
		remote.WithAuthFromKeychain(keychain()),
		// A registry that is not there or has another certificate is no other one a second later.
		remote.WithRetryPredicate(func(err error) bool { return count.reached.Load() && transient(err) }))
	if err != nil {
		return Pushed{}, exitcode.With(exitcode.Unavailable, fmt.Errorf("push %s: %w", ref, p.explain(ctx, repo, err)))
	}
	return Pushed{Ref: ref.String(), Blobs: int(count.blobs.Load()), Bytes: count.bytes.Load(), Took: time.Since(began), Layers: layers}, nil
}

// pushable is an image, or an index of images.
type pushable interface {
	remote.Taggable
	Digest() (v1.Hash, error)
}

// one is what is pushed for the images: the only one as it is, or an index. blobs is how many it has.
func one(images []v1.Image) (what pushable, blobs int, err error) {
	for _, img := range images {
		layers, err := img.Layers()
		if err != nil {
			return nil, 0, err
		}
		blobs += len(layers) + 1 // its configuration
	}
	switch len(images) {
	case 0:
		return nil, 0, errors.New("there is no image")
	case 1:
		return images[0], blobs, nil
	}
	index := v1.ImageIndex(empty.Index)
	for _, img := range images {
		c, err := img.ConfigFile()
		if err != nil {
			return nil, 0, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant},
		}})
	}
	return index, blobs, nil
}
