package proc

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/recording"
)

// files writes files of a process; the names are relative to /proc/PID.
func files(t testing.TB, fs FS, pid int, all map[string]string) {
	t.Helper()
	for name, text := range all {
		path := fs.path(pid, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func zeros(all ...string) string { return strings.Join(all, "\x00") + "\x00" }

func inPIDNamespace(t testing.TB, fs FS, pid int, ns string) {
	t.Helper()
	files(t, fs, pid, map[string]string{"ns/x": ""})
	if err := os.Symlink(ns, fs.path(pid, "ns/pid")); err != nil {
		t.Fatal(err)
	}
}

func TestVM(t *testing.T) {
	fs := write(t, entry{pid: 70, name: "tini"}, entry{pid: 71, name: "beam.smp"}, entry{pid: 60, name: "another"})
	for pid, ns := range map[int]string{60: "pid:[1]", 70: "pid:[2]", 71: "pid:[2]"} {
		inPIDNamespace(t, fs, pid, ns)
		files(t, fs, pid, map[string]string{"status": fmt.Sprintf("Name:\tx\nNSpid:\t%d\t%d\n", pid, pid-69)})
	}
	files(t, fs, 60, map[string]string{"status": "NSpid:\t60\t1\n"})
	files(t, fs, 71, map[string]string{
		"cmdline": zeros("/opt/derl/erts/bin/beam.smp", "-K", "true", "--", "-name", "derl@10.0.0.7", "-setcookie", "other", "-config", "/tmp/sys.config"),
		"environ": zeros("POD_IP=10.0.0.7", "PATH=/bin", "DB_PASSWORD=hunter2", "VMARGS_PATH=/tmp/vm.args", "ERL_FLAGS=-setcookie other +K true", "POD_IP=10.9.9.9",
			"RELX_COOKIE="+secret, "RELEASE_NODE=derl-"+secret, "no variable", "=", secret+" x=1", "1X=2"),
		"root/tmp/vm.args": "## Name\n-name derl@10.0.0.7\n\n-setcookie other\n  +sbwt none\n-x " + secret + "\n",
	})
	got := fs.VM(71, NewSecrets([]byte(secret), ""))
	want := recording.VM{
		PID: 71, NSPID: 2, First: "tini",
		Args:       []string{"-K", "true", "--", "-name", "derl@10.0.0.7", "-setcookie", "(cookie)", "-config", "/tmp/sys.config"},
		Names:      []string{"DB_PASSWORD", "ERL_FLAGS", "PATH", "POD_IP", "RELEASE_NODE", "RELX_COOKIE", "VMARGS_PATH"},
		Env:        map[string]string{"POD_IP": "10.0.0.7", "VMARGS_PATH": "/tmp/vm.args", "ERL_FLAGS": "-setcookie (cookie) +K true", "RELEASE_NODE": "derl-(cookie)"},
		VMArgsPath: "/tmp/vm.args", VMArgs: []string{"-name derl@10.0.0.7", "-setcookie (cookie)", "+sbwt none", "-x (cookie)"},
	}
	same(t, got, want)

	// SIGTERM is signal 15, the kernel's bit 14.
	for masks, deaf := range map[string]bool{
		"SigBlk:\t0000000000000000\nSigIgn:\t0000000000004000\nSigCgt:\t0000000000010002\n": true,  // a shell
		"SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000014002\n": false, // one with a trap
		"SigBlk:\tfffffffe7bfaf826\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n": false, // tini
		"SigBlk:\tx\n": false, // not known
	} {
		files(t, fs, 70, map[string]string{"status": "NSpid:\t70\t1\n" + masks})
		if got = fs.VM(71, Secrets{}); got.FirstDeaf != deaf || got.First != "tini" {
			t.Errorf("%q: ignores SIGTERM: %t", masks, got.FirstDeaf)
		}
	}

	// The VM itself is process 1, and it is an Elixir release.
	files(t, fs, 71, map[string]string{
		"status": "NSpid:\t71\t1\n", "environ": zeros("RELEASE_VM_ARGS=/app/vm.args"), "root/app/vm.args": "+P 5\n",
	})
	if got = fs.VM(71, Secrets{}); got.First != "" || got.NSPID != 1 || got.VMArgsPath != "/app/vm.args" || !slices.Equal(got.VMArgs, []string{"+P 5"}) || got.Detail != "" {
		t.Errorf("%+v", got)
	}
}

func same(t *testing.T, got, want recording.VM) {
	t.Helper()
	g, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	w, err := json.MarshalIndent(want, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if string(g) != string(w) {
		t.Errorf("%s, want %s", g, w)
	}
}

// A file that cannot be read is named in Detail, and the rest is still recorded.
func TestVMThatCannotBeRead(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("-name outside@h\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := func(fs FS) error {
		return os.Symlink(outside, fs.path(7, "root/tmp/vm.args"))
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		more  func(FS) error
		says  []string
	}{
		{"no files", nil, nil, []string{"the command line: open", "the environment: open", "status: open"}},
		{"no NSpid", map[string]string{"status": "Name:\tx\n"}, nil, []string{"status has no NSpid"}},
		{"an invalid NSpid", map[string]string{"status": "NSpid:\tx\n"}, nil, []string{"status has no NSpid"}},
		{"no process 1", map[string]string{"status": "NSpid:\t7\t2\n"}, func(fs FS) error { inPIDNamespace(t, fs, 7, "pid:[2]"); return nil }, []string{"process 1 of its PID namespace: not found"}},
		{"vm.args leads out", map[string]string{"environ": zeros("VMARGS_PATH=/tmp/vm.args"), "root/tmp/x": ""}, link, []string{"/tmp/vm.args: no such file"}},
		{"vm.args leads up", map[string]string{"environ": zeros("VMARGS_PATH=/../../.." + outside), "root/x": ""}, nil, []string{"outside: no such file"}},
		{"vm.args is relative", map[string]string{"environ": zeros("VMARGS_PATH=vm.args"), "root/vm.args": "-x"}, nil, []string{"vm.args is not an absolute path"}},
		{"vm.args is a folder", map[string]string{"environ": zeros("VMARGS_PATH=/tmp"), "root/tmp/x": ""}, nil, []string{"/tmp: not a regular file"}},
		{"vm.args is long", map[string]string{"environ": zeros("VMARGS_PATH=/long"), "root/long": strings.Repeat("-x\n", 600) + strings.Repeat("-y "+secret+" ", 5000)}, nil, []string{"/long is too long", "only the first 500 lines"}},
		{"many arguments", map[string]string{"cmdline": strings.Repeat("x\x00", 1500)}, nil, []string{"only the first 1000 arguments"}},
		{"a long command line", map[string]string{"cmdline": zeros(strings.Repeat("x", 70000))}, nil, []string{"the command line is too long"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := write(t, entry{pid: 7, name: "beam.smp"})
			files(t, fs, 7, c.files)
			if c.more != nil {
				if err := c.more(fs); err != nil {
					t.Fatal(err)
				}
			}
			v := fs.VM(7, NewSecrets([]byte(secret), ""))
			for _, says := range c.says {
				if !strings.Contains(v.Detail, says) {
					t.Errorf("detail %q lacks %q", v.Detail, says)
				}
			}
			if len(v.Args) > maxArgs || len(v.VMArgs) > maxLines || strings.Contains(fmt.Sprint(v), "outside@h") || strings.Contains(fmt.Sprint(v), secret) {
				t.Errorf("%.300v", v)
			}
		})
	}
}

// Kernels before 5.6 have no openat2. There, no link is followed at all.
func TestOpenWithoutLinks(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"a/b", "out"} {
		if err := os.MkdirAll(filepath.Join(dir, "root", d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{"root/link": "a", "root/a/up": "../../secret"} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"root/a/b/file", "secret"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte(f), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.Open(filepath.Join(dir, "root"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, opens := range map[string]bool{"a/b/file": true, "a//b/file": true, "link/b/file": false, "a/up": false, "../secret": false, "a/../../secret": false, "a/b/none": false, "": false} {
		fd, err := openWithoutLinks(int(root.Fd()), name)
		if (err == nil) != opens {
			t.Errorf("%q: %v", name, err)
		}
		if err != nil {
			continue
		}
		f := os.NewFile(uintptr(fd), name)
		if data, _, err := readLimited(f, 100); err != nil || string(data) != "root/a/b/file" {
			t.Errorf("%q: %q, %v", name, data, err)
		}
		_ = f.Close()
	}
}

func TestResolver(t *testing.T) {
	fs := write(t, entry{pid: 7, name: "beam.smp"})
	if r := fs.Resolver(7, Secrets{}); !strings.Contains(r.Detail, "resolv.conf: no such file") || !strings.Contains(r.Detail, "/etc/hosts: no such file") {
		t.Errorf("%+v", r)
	}
	files(t, fs, 7, map[string]string{
		"root/etc/resolv.conf": "; search c\n# search d\ndomain old\nnameserver 10.96.0.10\nsearch ns.svc.cluster.local svc.cluster.local\noptions ndots:5\noptions timeout:1 edns0\nnameserver evil.example\nsortlist x\n",
		"root/etc/hosts":       "# by the kubelet\n127.0.0.1\tlocalhost\n\n10.0.0.7  derl-0.derl derl-0 # x " + secret + "\n10.0.0.8 " + secret + "\n",
	})
	r := fs.Resolver(7, NewSecrets([]byte(secret), ""))
	if r.Detail != "" || !slices.Equal(r.Servers, []string{"10.96.0.10"}) || !slices.Equal(r.Search, []string{"ns.svc.cluster.local", "svc.cluster.local"}) ||
		!slices.Equal(r.Options, []string{"ndots:5", "timeout:1", "edns0"}) || !slices.Equal(r.Hosts, []string{"127.0.0.1 localhost", "10.0.0.7 derl-0.derl derl-0", "10.0.0.8 (cookie)"}) {
		t.Errorf("%+v", r)
	}
	files(t, fs, 7, map[string]string{"root/etc/hosts": strings.Repeat("10.0.0.1 x\n", 100000)})
	if r = fs.Resolver(7, Secrets{}); len(r.Hosts) != maxHosts || !strings.Contains(r.Detail, "/etc/hosts is too long") {
		t.Errorf("%d lines, %s", len(r.Hosts), r.Detail)
	}
}

func FuzzResolvConf(f *testing.F) {
	f.Add("search a b\nnameserver 10.0.0.1\noptions ndots:5\n", false)
	f.Add("domain x\n;nameserver 1\nnameserver fe80::1%eth0", true)
	f.Add("options"+strings.Repeat(" a", 200)+"\noptions b", false)
	f.Fuzz(func(t *testing.T, text string, cut bool) {
		var r recording.Resolver
		parseResolvConf(&r, wholeLines([]byte(text), cut))
		if len(r.Servers) > maxServers || len(r.Search) > maxWords || len(r.Options) > maxWords {
			t.Errorf("%d servers, %d domains, %d options", len(r.Servers), len(r.Search), len(r.Options))
		}
		hosts := parseHosts(text)
		for _, w := range slices.Concat(r.Servers, r.Search, r.Options, hosts) {
			if w == "" || strings.ContainsAny(w, "\n\t") {
				t.Errorf("%q", w)
			}
		}
		if len(hosts) > maxHosts {
			t.Errorf("%d hosts", len(hosts))
		}
	})
}

func FuzzEnviron(f *testing.F) {
	f.Add([]byte("A=1\x00POD_IP=10.0.0.1\x00A=2\x00"), false)
	f.Add([]byte("ERL_FLAGS=-setcookie\x00X\x00=\x00"), true)
	f.Fuzz(func(t *testing.T, data []byte, cut bool) {
		names, values := parseEnviron(data, cut).recordable(Secrets{})
		if !slices.IsSorted(names) {
			t.Errorf("%q", names)
		}
		for _, n := range names {
			if !variableName.MatchString(n) {
				t.Errorf("name %q", n)
			}
		}
		for n := range maps.Keys(values) {
			if !slices.Contains(recordedVariables, n) || len(values[n]) > maxValue {
				t.Errorf("%s: %q", n, values[n])
			}
		}
		if pid := parseNSPID(string(data)); pid < 0 {
			t.Errorf("process %d", pid)
		}
		parseVMArgs(string(data), Secrets{})
	})
}
