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

// The cgroup of a process is read again for recheckFor after the process was first seen, because a container enters its cgroup some
// milliseconds after its start. Then what was read is used for recheckAfter. Without this a scan of 500 processes takes 5 to 15 ms.
const (
	recheckFor   = time.Second
	recheckAfter = 4 * time.Second
)

// The result of a scan is used for maxAge, so that twenty sessions cost no more than one. A pod that was not asked for
// during wantedFor is no longer searched: most pods need no search once their VM was found.
const (
	maxAge    = 80 * time.Millisecond
	wantedFor = time.Second
)

// Finder finds the processes of pods, repeatedly and for several callers. Safe for concurrent use.
type Finder struct {
	fs  FS
	now func() time.Time

	mu      sync.Mutex
	wanted  map[string]time.Time // by UID: time of the last call with it
	uids    []string             // the UIDs of the last scan
	known   map[int]*member      // all processes of the last scan
	scanned time.Time            // time of the last scan
	found   map[string]Process
}

// member is what is known of one process: of which pod it is one.
type member struct {
	first  time.Time // when it was first seen, or seen in another cgroup
	last   time.Time // when it was last seen
	read   time.Time // when its cgroup was read
	cgroup string
	start  uint64 // of the process, 0 if it was not looked at
	host   bool   // it has the node's own mounts and no pod's cgroup, so it belongs to no pod
	uid    string // of the wanted pod that it belongs to, "" for none
}

// NewFinder returns a Finder in fs.
func NewFinder(fs FS) *Finder {
	return &Finder{fs: fs, now: time.Now, wanted: map[string]time.Time{}, known: map[int]*member{}}
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
	f.uids = slices.Collect(maps.Keys(f.wanted))
	s := scan{fs: f.fs, forms: uidForms(f.uids), uids: f.uids, mounts: map[string]string{}}
	// Processes of the node itself are recognized by their mount namespace. A tree without process 1 has none of them.
	s.host, _ = os.Readlink(f.fs.path(1, "ns/mnt"))
	f.scanned, f.found = now, map[string]Process{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		m := f.known[pid]
		if m == nil {
			m = &member{first: now}
			f.known[pid] = m
		}
		m.last = now
		switch {
		case now.Sub(m.first) <= recheckFor || now.Sub(m.read) > recheckAfter:
			s.read(pid, m, now)
		case more && !m.host:
			m.uid = s.podOf(pid, m)
		}
		p, alive := f.process(&s, pid, m, now)
		if !alive {
			continue
		}
		if old, ok := f.found[m.uid]; !ok || priority(p) > priority(old) || priority(p) == priority(old) && p.start < old.start {
			f.found[m.uid] = p
		}
	}
	maps.DeleteFunc(f.known, func(_ int, m *member) bool { return m.last != now })
	return nil
}

// process reads a process of a wanted pod; false if it belongs to none, or is no longer alive. One that has started since its cgroup
// was read is another process with the same id.
func (f *Finder) process(s *scan, pid int, m *member, now time.Time) (Process, bool) {
	if _, wanted := f.wanted[m.uid]; !wanted {
		return Process{}, false
	}
	p, alive := f.fs.Process(pid)
	if alive && p.start != m.start && m.start != 0 {
		m.first = now
		s.read(pid, m, now)
		_, alive = f.wanted[m.uid]
	}
	m.start = p.start
	return p, alive
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
	forms  [][2]string
	host   string            // the node's own mount namespace
	mounts map[string]string // pod by mount namespace
	buf    [16 << 10]byte
}

// uidForms are the two forms of each UID in a cgroup path: with - (cgroupfs) and with _ (systemd).
func uidForms(uids []string) [][2]string {
	all := make([][2]string, len(uids))
	for i, uid := range uids {
		all[i] = [2]string{uid, strings.ReplaceAll(uid, "-", "_")}
	}
	return all
}

// read reads the cgroup of a process and finds its pod. A process id with another cgroup than before may be another process by now.
func (s *scan) read(pid int, m *member, now time.Time) {
	cgroup := s.cgroup(pid)
	if !m.read.IsZero() && string(cgroup) != m.cgroup {
		m.first = now
	}
	if string(cgroup) != m.cgroup {
		m.cgroup = string(cgroup)
	}
	m.read = now
	m.uid = s.podOf(pid, m)
}

// podOf takes the pod's UID from the process's cgroup path or, if that has no pod, from its mounts.
func (s *scan) podOf(pid int, m *member) string {
	m.host = false
	if m.cgroup == "" {
		return ""
	}
	for i, n := range s.forms {
		if strings.Contains(m.cgroup, n[0]) || strings.Contains(m.cgroup, n[1]) {
			return s.uids[i]
		}
	}
	if strings.Contains(m.cgroup, "kubepods") {
		return "" // another pod
	}
	ns, err := os.Readlink(s.fs.path(pid, "ns/mnt"))
	if m.host = err == nil && ns == s.host; m.host {
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
