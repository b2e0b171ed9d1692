package crashtest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/target/keeper"
)

func TestMain(m *testing.M) {
	keeper.RunIfKeeper()
	os.Exit(m.Run())
}

// machine is what a run may leave on the engine and in the state folder, compared with what was there before.
type machine struct {
	engine *engine.Engine
	state  string
	before map[string]bool
}

func newMachine(t *testing.T, root string) *machine {
	t.Helper()
	cache, err := image.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{state: filepath.Join(cache, "state"), before: map[string]bool{}}
	if m.engine, err = engine.Find(context.Background(), engine.Options{StateDir: m.state, Log: func(s string) { t.Log(s) }}); err != nil {
		t.Fatal(err)
	}
	for _, what := range m.all() {
		m.before[what] = true
	}
	return m
}

// all lists containers, also external ones that podman does not own any more, volumes, and notes.
func (m *machine) all() []string {
	ctx, cancel := background()
	defer cancel()
	var all []string
	list := func(what string, args ...string) {
		out, err := m.engine.Output(ctx, args...)
		if err != nil {
			all = append(all, what+": "+err.Error())
		}
		for _, name := range strings.Fields(string(out)) {
			all = append(all, what+" "+name)
		}
	}
	ps := []string{"ps", "--all", "--no-trunc", "--format", "{{.ID}}/{{.Names}}"}
	if m.engine.Name() == engine.Podman {
		ps = append(ps, "--external")
	}
	list("container", ps...)
	list("volume", "volume", "ls", "--quiet")
	notes, err := filepath.Glob(filepath.Join(m.state, "clusters", "*.json*"))
	if err != nil {
		all = append(all, err.Error())
	}
	for _, n := range notes {
		all = append(all, "note "+n)
	}
	return all
}

// left is what was not there before.
func (m *machine) left() []string {
	var left []string
	for _, what := range m.all() {
		if !m.before[what] {
			left = append(left, what)
		}
	}
	return left
}

// otherHome is the environment of a user with a cache of their own, which shares with ours what takes minutes to make.
func (m *machine) otherHome(t *testing.T) []string {
	t.Helper()
	home, ours := t.TempDir(), filepath.Dir(m.state)
	cache := filepath.Join(home, "meshproof")
	if err := os.Mkdir(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(ours)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "state" {
			continue
		}
		if err := os.Symlink(filepath.Join(ours, e.Name()), filepath.Join(cache, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	gocache := os.Getenv("GOCACHE")
	if gocache == "" {
		if dir, err := os.UserCacheDir(); err == nil {
			gocache = filepath.Join(dir, "go-build")
		}
	}
	return []string{"XDG_CACHE_HOME=" + home, "GOCACHE=" + gocache}
}

// broken is a profile that fails: its Service is not headless, and its nodes find one address where their peers should be.
func broken(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	from := filepath.Join(root, "fixtures", "profiles", "dns-a")
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer("  clusterIP: None\n", "", "../../../erlang-app", filepath.Join(root, "erlang-app"), "discovery: {interval: 1s}", "discovery: {interval: 1s}\n  budgets: {formation: 12s}").Replace(string(b))
		if err := os.WriteFile(filepath.Join(dir, e.Name()), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
