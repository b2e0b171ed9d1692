package proc

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A process that was in none of the wanted pods for as long as settled is not looked at again before stale: containers
// get into their cgroup within milliseconds of their start. Without this a scan of 500 processes takes 5 to 15 ms.
const (
	settled = time.Second
	stale   = 4 * time.Second
)

// One look at all processes serves everybody who asks within recent, so that twenty sessions cost no more than one. Who has
// not asked for a pod for as long as lapse has no more use for it.
const (
	recent = 80 * time.Millisecond
	lapse  = 10 * time.Second
)

// Finder finds the processes of pods, again and again, for several who ask. Safe for concurrent use.
type Finder struct {
	fs  FS
	now func() time.Time

	mu     sync.Mutex
	wanted map[string]time.Time // by UID: when it was last asked for
	uids   []string             // the same, as they were last searched for: a process of one of them is looked at each time
	dull   map[int]time.Time    // all other processes, and since when
	at     time.Time            // of the last look
	found  map[string]Process
}

// NewFinder makes a Finder in fs.
func NewFinder(fs FS) *Finder {
	return &Finder{fs: fs, now: time.Now, wanted: map[string]time.Time{}}
}

// FS is where the processes are found.
func (f *Finder) FS() FS { return f.fs }

// Find gives for each pod UID its most telling process: the BEAM where there is one, else any other than the
// sandbox's pause; of several the oldest, as a release's own commands start further BEAMs beside the node. Zombies are
// passed over: they have no namespaces, and a dead epmd often stays as one. What it gives may be a few milliseconds old.
func (f *Finder) Find(uids []string) (map[string]Process, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, more := f.now(), false
	for _, uid := range uids {
		f.wanted[uid] = now
		more = more || !slices.Contains(f.uids, uid)
	}
	if more || f.at.IsZero() || now.Sub(f.at) > recent {
		if err := f.look(now, more); err != nil {
			return nil, err
		}
	}
	found := map[string]Process{}
	for _, uid := range uids {
		if p, ok := f.found[uid]; ok {
			found[uid] = p
		}
	}
	return found, nil
}

// look looks at all processes. more says that a pod is wanted that was not before: any process may be its.
func (f *Finder) look(now time.Time, more bool) error {
	names, err := f.names()
	if err != nil {
		return err
	}
	maps.DeleteFunc(f.wanted, func(_ string, asked time.Time) bool { return now.Sub(asked) > lapse })
	if f.uids = slices.Collect(maps.Keys(f.wanted)); more {
		f.dull = nil
	}
	s := scan{fs: f.fs, needles: needles(f.uids), uids: f.uids, mounts: map[string]string{}}
	// Processes of the node itself are seen by their mount namespace. A tree without one (no init) has none of them.
	s.host, _ = os.Readlink(f.fs.path(1, "ns/mnt"))
	dull := make(map[int]time.Time, len(names))
	f.at, f.found = now, map[string]Process{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		since, known := f.dull[pid]
		if age := now.Sub(since); !known || age > stale {
			since = now
		} else if age > settled {
			dull[pid] = since
			continue
		}
		uid := s.podOf(pid)
		if uid == "" {
			dull[pid] = since
			continue
		}
		p, alive := f.fs.Process(pid)
		if !alive {
			continue
		}
		if old, ok := f.found[uid]; !ok || rank(p) > rank(old) || rank(p) == rank(old) && p.start < old.start {
			f.found[uid] = p
		}
	}
	f.dull = dull
	return nil
}

func (f *Finder) names() ([]string, error) {
	dir, err := os.Open(string(f.fs))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}

// scan is one look at all processes.
type scan struct {
	fs      FS
	uids    []string
	needles [][2][]byte
	host    string            // the node's own mount namespace
	mounts  map[string]string // pod by mount namespace
	buf     [16 << 10]byte
}

// needles are the two spellings of each UID in a cgroup's path: with - (cgroupfs) and with _ (systemd).
func needles(uids []string) [][2][]byte {
	all := make([][2][]byte, len(uids))
	for i, uid := range uids {
		all[i] = [2][]byte{[]byte(uid), []byte(strings.ReplaceAll(uid, "-", "_"))}
	}
	return all
}

// podOf reads the pod's UID out of the process's cgroup path or, where that names no pod at all, out of the path of its
// mounts.
func (s *scan) podOf(pid int) string {
	cgroup := s.cgroup(pid)
	if len(cgroup) == 0 {
		return ""
	}
	for i, n := range s.needles {
		if bytes.Contains(cgroup, n[0]) || bytes.Contains(cgroup, n[1]) {
			return s.uids[i]
		}
	}
	if bytes.Contains(cgroup, []byte("kubepods")) {
		return "" // some other pod's
	}
	ns, err := os.Readlink(s.fs.path(pid, "ns/mnt"))
	if err == nil && ns == s.host {
		return ""
	}
	// In a cgroup namespace of its own the path is cut off; the kubelet's volumes still name the pod. A table of mounts
	// is long, and the processes of a container share one.
	uid, known := s.mounts[ns]
	if !known {
		uid = s.mounted(pid)
		if err == nil {
			s.mounts[ns] = uid
		}
	}
	return uid
}

// cgroup reads a process's cgroup path with three system calls: a node has hundreds of processes, and they are looked at
// ten times a second. The kernel gives the whole text at once; it is good until the next call.
func (s *scan) cgroup(pid int) []byte {
	fd, err := syscall.Open(s.fs.path(pid, "cgroup"), syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	n, err := syscall.Read(fd, s.buf[:])
	_ = syscall.Close(fd)
	if err != nil {
		return nil
	}
	return s.buf[:n]
}

func (s *scan) mounted(pid int) string {
	table, err := os.ReadFile(s.fs.path(pid, "mountinfo"))
	if err != nil || !bytes.Contains(table, []byte("/pods/")) {
		return ""
	}
	for _, uid := range s.uids {
		if bytes.Contains(table, []byte("/pods/"+uid+"/etc-hosts")) {
			return uid
		}
	}
	return ""
}
