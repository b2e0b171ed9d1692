// Package registrytest runs a real registry for tests: the program of scripts/registry, which is the reference implementation.
//
// In: an address, with or without TLS and a password. Out: a running registry, which ends with the test.
package registrytest

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/image"
)

// The only user of a registry with a password. htpasswd is its line for the registry: bcrypt of the password.
const (
	User     = "pusher"
	Password = "opensesame-4711"
	htpasswd = User + ":$2a$05$AfQTDDaqNUTVqlu0PF13w.QdMW0Tg2c7XeHr/NF9BIK/9zHa00TZq\n"
)

// Options say what the registry is like.
type Options struct {
	Address  string     // of this machine, on which it listens; "" 127.0.0.1
	CA       *Authority // issues its certificate; nil: it speaks no TLS
	Password bool       // only User with Password may push and pull
}

// Registry is a registry under way.
type Registry struct {
	Host string // address and port
	Dir  string // what it stores

	mu  sync.Mutex
	log []string
}

// Log are the lines that it has written: with the requests.
func (r *Registry) Log() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.log...)
}

// Start starts a registry, and returns when it listens.
func Start(t *testing.T, o Options) *Registry {
	t.Helper()
	bin, dir := build(t), t.TempDir()
	if o.Address == "" {
		o.Address = "127.0.0.1"
	}
	config := fmt.Sprintf("version: 0.1\nlog: {level: info}\nstorage:\n  filesystem: {rootdirectory: %q}\n  delete: {enabled: true}\n", dir)
	if o.Password {
		write(t, dir, "htpasswd", htpasswd)
		config += fmt.Sprintf("auth:\n  htpasswd: {realm: test, path: %q}\n", filepath.Join(dir, "htpasswd"))
	}
	config += fmt.Sprintf("http:\n  addr: %q\n", o.Address+":0")
	if o.CA != nil {
		certificate, key := o.CA.Issue(t, o.Address)
		config += fmt.Sprintf("  tls: {certificate: %q, key: %q}\n", write(t, dir, "tls.crt", certificate), write(t, dir, "tls.key", key))
	}
	c := exec.Command(bin, "serve", write(t, dir, "config.yml", config))
	c.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	out, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	r := &Registry{Dir: dir}
	listening := make(chan string, 1)
	guard.Go(nil, func(err error) { t.Error(err) }, func() { r.read(out, listening) })
	select {
	case r.Host = <-listening:
	case <-time.After(30 * time.Second):
	}
	if r.Host == "" {
		t.Fatalf("the registry does not listen: %q", r.Log())
	}
	return r
}

var listens = regexp.MustCompile(`listening on ([0-9.]+:[0-9]+)`)

// read keeps the log, and says the address when it is in it, or "" when the registry has ended.
func (r *Registry) read(out io.Reader, listening chan<- string) {
	for in := bufio.NewScanner(out); in.Scan(); {
		r.mu.Lock()
		r.log = append(r.log, in.Text())
		r.mu.Unlock()
		if m := listens.FindStringSubmatch(in.Text()); m != nil {
			listening <- m[1]
		}
	}
	select {
	case listening <- "":
	default:
	}
}

// DockerConfig is docker's configuration with a password for a registry.
func DockerConfig(host, user, password string) string {
	return fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, host, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}

// Login makes the password that of this test's docker configuration.
func Login(t *testing.T, host, user, password string) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "config.json", DockerConfig(host, user, password))
	t.Setenv("DOCKER_CONFIG", dir)
}

func write(t *testing.T, dir, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// build builds the program; the go command decides whether anything must be done.
func build(t *testing.T) (bin string) {
	t.Helper()
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	cache, err := image.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	bin = filepath.Join(cache, "bin", "test-registry")
	c := exec.Command("go", "build", "-o", bin, ".")
	c.Dir = filepath.Join(filepath.Dir(strings.TrimSpace(string(mod))), "scripts", "registry")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("build the registry: %v\n%s", err, out)
	}
	return bin
}
