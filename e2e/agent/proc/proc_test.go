//go:build linux

package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const (
	a = "11111111-2222-3333-4444-555555555555"
	b = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
)

// entry is one process of a fake /proc.
type entry struct {
	pid    int
	name   string
	state  string
	start  int
	cgroup string
	mounts string
	mnt    string // the link of its mount namespace, "" for none
}

func write(t testing.TB, entries ...entry) FS {
	t.Helper()
	root := t.TempDir()
	put := func(pid int, file, text string) {
		path := filepath.Join(root, fmt.Sprint(pid), file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range entries {
		if e.state == "" {
			e.state = "S"
		}
		put(e.pid, "stat", fmt.Sprintf("%d (%s) %s 1 1 1 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 %d 1 1 1\n", e.pid, e.name, e.state, e.start))
		put(e.pid, "cgroup", e.cgroup)
		if e.mounts != "" {
			put(e.pid, "mountinfo", e.mounts)
		}
		if e.mnt != "" {
			put(e.pid, "ns/x", "")
			if err := os.Symlink(e.mnt, filepath.Join(root, fmt.Sprint(e.pid), "ns/mnt")); err != nil {
				t.Fatal(err)
			}
		}
	}
	// /proc contains more than processes.
	if err := os.WriteFile(filepath.Join(root, "uptime"), []byte("1 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return FS(root)
}

func systemd(uid string) string {
	return "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + strings.ReplaceAll(uid, "-", "_") + ".slice/cri-containerd-0f.scope\n"
}

func TestFind(t *testing.T) {
	const hosts = "812 790 8:1 /var/lib/kubelet/pods/" + a + "/etc-hosts /etc/hosts rw,relatime - ext4 /dev/sda1 rw\n"
	for _, c := range []struct {
		name    string
		entries []entry
		want    map[string]Process
	}{
		{"nothing runs", nil, map[string]Process{}},
		{"cgroup v2, systemd", []entry{{pid: 7, name: "beam.smp", cgroup: systemd(a)}, {pid: 8, name: "nginx", cgroup: systemd(b)}},
			map[string]Process{a: {7, "beam.smp", 0}, b: {8, "nginx", 0}}},
		{"cgroup v2, cgroupfs", []entry{{pid: 7, name: "beam.smp", cgroup: "0::/kubepods/burstable/pod" + a + "/0f\n"}},
			map[string]Process{a: {7, "beam.smp", 0}}},
		{"cgroup v2, relative to another cgroup namespace", []entry{{pid: 7, name: "beam.smp", cgroup: "0::/../../pod" + a + "/0f\n"}},
			map[string]Process{a: {7, "beam.smp", 0}}},
		{"cgroup v1", []entry{{pid: 7, name: "beam.smp", cgroup: "12:cpuset:/kubepods/besteffort/pod" + a + "/0f\n11:memory:/kubepods/besteffort/pod" + a + "/0f\n1:name=systemd:/kubepods/besteffort/pod" + a + "/0f\n"}},
			map[string]Process{a: {7, "beam.smp", 0}}},
		{"only the mounts have the pod's UID", []entry{{pid: 7, name: "beam.smp", cgroup: "0::/\n", mounts: hosts}},
			map[string]Process{a: {7, "beam.smp", 0}}},
		{"two processes that share their mounts", []entry{{pid: 7, name: "sh", cgroup: "0::/\n", mounts: hosts, mnt: "mnt:[2]"}, {pid: 8, name: "beam.smp", cgroup: "0::/\n", mounts: hosts, mnt: "mnt:[2]"}},
			map[string]Process{a: {8, "beam.smp", 0}}},
		{"the kubelet itself mentions the pod", []entry{{pid: 1, name: "systemd", cgroup: "0::/init.scope\n", mnt: "mnt:[1]"}, {pid: 2, name: "kubelet", cgroup: "0::/kubelet.slice\n", mounts: hosts, mnt: "mnt:[1]"}},
			map[string]Process{}},
		{"another pod's", []entry{{pid: 7, name: "beam.smp", cgroup: systemd("99999999-2222-3333-4444-555555555555"), mounts: hosts}},
			map[string]Process{}},
		{"the BEAM before pause and a shell, whatever the order", []entry{{pid: 5, name: "pause", cgroup: systemd(a)}, {pid: 7, name: "beam.smp", cgroup: systemd(a)}, {pid: 9, name: "sh", cgroup: systemd(a)}, {pid: 10, name: "epmd", cgroup: systemd(a)}},
			map[string]Process{a: {7, "beam.smp", 0}}},
		{"any other before pause", []entry{{pid: 5, name: "pause", cgroup: systemd(a)}, {pid: 9, name: "sh", cgroup: systemd(a)}},
			map[string]Process{a: {9, "sh", 0}}},
		{"pause alone", []entry{{pid: 5, name: "pause", cgroup: systemd(a)}}, map[string]Process{a: {5, "pause", 0}}},
		{"of two BEAMs the older: the other is a remote shell", []entry{{pid: 100, name: "beam.smp", start: 900, cgroup: systemd(a)}, {pid: 99, name: "beam.smp", start: 500, cgroup: systemd(a)}, {pid: 20, name: "beam.smp", start: 700, cgroup: systemd(a)}},
			map[string]Process{a: {99, "beam.smp", 500}}},
		{"a zombie is passed over", []entry{{pid: 7, name: "beam.smp", state: "Z", cgroup: systemd(a)}, {pid: 8, name: "epmd", state: "Z", cgroup: systemd(a)}, {pid: 9, name: "sh", cgroup: systemd(a)}},
			map[string]Process{a: {9, "sh", 0}}},
		{"a name with brackets and spaces", []entry{{pid: 7, name: "x) Z (y", cgroup: systemd(a)}}, map[string]Process{a: {7, "x) Z (y", 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := NewFinder(write(t, c.entries...)).Find([]string{a, b})
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%v, %v; want %v", got, err, c.want)
			}
		})
	}
	if _, err := NewFinder(FS(filepath.Join(t.TempDir(), "none"))).Find([]string{a}); err == nil {
		t.Error("no error without /proc")
	}
}

// A process that is skipped as unwanted must be found soon after it becomes wanted.
func TestFinderChecksProcessesAgain(t *testing.T) {
	fs := write(t, entry{pid: 7, name: "runc", start: 500, cgroup: "0::/\n"}, entry{pid: 8, name: "beam.smp", cgroup: systemd(b)})
	f := NewFinder(fs)
	now := time.Unix(1000, 0)
	f.now = func() time.Time { return now }
	look := func(what string, want int, uids ...string) {
		t.Helper()
		now = now.Add(100 * time.Millisecond)
		found, err := f.Find(uids)
		if got := found[uids[len(uids)-1]].PID; err != nil || got != want {
			t.Errorf("%s: found process %d, want %d (%v)", what, got, want, err)
		}
	}
	join := func(pid int, uid string) {
		t.Helper()
		if err := os.WriteFile(fs.path(pid, "cgroup"), []byte(systemd(uid)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	look("before it enters the pod's cgroup", 0, a)
	join(7, a)
	look("after it has entered", 7, a)
	join(7, "99999999-2222-3333-4444-555555555555")
	for range 20 {
		look("of another pod", 0, a)
		now = now.Add(100 * time.Millisecond)
	}
	look("a new pod, with a process known for long", 8, a, b)
	for range 20 {
		look("still wanted", 0, a)
		now = now.Add(100 * time.Millisecond)
	}
	for range 20 {
		look("of a pod that is wanted in some calls", 8, b)
		now = now.Add(100 * time.Millisecond)
	}
	join(7, a) // its PID belongs to another process now
	look("a reused PID, before recheckAfter", 0, a)
	now = now.Add(recheckAfter)
	look("a reused PID, after recheckAfter", 7, a)
	for range 20 {
		look("known for long", 7, a)
		now = now.Add(100 * time.Millisecond)
	}
	join(7, b)
	if err := os.WriteFile(fs.path(7, "stat"), []byte("7 (beam.smp) S 1 1 1 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 900 1 1 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	look("the reused PID of a wanted pod, at once", 0, a)
}

func TestProcessOfBrokenStat(t *testing.T) {
	fs := write(t, entry{pid: 7, name: "x"})
	for _, stat := range []string{"", "7", "7 (x", "7 )x(", "7 (x)", "7 (x) S", "7 (x) S" + strings.Repeat(" y", 30)} {
		if err := os.WriteFile(fs.path(7, "stat"), []byte(stat), 0o600); err != nil {
			t.Fatal(err)
		}
		if p, ok := fs.Process(7); ok {
			t.Errorf("%q is read as %+v", stat, p)
		}
	}
}

func TestResolvers(t *testing.T) {
	fs := write(t, entry{pid: 7, name: "beam.smp"})
	if _, err := fs.Lookup(7); err == nil {
		t.Error("no error for a pod without resolv.conf")
	}
	etc := fs.path(7, "root/etc")
	if err := os.MkdirAll(etc, 0o755); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{
		"search a.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n": {"10.96.0.10"},
		"# nameserver 1.1.1.1\nnameserver\t10.96.0.10 \nnameserver fd00::a":                      {"10.96.0.10", "fd00::a"},
		"nameserver\n": nil,
	} {
		if err := os.WriteFile(etc+"/resolv.conf", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		conf, err := fs.Lookup(7)
		got := conf.Servers
		if !reflect.DeepEqual(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}

// The machine's real /proc: this test's process must be alive and in no pod.
func TestRealProc(t *testing.T) {
	fs := FS("/proc")
	p, alive := fs.Process(os.Getpid())
	if !alive || p.start == 0 || p.Name == "" {
		t.Errorf("our own process: %+v, %v", p, alive)
	}
	if found, err := NewFinder(fs).Find([]string{a}); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
}

// Several sessions on a node share one scan of its processes.
func TestFinderSharesItsScans(t *testing.T) {
	fs := write(t, entry{pid: 7, name: "beam.smp", cgroup: systemd(a)}, entry{pid: 8, name: "beam.smp", cgroup: systemd(b)})
	f := NewFinder(fs)
	now := time.Unix(1000, 0)
	f.now = func() time.Time { return now }
	find := func(uid string, want int) {
		t.Helper()
		if found, err := f.Find([]string{uid}); err != nil || found[uid].PID != want || len(found) != min(want, 1) {
			t.Errorf("%v, %v; want process %d", found, err, want)
		}
	}
	find(a, 7)
	find(b, 8) // a new pod is searched at once
	if err := os.RemoveAll(fs.path(7, "")); err != nil {
		t.Fatal(err)
	}
	find(a, 7) // the result of the last scan
	now = now.Add(100 * time.Millisecond)
	find(b, 8)
	find(a, 0)
	now = now.Add(time.Minute)
	find(b, 8)
	if len(f.uids) != 1 {
		t.Errorf("the Finder still searches for %v", f.uids)
	}
}

// A node with 500 processes, of which one pod's are searched: 50 of the node itself, the others in other pods.
func BenchmarkFind500(b *testing.B) {
	entries := []entry{{pid: 1, name: "systemd", cgroup: "0::/init.scope\n", mnt: "mnt:[1]"}}
	for i := 2; i <= 500; i++ {
		e := entry{pid: i, name: "x", cgroup: systemd(fmt.Sprintf("%08d-2222-3333-4444-555555555555", i)), mnt: fmt.Sprintf("mnt:[%d]", i)}
		if i <= 50 {
			e.cgroup, e.mnt = "0::/system.slice/x.service\n", "mnt:[1]"
		}
		entries = append(entries, e)
	}
	f := NewFinder(write(b, entries...))
	for b.Loop() {
		f.scanned = time.Time{} // as if the last scan were long ago
		if _, err := f.Find([]string{a}); err != nil {
			b.Fatal(err)
		}
	}
}

// The machine's real /proc.
func BenchmarkFindReal(b *testing.B) {
	n, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		b.Fatal(err)
	}
	f := NewFinder("/proc")
	for b.Loop() {
		f.scanned = time.Time{} // as if the last scan were long ago
		if _, err := f.Find([]string{a}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(n)), "processes")
}
