package image

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/scripts"
)

// fakePodman keeps its images as files IMAGES/NAME with the id as content. The variables PULL and BUILD are shell commands
// that run before a pull or a build.
const fakePodman = `#!/bin/sh
echo "podman $*" >>"$FAKE/calls"
img() { echo "$FAKE/images/$(printf %s "$1" | tr '/:@' '___')"; }
last() { for last; do :; done; }
case "$1 $2" in
"image inspect") last "$@"; cat "$(img "$last")" 2>/dev/null || { echo "Error: inspecting object: $last: image not known" >&2; exit 125; } ;;
"image rm") rm "$(img "$3")" ;;
"info "*) echo "$FAKE" ;;
"pull "*) eval "$PULL"; echo sha256:aaaaaaaaaaaaaaaa >"$(img "$2")" ;;
"build "*) echo "STEP 1/1: FROM scratch"; eval "$BUILD"; echo sha256:bbbbbbbbbbbbbbbb >"$(img "$3")" ;;
"tag "*) echo "$2" >"$(img "$3")" ;;
"save "*) cat "$FAKE/archive.tar" ;;
"load "*) read -r name; echo sha256:cccccccccccccccc >"$(img "$name")" ;;
*) echo "fake podman: $*" >&2; exit 99 ;;
esac
`

// fakeMake creates the files of the builders' Makefiles. MAKE is a shell command that it runs first.
const fakeMake = `#!/bin/sh
echo "make $*" >>"$FAKE/calls"
for a; do case $a in *=*) eval "${a%%=*}='${a#*=}'" ;; esac; done
mkdir -p "$OUT/bin"
eval "$MAKE"
img() { echo "$FAKE/images/$(printf %s "$1" | tr '/:@' '___')"; }
case "$*" in
*node-image*) echo "localhost/meshproof/node:$KEY" >"$OUT/node.tar"; echo sha256:dddddddddddddddd >"$(img "localhost/meshproof/node:$KEY")" ;;
*base-image*) touch "$OUT/build.tar" "$OUT/run.tar"
  for p in build run; do echo "sha256:e$p" >"$(img "localhost/meshproof/otp-$p:$OTP-$KEY")"; done ;;
esac
`

// fakeDpkg has every package that is not in the file DPKG.
const fakeDpkg = `#!/bin/sh
shift 3
for p; do case " $DPKG " in *" $p "*) ;; *) echo "$p installed" ;; esac; done
`

// hub is the default registry of a reference without a host.
var hub = strings.TrimSuffix(fullRef("a/b:1"), "a/b:1")

const refused = `echo "Error: pinging container registry: connection refused" >&2; exit 125`

// fakeMachine is a PATH of small scripts, and a Maker that uses it.
type fakeMachine struct {
	*Maker
	t    *testing.T
	dir  string
	mu   sync.Mutex
	said []string
}

func newFakeMachine(t *testing.T) *fakeMachine {
	t.Helper()
	w := &fakeMachine{t: t, dir: t.TempDir()}
	bin := filepath.Join(w.dir, "path")
	for name, text := range map[string]string{"podman": fakePodman, "make": fakeMake, "dpkg-query": fakeDpkg} {
		w.write(filepath.Join("path", name), text)
		if err := os.Chmod(filepath.Join(bin, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(w.dir, "images"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.write("root/scripts/node-image/Makefile", "# inputs: K8S NODE_SUITE\n")
	w.write("root/scripts/node-image/k8s/v1.37.2/kubernetes.mod", "module n\n")
	w.write("root/scripts/node-image/k8s/v1.36.1/kubernetes.mod", "module n\n")
	w.write("root/scripts/base-image/Makefile", "# inputs: OTP_27_SUITE\n")
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("FAKE", w.dir)
	t.Setenv("PULL", refused)
	t.Setenv("BUILD", "")
	t.Setenv("MAKE", "")
	t.Setenv("DPKG", "")
	w.Maker = &Maker{
		Engine: engine.New(engine.Podman, nil),
		Cache:  filepath.Join(w.dir, "cache"),
		Root:   filepath.Join(w.dir, "root"),
		Versions: scripts.Versions{
			"K8S": "v1.37.2", "NODE_SUITE": "bookworm", "NODE_IMAGE": "kindest/node:v1.37.0@sha256:01",
			"NODE_IMAGE_1_35": "kindest/node:v1.35.8@sha256:04",
			"OTP":             "27", "OTP_27_SUITE": "trixie", "ERLANG_BUILD_27": "erlang:27@sha256:02", "ERLANG_RUN_27": "debian:trixie-slim@sha256:03",
			"APT_BUILD": "mmdebstrap",
		},
		Log: func(s string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.said = append(w.said, s)
		},
	}
	return w
}

// write writes a file below the machine's folder.
func (w *fakeMachine) write(name, text string) {
	w.t.Helper()
	file := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// calls are the commands with that prefix ("make", "podman pull") since the last call.
func (w *fakeMachine) calls(prefix string) []string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, "calls"))
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	var of, rest []string
	for _, l := range strings.SplitAfter(string(b), "\n") {
		switch {
		case strings.HasPrefix(l, prefix):
			of = append(of, strings.TrimSpace(l))
		default:
			rest = append(rest, l)
		}
	}
	w.write("calls", strings.Join(rest, ""))
	return of
}

// forget removes an image from the fake engine.
func (w *fakeMachine) forget(ref string) {
	w.t.Helper()
	if err := os.Remove(filepath.Join(w.dir, "images", strings.NewReplacer("/", "_", ":", "_", "@", "_").Replace(ref))); err != nil {
		w.t.Fatal(err)
	}
}

func (w *fakeMachine) log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.said, "\n")
}
