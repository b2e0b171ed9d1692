// Package fakepodman puts a command "podman" on a test's PATH that keeps containers and volumes as files, so that
// the processes, pipes, locks and signals around an engine can be tested for real and in no time, without one.
//
// In: a test. Out: a directory whose files are the engine's containers and volumes. What a cluster is and whether
// an engine really removes one is tested with a real engine, see target's cluster tests.
package fakepodman

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const script = `#!/bin/sh
# The files of $FAKE_PODMAN: c/NAME a container, its content the cluster's name and the container's id; v/NAME a volume, its content
# its label. When a file was written is when the container or volume was created.
D=$FAKE_PODMAN
echo "$*" >> "$D/calls"
label=; name=; names=
for a do
  case $a in label=*) label=${a#label=}; label=${label#io.x-k8s.kind.cluster=} ;; esac
done
created() { date -u -r "$1" '+"%Y-%m-%dT%H:%M:%SZ"'; }
content() { sed -n "$2p" "$1"; }
named() { for f in "$D"/c/*; do [ "$(content "$f" 2)" != "$1" ] || basename "$f"; done; } # the name of the container with that id
case "$1 $2" in
"--version "*) echo "podman version 4.3.1" ;;
"info "*) echo '{"host":{"cgroupVersion":"v1","cgroupControllers":["cpu","memory","pids"],"security":{"rootless":false}},"store":{"graphDriverName":"overlay","graphStatus":{}}}' ;;
"volume create") echo "$4" > "$D/v/vol$$"; echo "vol$$" ;;
"volume ls") for f in "$D"/v/*; do [ ! -e "$f" ] || [ "$(cat "$f")" != "$label" ] || echo "$(basename "$f") $(created "$f")"; done ;;
"volume rm") shift 3; for v do rm -f "$D/v/$v"; done ;;
"ps "*)
  for f in "$D"/c/*; do
    [ -e "$f" ] && [ "$(content "$f" 1)" = "$label" ] || continue
    case "$*" in *.ID*) echo "$(content "$f" 2) $(basename "$f")" ;; *) basename "$f" ;; esac
  done ;;
"inspect --format") f=$(named "$4"); [ -z "$f" ] || created "$D/c/$f" ;;
"run --name") name=$3
  trap 'echo interrupted >> "$D/calls"; exit 143' TERM
  case $name in *worker*) sleep 0.3 ;; esac
  for a do case $a in io.x-k8s.kind.cluster=*) printf '%s\nid-%s-%s\n' "${a#io.x-k8s.kind.cluster=}" "$name" $$ > "$D/c/$name" ;; esac; done
  [ ! -e "$D/run-fails" ] || { cat "$D/run-fails" >&2; exit 125; } ;;
"logs -f") while [ -e "$D/c/$3" ] && [ ! -e "$D/killed-$3" ]; do sleep 0.05; done ;;
"kill "*) shift; for c do : > "$D/killed-$(named "$c")"; done ;;
"rm --force") shift 3; for c do rm -f "$D/c/$(named "$c")"; done ;;
"port "*) cat "$D/port-$2" 2>/dev/null ;;
"exec "*) case $2 in *load-balancer*) exit 127 ;; esac ;; # it has no kubelet
"network ls") cat "$D"/networks 2>/dev/null ;;
"network rm") grep -qx "$3" "$D/networks" 2>/dev/null || { echo "Error: unable to find network with name or ID $3: network not found" >&2; exit 1; }
  sed -i "/^$3\$/d" "$D/networks" ;;
esac
`

// Dir is the fake engine's state.
type Dir string

// Install puts the fake on PATH before everything else, for this test and what it starts.
func Install(t *testing.T) Dir {
	t.Helper()
	d := t.TempDir()
	for _, sub := range []string{"bin", "c", "v"} {
		if err := os.Mkdir(filepath.Join(d, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(d, "bin", "podman"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FAKE_PODMAN", d)
	t.Setenv("PATH", filepath.Join(d, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	return Dir(d)
}

// Container makes a container of the named cluster. Its id is ID(name).
func (d Dir) Container(t *testing.T, name, cluster string) {
	t.Helper()
	d.write(t, "c/"+name, cluster+"\n"+ID(name))
}

// ID is the id of a container that a test made.
func ID(name string) string { return "id-" + name }

// Age makes a container or a volume one that was created so long ago.
func (d Dir) Age(t *testing.T, name string, ago time.Duration) {
	t.Helper()
	for _, sub := range []string{"c", "v"} {
		path, at := filepath.Join(string(d), sub, name), time.Now().Add(-ago)
		if err := os.Chtimes(path, at, at); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}

// Publishes lets a container publish a port: "6443/tcp -> 127.0.0.1:41234".
func (d Dir) Publishes(t *testing.T, container, port string) {
	t.Helper()
	d.write(t, "port-"+container, port)
}

// Network makes a network.
func (d Dir) Network(t *testing.T, name string) {
	t.Helper()
	d.write(t, "networks", name)
}

// Volume makes a volume with the label that kind gives a node's.
func (d Dir) Volume(t *testing.T, name, node string) {
	t.Helper()
	d.write(t, "v/"+name, node+"=true")
}

// RunFails makes every run from now on make its container and fail with this message.
func (d Dir) RunFails(t *testing.T, says string) {
	t.Helper()
	d.write(t, "run-fails", says)
}

func (d Dir) write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(string(d), file), []byte(content+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Left lists what is there: containers and volumes, by name.
func (d Dir) Left() []string {
	var all []string
	for _, sub := range []string{"c", "v"} {
		entries, err := os.ReadDir(filepath.Join(string(d), sub))
		if err != nil {
			return []string{err.Error()}
		}
		for _, e := range entries {
			all = append(all, e.Name())
		}
	}
	slices.Sort(all)
	return all
}

// Calls returns the commands that were run, one per line.
func (d Dir) Calls() string {
	b, err := os.ReadFile(filepath.Join(string(d), "calls"))
	if err != nil {
		return ""
	}
	return string(b)
}

// Await waits until what is left satisfies ok, and fails the test after the given time.
func (d Dir) Await(t *testing.T, within time.Duration, what string, ok func(left []string) bool) {
	t.Helper()
	end := time.Now().Add(within)
	for !ok(d.Left()) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s; left: %s", within, what, strings.Join(d.Left(), " "))
		}
		time.Sleep(20 * time.Millisecond)
	}
}
