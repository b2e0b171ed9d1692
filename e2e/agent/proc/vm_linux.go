package proc

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"meshproof.dev/meshproof/e2e/recording"
)

// What is read and kept of a process. An environment may hold the variables of a thousand Services.
const (
	maxCmdline = 64 << 10
	maxArgs    = 1000
	maxEnviron = 512 << 10
	maxStatus  = 16 << 10
	maxValue   = 4 << 10
	maxLines   = 500
)

// valued are the variables whose values are recorded: those that decide how a node is named, where it listens and how it
// finds others. No other value leaves a pod.
var valued = []string{
	"CLUSTER_DOMAIN", "DISCOVERY_NAME", "ELIXIR_ERL_OPTIONS", "ERL_AFLAGS", "ERL_DIST_PORT", "ERL_EPMD_ADDRESS", "ERL_EPMD_PORT",
	"ERL_EPMD_RELAXED_COMMAND_CHECK", "ERL_FLAGS", "ERL_INETRC", "ERL_ZFLAGS", "HOSTNAME", "NAMESPACE", "POD_IP", "POD_NAME", "POD_NAMESPACE",
	"RELEASE_DISTRIBUTION", "RELEASE_MODE", "RELEASE_NAME", "RELEASE_NODE", "RELEASE_VM_ARGS", "RELX_OUT_FILE_PATH", "RELX_REPLACE_OS_VARS", "VMARGS_PATH",
}

// variable is the form of a name: a process may have written anything over its environment.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,127}$`)

// VM reads what /proc shows of a BEAM. What cannot be read is in Detail.
func (fs FS) VM(pid int, secrets Secrets) recording.VM {
	v := recording.VM{PID: pid}
	var d details
	if data, cut, err := fs.file(pid, "cmdline", maxCmdline); d.read("the command line", cut, err) {
		v.Args = secrets.args(parseCmdline(data, cut))
		if len(v.Args) > maxArgs {
			v.Args = v.Args[:maxArgs]
			d.add("of the command line only the first %d arguments are kept", maxArgs)
		}
	}
	if data, cut, err := fs.file(pid, "environ", maxEnviron); d.read("the environment", cut, err) {
		env := parseEnviron(data, cut)
		v.Names, v.Env = env.told(secrets)
		fs.vmArgs(pid, env, secrets, &v, &d)
	}
	if data, _, err := fs.file(pid, "status", maxStatus); d.read("status", false, err) {
		if v.NSPID = parseNSPID(string(data)); v.NSPID == 0 {
			d.add("status has no NSpid")
		}
	}
	if v.NSPID > 1 {
		var err error
		if v.First, v.FirstDeaf, err = fs.first(pid); err != nil {
			d.add("process 1 of its PID namespace: %v", err)
		}
		v.First = secrets.known(v.First)
	}
	v.Detail = secrets.known(d.String())
	return v
}

func (fs FS) file(pid int, name string, limit int) (data []byte, cut bool, err error) {
	f, err := os.Open(fs.path(pid, name))
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	return begins(f, limit)
}

// parseCmdline gives the arguments without the program. One that is cut off in the middle is left out: of a cookie the
// half would be too much.
func parseCmdline(data []byte, cut bool) []string {
	args := strings.Split(string(data), "\x00")
	// The last one ends in a zero, too, unless it is cut off or the process has written over it.
	if last := len(args) - 1; cut || args[last] == "" {
		args = args[:last]
	}
	if len(args) < 2 {
		return nil
	}
	return args[1:]
}

// environ are the variables of a process, by name. Of several the first counts (getenv(3)).
type environ map[string]string

func parseEnviron(data []byte, cut bool) environ {
	all := strings.Split(string(data), "\x00")
	if cut {
		all = all[:len(all)-1]
	}
	env := environ{}
	for _, e := range all {
		name, value, ok := strings.Cut(e, "=")
		if _, twice := env[name]; ok && !twice && variable.MatchString(name) {
			env[name] = value
		}
	}
	return env
}

// told is what may be recorded: all names, and the few values.
func (env environ) told(secrets Secrets) (names []string, values map[string]string) {
	for name := range env {
		names = append(names, secrets.known(name))
	}
	slices.Sort(names)
	for _, name := range valued {
		value, set := env[name]
		if !set {
			continue
		}
		if values == nil {
			values = map[string]string{}
		}
		text, _ := secrets.text(value)
		values[name] = text[:min(len(text), maxValue)]
	}
	return names, values
}

// vmArgs reads the rendered vm.args where the release's script says that it is.
func (fs FS) vmArgs(pid int, env environ, secrets Secrets, v *recording.VM, d *details) {
	path := env["VMARGS_PATH"]
	if path == "" {
		path = env["RELEASE_VM_ARGS"]
	}
	if path == "" || len(path) > maxValue {
		return
	}
	v.VMArgsPath = secrets.known(path)
	if path[0] != '/' {
		d.add("%s is no absolute path", path)
		return
	}
	if data, cut, err := fs.inRoot(pid, path); d.read(path, cut, err) {
		v.VMArgs = parseVMArgs(whole(data, cut), secrets)
		if len(v.VMArgs) == maxLines {
			d.add("of %s only the first %d lines are kept", path, maxLines)
		}
	}
}

// parseVMArgs gives the lines of a vm.args that say something: none that is empty or a comment.
func parseVMArgs(text string, secrets Secrets) []string {
	text, _ = secrets.text(text)
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && len(lines) < maxLines {
			lines = append(lines, line)
		}
	}
	return lines
}

// parseNSPID reads the process's id in the innermost of its PID namespaces, 0 where there is none.
func parseNSPID(status string) int {
	for line := range strings.Lines(status) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			f := strings.Fields(ids)
			if len(f) == 0 {
				return 0
			}
			pid, err := strconv.Atoi(f[len(f)-1])
			if err != nil || pid < 0 {
				return 0
			}
			return pid
		}
	}
	return 0
}

// first names the process that is 1 in the PID namespace of pid, and reports whether SIGTERM is lost on it. It is looked for
// among all: in a pod that shares its process namespace it is no ancestor of the BEAM.
func (fs FS) first(pid int) (name string, deaf bool, err error) {
	ns, err := os.Readlink(fs.path(pid, "ns/pid"))
	if err != nil {
		return "", false, err
	}
	all, err := os.ReadDir(string(fs))
	if err != nil {
		return "", false, err
	}
	for _, e := range all {
		other, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if its, gone := os.Readlink(fs.path(other, "ns/pid")); gone != nil || its != ns {
			continue
		}
		status, _, err := fs.file(other, "status", maxStatus)
		if err != nil || parseNSPID(string(status)) != 1 {
			continue
		}
		if p, alive := fs.Process(other); alive {
			return p.Name, deafToTerm(string(status)), nil
		}
	}
	return "", false, fmt.Errorf("none of the %d entries of /proc is it", len(all))
}

// deafToTerm reads from a process's status whether it has neither a handler for SIGTERM nor blocks it, as those do that wait
// for signals (tini, dumb-init). The kernel throws such a signal away when the process is 1 of its PID namespace
// (pid_namespaces(7)); proc_pid_status(5) has the masks.
func deafToTerm(status string) bool {
	const term = 1 << (syscall.SIGTERM - 1)
	known, takes := false, false
	for line := range strings.Lines(status) {
		name, mask, _ := strings.Cut(line, ":")
		if name != "SigCgt" && name != "SigBlk" {
			continue
		}
		if set, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64); err == nil {
			known, takes = true, takes || set&term != 0
		}
	}
	return known && !takes
}

// details collects what could not be read.
type details struct{ all []string }

func (d *details) add(format string, args ...any) {
	d.all = append(d.all, fmt.Sprintf(format, args...))
}

// read takes note of how reading went, and reports whether there is something to parse.
func (d *details) read(what string, cut bool, err error) bool {
	switch {
	case err != nil:
		d.add("%s: %v", what, err)
	case cut:
		d.add("%s is too long and was cut off", what)
	}
	return err == nil
}

// String gives them in one line.
func (d *details) String() string { return strings.Join(d.all, "; ") }
