package registry

import (
	"archive/tar"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/registry/registrytest"
)

// known is an authority that this process trusts, as a user says it: by SSL_CERT_FILE, before the first connection.
var known *registrytest.Authority

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "registry")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if known, err = registrytest.NewAuthority("known"); err != nil {
			panic(err)
		}
		file := filepath.Join(dir, "ca.pem")
		if err = os.WriteFile(file, []byte(known.PEM), 0o600); err != nil {
			panic(err)
		}
		for _, set := range [][2]string{{"SSL_CERT_FILE", file}, {"DOCKER_CONFIG", dir}} {
			if err = os.Setenv(set[0], set[1]); err != nil {
				panic(err)
			}
		}
		return m.Run()
	}())
}

// sample is an image for an architecture. Its two layers have some 100 kB that do not compress.
func sample(t *testing.T, arch string) v1.Image {
	t.Helper()
	return registrytest.Image(t, arch, 50_000, 2)
}

func prefix(t *testing.T, text string) Prefix {
	t.Helper()
	p, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A push gives a digest that the registry has; the second sends nothing; a layer that another image has brought is not sent again.
func TestPush(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{})
	p := prefix(t, r.Host+"/team/meshproof")
	img := sample(t, "amd64")
	first, err := p.push(t.Context(), "derl", img)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if want := r.Host + "/team/meshproof/derl@" + digest.String(); first.Ref != want {
		t.Errorf("pushed as %s, want %s", first.Ref, want)
	}
	if first.Blobs != 3 || first.Layers != 3 || first.Bytes < 100_000 || first.Bytes > 110_000 || !strings.Contains(first.String(), ": pushed 3 of 3 blobs, 0.1 MB (") {
		t.Errorf("%+v: %s", first, first)
	}
	pulled, err := remote.Image(reference(t, first.Ref))
	if err != nil {
		t.Fatal(err)
	}
	if c, failed := pulled.ConfigFile(); failed != nil || c.Architecture != "amd64" {
		t.Errorf("pulled %+v, %v", c, failed)
	}
	again, err := p.push(t.Context(), "derl", img)
	if err != nil || again.Ref != first.Ref || again.Blobs != 0 || again.Bytes != 0 || !strings.Contains(again.String(), "nothing was sent") {
		t.Errorf("the second time: %+v, %v", again, err)
	}
	layer, err := random.Layer(1000, "application/vnd.docker.image.rootfs.diff.tar.gzip")
	if err != nil {
		t.Fatal(err)
	}
	more, err := mutate.AppendLayers(img, layer)
	if err != nil {
		t.Fatal(err)
	}
	next, err := p.push(t.Context(), "derl", more)
	if err != nil || next.Blobs != 2 || next.Layers != 4 || next.Bytes > 10_000 {
		t.Errorf("with one layer more: %+v, %v", next, err)
	}
}

func reference(t *testing.T, text string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// One image for two architectures is one digest; a node takes its own.
func TestPushForTwoArchitectures(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{})
	pushed, err := prefix(t, "http://"+r.Host+"/m").push(t.Context(), "agent", sample(t, "amd64"), sample(t, "arm64"))
	if err != nil {
		t.Fatal(err)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		img, err := remote.Image(reference(t, pushed.Ref), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: arch}))
		if err != nil {
			t.Fatal(err)
		}
		if c, err := img.ConfigFile(); err != nil || c.Architecture != arch {
			t.Errorf("for %s the registry gives %+v, %v", arch, c, err)
		}
	}
}

func TestPushWithTLSAndPassword(t *testing.T) {
	r := registrytest.Start(t, registrytest.Options{CA: known, Password: true})
	p, img := prefix(t, r.Host+"/m"), sample(t, "amd64")
	for _, c := range []struct {
		user, password string
		says           []string
	}{
		{"", "", []string{"401", "no credentials", "docker login " + r.Host}},
		{registrytest.User, "not-the-password-17", []string{"401", "docker's configuration (user pusher)"}},
		{registrytest.User, registrytest.Password, nil},
	} {
		t.Setenv("DOCKER_CONFIG", t.TempDir())
		if c.user != "" {
			registrytest.Login(t, r.Host, c.user, c.password)
		}
		_, err := p.push(t.Context(), "derl", img)
		if c.says == nil {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		refused(t, err, c.says...)
		for _, secret := range []string{c.password, base64.StdEncoding.EncodeToString([]byte(c.user + ":" + c.password))} {
			if secret != "" && strings.Contains(err.Error(), secret) {
				t.Errorf("the password is in the error: %v", err)
			}
		}
	}
}

func TestPushSaysWhatIsWrong(t *testing.T) {
	stranger, err := registrytest.NewAuthority("stranger")
	if err != nil {
		t.Fatal(err)
	}
	unknown := registrytest.Start(t, registrytest.Options{CA: stranger})
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := nobody.Addr().String()
	nobody.Close()
	img := sample(t, "amd64")
	_, err = prefix(t, unknown.Host+"/m").push(t.Context(), "derl", img)
	refused(t, err, "an authority that this machine does not know", "set SSL_CERT_FILE")
	_, err = prefix(t, gone+"/m").push(t.Context(), "derl", img)
	refused(t, err, "no connection to "+gone, "refused")
}

func refused(t *testing.T, err error, says ...string) {
	t.Helper()
	if exitcode.Of(err) != exitcode.Unavailable {
		t.Errorf("error %v, want one with code 69", err)
		return
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%v\ndoes not say %q", err, s)
		}
	}
}

func TestParse(t *testing.T) {
	for text, says := range map[string]string{
		"registry.example/team/meshproof":     "",
		"10.89.0.1:5000/meshproof/":           "",
		"http://registry.example/m":           "",
		"localhost/m":                         "",
		"team/meshproof":                      "must begin with the registry's host",
		"registry.example":                    "no path",
		"https://registry.example/m":          "write HOST/PATH",
		"registry.example/m:1":                "without tag or digest",
		"registry.example/Team":               "repository can only contain",
		"registry.example/m@sha256:" + digest: "repository can only contain",
	} {
		p, err := Parse(text)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
		if want := strings.TrimSuffix(strings.TrimPrefix(text, "http://"), "/"); err == nil && p.text != want {
			t.Errorf("%s became %s", text, p.text)
		}
	}
}

const digest = "0123456789012345678901234567890123456789012345678901234567890123"

// Both forms of archive give the image with the configuration that was asked for.
func TestArchive(t *testing.T) {
	img, other := sample(t, "amd64"), sample(t, "arm64")
	id, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	docker := filepath.Join(t.TempDir(), "docker.tar")
	if err = tarball.WriteToFile(docker, reference(t, "localhost/shop:1"), img); err != nil {
		t.Fatal(err)
	}
	r := registrytest.Start(t, registrytest.Options{})
	for _, file := range []string{docker, ociArchive(t, img, other)} {
		a := Archive{file, id.String()}
		if arch, failed := a.Architecture(); failed != nil || arch != "amd64" {
			t.Errorf("%s: architecture %q, %v", file, arch, failed)
		}
		pushed, failed := prefix(t, r.Host+"/m").Push(t.Context(), "shop", a)
		if failed != nil {
			t.Error(failed)
			continue
		}
		got, failed := remote.Image(reference(t, pushed.Ref))
		if failed != nil {
			t.Error(failed)
			continue
		}
		name, failed := got.ConfigName()
		if failed != nil || name != id {
			t.Errorf("%s: the image %s, %v", file, name, failed)
		}
	}
	_, err = prefix(t, r.Host+"/m").Push(t.Context(), "shop", Archive{ociArchive(t, other), id.String()})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("no image with the configuration %s", id)) {
		t.Errorf("another archive: %v", err)
	}
}

// ociArchive is an OCI layout in an archive.
func ociArchive(t *testing.T, images ...v1.Image) string {
	t.Helper()
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	for _, img := range images {
		if err = path.AppendImage(img); err != nil {
			t.Fatal(err)
		}
	}
	return tarred(t, dir)
}

func tarred(t *testing.T, dir string) (file string) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "oci.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	if err = errors.Join(w.AddFS(os.DirFS(dir)), w.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
