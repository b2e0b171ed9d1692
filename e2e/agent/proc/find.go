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

// A process that belongs to no wanted pod is checked again for recheckFor after it was first seen, because a container
// enters its cgroup some milliseconds after its start. Then it is skipped until recheckAfter. Without this a scan of 500
// processes takes 5 to 15 ms.
const (
	recheckFor   = time.Second
	recheckAfter = 4 * time.Second
)

// The result of a scan is used for maxAge, so that twenty sessions cost no more than one. A pod that was not asked for
// during wantedFor is no longer searched.
const (
	maxAge    = 80 * time.Millisecond
	wantedFor = 10 * time.Second
)

// Finder finds the processes of pods, repeatedly and for several callers. Safe for concurrent use.
type Finder struct {
	fs  FS
	now func() time.Time

	mu       sync.Mutex
	wanted   map[string]time.Time // by UID: time of the last call with it
	uids     []string             // the UIDs of the last scan; their processes are checked in each scan
	unwanted map[int]time.Time    // all other processes, and when they were first seen
	scanned  time.Time            // time of the last scan
	found    map[string]Process
}

// NewFinder returns a Finder in fs.
func NewFinder(fs FS) *Finder {
	return &Finder{fs: fs, now: time.Now, wanted: map[string]time.Time{}}
}

// FS is the /proc of the Finder.
func (f *Finder) FS() FS { return f.fs }

// Find returns for each pod UID its main process: the BEAM if there is one, else any process other than the sandbox's
// pause. Of several it is the oldest, because commands of a release start more BEAMs beside the node. Zombies are skipped:
// they have no namespaces, and an epmd that has exited often stays as one. The result may be some milliseconds old.
func (f *Finder) Find(uids []string) (map[string]Process, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, more := f.now(), false
	for _, uid := range uids {
		f.wanted[uid] = now
		more = more || !slices.Contains(f.uids, uid)
	}
	if more || f.scanned.IsZero() || now.Sub(f.scanned) > maxAge {
		if err := f.scan(now, more); err != nil {
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

// scan checks all processes. more means that there is a new pod: any process may belong to it.
func (f *Finder) scan(now time.Time, more bool) error {
	names, err := f.names()
	if err != nil {
		return err
	}
	maps.DeleteFunc(f.wanted, func(_ string, asked time.Time) bool { return now.Sub(asked) > wantedFor })
	if f.uids = slices.Collect(maps.Keys(f.wanted)); more {
		f.unwanted = nil
	}
	s := scan{fs: f.fs, forms: uidForms(f.uids), uids: f.uids, mounts: map[string]string{}}
	// Processes of the node itself are recognized by their mount namespace. A tree without process 1 has none of them.
	s.host, _ = os.Readlink(f.fs.path(1, "ns/mnt"))
	dull := make(map[int]time.Time, len(names))
	f.scanned, f.found = now, map[string]Process{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		since, known := f.unwanted[pid]
		if age := now.Sub(since); !known || age > recheckAfter {
			since = now
		} else if age > recheckFor {
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
		if old, ok := f.found[uid]; !ok || priority(p) > priority(old) || priority(p) == priority(old) && p.start < old.start {
			f.found[uid] = p
		}
	}
	f.unwanted = dull
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

// scan is the state of one scan.
type scan struct {
	fs     FS
	uids   []string
	forms  [][2][]byte
	host   string            // the node's own mount namespace
	mounts map[string]string // pod by mount namespace
	buf    [16 << 10]byte
}

// uidForms are the two forms of each UID in a cgroup path: with - (cgroupfs) and with _ (systemd).
func uidForms(uids []string) [][2][]byte {
	all := make([][2][]byte, len(uids))
	for i, uid := range uids {
		all[i] = [2][]byte{[]byte(uid), []byte(strings.ReplaceAll(uid, "-", "_"))}
	}
	return all
}

// podOf takes the pod's UID from the process's cgroup path or, if that has no pod, from its mounts.
func (s *scan) podOf(pid int) string {
	cgroup := s.cgroup(pid)
	if len(cgroup) == 0 {
		return ""
	}
	for i, n := range s.forms {
		if bytes.Contains(cgroup, n[0]) || bytes.Contains(cgroup, n[1]) {
			return s.uids[i]
		}
	}
	if bytes.Contains(cgroup, []byte("kubepods")) {
		return "" // another pod
	}
	ns, err := os.Readlink(s.fs.path(pid, "ns/mnt"))
	if err == nil && ns == s.host {
		return ""
	}
	// In a separate cgroup namespace the path is shortened; the kubelet's volumes still have the pod's UID. A mount table is
	// long, and the processes of a container share it, so the result is kept.
	uid, known := s.mounts[ns]
	if !known {
		uid = s.podOfMounts(pid)
		if err == nil {
			s.mounts[ns] = uid
		}
	}
	return uid
}

// cgroup reads a process's cgroup path with three system calls only: a node has hundreds of processes, and they are checked
// ten times a second. The kernel returns the whole text in one read. The result is valid until the next call.
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

func (s *scan) podOfMounts(pid int) string {
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
